"""The store of objects: in memory, and on disk if it is to last."""
