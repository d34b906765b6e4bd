"""The client side of the Kubernetes API: kubeconfig, connection, requests, reflector; names, subjects and
quantities."""
