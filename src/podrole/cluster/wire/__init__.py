"""The forms in which requests and answers travel: JSON, YAML, protobuf, Tables."""
