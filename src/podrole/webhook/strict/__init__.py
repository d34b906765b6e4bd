"""The EKS pod identity webhook's results, bit by bit: ``--compat=strict``.

For whoever must compare the two, or has come to rest on an oddity. Three of them are left out, for nobody can rest on
them: the crash on a ConfigMap entry without a slash or with null, the deaf ear to a mounted ConfigMap's update, and the
raw pod in the error log.
"""
