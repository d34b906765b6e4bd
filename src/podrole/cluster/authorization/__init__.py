"""What a user may do: one decision for every request and every review, by RBAC."""
