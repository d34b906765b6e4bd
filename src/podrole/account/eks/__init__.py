"""EKS: clusters that exist as records alone, and the Pod Identity associations of every cluster."""
