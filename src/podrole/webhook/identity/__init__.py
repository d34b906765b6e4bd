"""Which identity a service account has."""
