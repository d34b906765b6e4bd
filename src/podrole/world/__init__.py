"""Starts the local AWS, the cluster and the webhook together, and stops them in order."""
