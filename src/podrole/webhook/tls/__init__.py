"""The serving certificate: read from files, or made and renewed by the webhook itself."""
