"""Binding pods to the node."""
