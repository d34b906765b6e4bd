"""Where identities come from, followed as they change."""
