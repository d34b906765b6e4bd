"""Installing the webhook in a cluster."""
