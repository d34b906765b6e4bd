"""The client side of the Kubernetes API: connecting, asking, following a resource; names and quantities."""
