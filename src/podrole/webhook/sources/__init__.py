"""The sources of identities, watched for changes."""
