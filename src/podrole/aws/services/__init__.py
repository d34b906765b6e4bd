"""What is special about each AWS service."""
