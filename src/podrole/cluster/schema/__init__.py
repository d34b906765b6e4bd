"""What Kubernetes objects look like: their types, how bodies become objects, and how that is published."""
