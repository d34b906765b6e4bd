"""The verbs of the API: what a request reads from the store or writes to it."""
