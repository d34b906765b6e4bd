"""The store of objects, in memory."""
