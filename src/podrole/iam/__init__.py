"""What AWS IAM decides: ARNs, policy documents, conditions, and whether a request is allowed. Pure: no I/O, no HTTP."""
