"""What a pod is given, as a JSON Patch. Pure functions."""
