"""Link 1: the service account exists, and names a role."""
