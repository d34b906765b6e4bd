"""Sets a pod's AWS identity up: providers, roles, service accounts and associations, on any cluster and account."""
