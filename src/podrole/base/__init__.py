"""What every room shares: errors, events, certificates, listeners, ASGI, background tasks, files, AWS partitions."""
