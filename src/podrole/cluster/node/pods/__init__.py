"""One pod: its life, its volumes, its status."""
