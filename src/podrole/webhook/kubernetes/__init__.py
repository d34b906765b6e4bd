"""The Kubernetes API, as far as the webhook needs it: where it is, how to ask, and how to follow a resource."""
