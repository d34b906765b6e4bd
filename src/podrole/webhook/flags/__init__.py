"""The command line of the standalone webhook."""
