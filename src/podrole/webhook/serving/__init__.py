"""The running webhook: HTTP, certificates, metrics, processes."""
