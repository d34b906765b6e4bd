"""A page on loopback that shows each chain between a pod and its AWS identity, and the calls as they happen."""
