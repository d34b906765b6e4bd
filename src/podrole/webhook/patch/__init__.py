"""What a pod gets for its identity, as a JSON Patch. Pure functions."""
