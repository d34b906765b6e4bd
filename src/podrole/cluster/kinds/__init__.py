"""The kinds of objects that the cluster keeps, and what is particular to each."""
