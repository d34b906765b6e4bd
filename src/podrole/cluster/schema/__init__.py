"""The types of Kubernetes objects, and how JSON is decoded by them."""
