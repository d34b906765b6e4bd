"""What it takes to run the webhook in a cluster."""
