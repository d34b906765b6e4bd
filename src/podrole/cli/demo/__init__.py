"""The walkthrough: a pod without an AWS identity, the set-up, the pod with one, and the refusals."""
