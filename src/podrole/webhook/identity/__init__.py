"""Which identity a service account has: annotations, the ConfigMap, and their resolution."""
