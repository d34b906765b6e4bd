"""A service that stores reports."""
