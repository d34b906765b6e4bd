"""What a container gets from the API: its environment variables and the files of its volumes."""
