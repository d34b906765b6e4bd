"""The verbs: what a request does to the store, whoever makes it and however it came."""
