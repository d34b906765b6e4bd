"""Reviews: questions that are answered and not kept.

The answers are those of ``podrole.cluster.identity.reviews``.
"""

from __future__ import annotations

from podrole.cluster.core.resources import Resource
from podrole.cluster.kinds.kind import Kind

_KEPT = "A review is answered, not kept."
_WITHOUT = dict.fromkeys(("table", "selectable_fields", "prepare", "validate_update"), _KEPT) | {
    "default": "Kubernetes sets no defaults.",
    "validate": "What answers it checks it.",
}


def _review(group: str, plural: str, kind: str, *, namespaced: bool = False) -> Kind:
    schema = f"io.k8s.api.{group.removesuffix('.k8s.io')}.v1.{kind}"
    return Kind(Resource(group, plural, kind, schema, namespaced=namespaced, verbs=("create",)), without=_WITHOUT)


_AUTHENTICATION, _AUTHORIZATION = "authentication.k8s.io", "authorization.k8s.io"

REVIEWS = (
    _review(_AUTHENTICATION, "selfsubjectreviews", "SelfSubjectReview"),
    _review(_AUTHENTICATION, "tokenreviews", "TokenReview"),
    _review(_AUTHORIZATION, "localsubjectaccessreviews", "LocalSubjectAccessReview", namespaced=True),
    _review(_AUTHORIZATION, "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    _review(_AUTHORIZATION, "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    _review(_AUTHORIZATION, "subjectaccessreviews", "SubjectAccessReview"),
)
