"""AWS Organizations: what of it takes part in decisions, and the operations on it."""
