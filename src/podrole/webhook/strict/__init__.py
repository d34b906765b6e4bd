"""``--compat=strict``: the answers of the EKS pod identity webhook, byte for byte.

It is for comparing the two webhooks, and for users who depend on an oddity. Three oddities are not copied, because
nobody can depend on them: the crash on a ConfigMap entry without a slash or with null, the ignored update of a mounted
ConfigMap, and the whole pod in the error log.
"""
