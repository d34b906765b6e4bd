"""IAM's operations: each reads the account as it is and says what it changes and answers."""
