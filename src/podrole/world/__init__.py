"""A world: the local AWS, the cluster and the webhook that ``podrole up`` starts together and stops in order."""
