"""SPDY/3.1, as far as Kubernetes' port-forward needs it."""
