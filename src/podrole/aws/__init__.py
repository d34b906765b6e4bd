"""The local AWS endpoint: each request is parsed, authenticated, authorized, served and recorded."""
