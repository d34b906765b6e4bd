"""``podrole webhook``: the standalone webhook, its manifests, and the scan for pods without their identity."""
