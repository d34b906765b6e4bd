"""What the doctor reads from: a Kubernetes API, an AWS account, files."""
