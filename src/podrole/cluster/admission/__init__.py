"""What happens to an object between its defaults and its validation: built-in plugins, then registered webhooks."""
