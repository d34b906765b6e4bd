"""The commands of the issuer of a self-managed cluster. They render; ``podrole.issuer`` decides."""
