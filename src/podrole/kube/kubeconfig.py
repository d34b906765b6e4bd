"""The kubeconfig by which kubectl and the client libraries find the cluster.

https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

from __future__ import annotations

import base64
import json

NAME = "podrole"


def kubeconfig(server: str, authority_pem: bytes, token: str, *, name: str = NAME, namespace: str = "") -> str:
    """Return a kubeconfig as JSON, which is YAML: one cluster, one user with a bearer token, one context.

    ``server`` must be https: kubectl sends a token only over TLS. The caller keeps the file private.
    """
    context = {"cluster": name, "user": name}
    if namespace:
        context["namespace"] = namespace
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": server,
                    "certificate-authority-data": base64.b64encode(authority_pem).decode(),
                },
            }
        ],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": context}],
        "current-context": name,
    }
    return json.dumps(config, indent=2) + "\n"
