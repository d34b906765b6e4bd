"""The mutating admission webhook that gives a pod its identity. It knows only the Kubernetes API."""
