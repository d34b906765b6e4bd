"""Signature Version 4: verified, and refused in the words of each service."""
