"""Link 6: the role exists, and trusts this service account and no other."""
