"""``podrole images``: images for pods in containers that come from this machine and not from a registry."""
