"""Where what is known comes from: a Kubernetes API, an AWS account, files."""
