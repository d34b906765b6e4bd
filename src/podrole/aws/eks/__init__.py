"""The embedded cluster's side of AWS: its users, its node and the Pod Identity agent."""
