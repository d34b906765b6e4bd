"""Where the embedded cluster and the local AWS meet: its users, its node and the Pod Identity agent."""
