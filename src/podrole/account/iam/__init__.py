"""IAM: what an account holds and what each operation of IAM's API does to it."""
