"""The formats of requests and answers: JSON, YAML, protobuf."""
