"""What the cluster says of itself: discovery, OpenAPI, version."""
