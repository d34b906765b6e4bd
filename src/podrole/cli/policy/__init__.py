"""``podrole policy``: questions about policies, offline and to the running world."""
