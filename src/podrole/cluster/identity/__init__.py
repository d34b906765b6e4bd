"""Authentication, impersonation, reviews and service-account tokens."""
