"""What every room shares: the error root, the event log, certificates, listeners, private files.

Nothing here knows of AWS or Kubernetes.
"""
