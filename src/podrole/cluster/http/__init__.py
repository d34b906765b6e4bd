"""The API over HTTP: what a request's line and headers mean, and how an answer is written."""
