"""``podrole webhook``: the standalone webhook, its manifests, and the scan for pods that lack their identity."""
