"""The embedded Kubernetes API, its controllers, and the node that runs pods as processes."""
