"""The issuer of a self-managed cluster: its documents on any store, and its keys rotated without losing a token."""
