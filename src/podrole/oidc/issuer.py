"""What an issuer does: sign claims into a token, and describe itself.

Formats are those of kube-apiserver
(https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from podrole.oidc.base64url import encode_base64url
from podrole.oidc.keys import SigningKey


def mint(claims: Mapping[str, Any], key: SigningKey) -> str:
    """Sign ``claims`` as they are and return the compact JWT, its header ``alg`` and ``kid`` as kube-apiserver's."""
    header = _segment({"alg": key.algorithm, "kid": key.kid})
    signed = f"{header}.{_segment(claims)}"
    return f"{signed}.{encode_base64url(key.sign(signed.encode('ascii')))}"


def discovery_document(issuer: str, jwks_uri: str, algorithms: Iterable[str]) -> dict[str, Any]:
    """Return the OpenID Provider Metadata that a cluster publishes for ``issuer``."""
    return {
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": sorted(set(algorithms)),
    }


def _segment(value: Mapping[str, Any]) -> str:
    return encode_base64url(json.dumps(value, separators=(",", ":")).encode())
