"""``podrole policy``: evaluate and validate policies offline, simulate them in the running world."""
