"""The documents about the cluster: discovery, OpenAPI, version, the issuer's documents."""
