"""What an examination reports: verdicts, findings, and the catalogue of their codes."""
