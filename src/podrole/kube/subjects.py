"""Names of service accounts as users and in tokens: ``system:serviceaccount:NAMESPACE:NAME``.

https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
"""

from __future__ import annotations

import re
from typing import NamedTuple

from podrole.kube.names import is_label, is_subdomain

PREFIX = "system:serviceaccount:"

_COMPLETE = re.compile(re.escape(PREFIX) + r"([a-z0-9-]+):([a-z0-9.-]+)(?![a-z0-9.*?-])")


class Subject(NamedTuple):
    """A service account: ``str`` gives its user name, which is also the subject of its tokens."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{PREFIX}{self.namespace}:{self.name}"


def subject_of(namespace: str, name: str) -> str:
    """Return the user name of a service account. Does not check the two names."""
    return str(Subject(namespace, name))


def parse_subject(text: str) -> Subject | None:
    """Return the service account that a user name or a token's subject names, None if it does not name one.

    The rule is that of ``SplitUsername`` in k8s.io/apiserver: both names have the form that Kubernetes asks of them.
    """
    subject = split_subject(text)
    if subject is None or not is_label(subject.namespace) or not is_subdomain(subject.name):
        return None
    return subject


def split_subject(text: str) -> Subject | None:
    """Return the two parts after the prefix, None if there are not exactly two.

    Does not check them: they may be empty, or patterns with wildcards as in a condition of a trust policy.
    """
    namespace, colon, name = text.removeprefix(PREFIX).partition(":")
    return Subject(namespace, name) if text.startswith(PREFIX) and colon and ":" not in name else None


def find_subjects(text: str) -> list[Subject]:
    """Return the subjects that stand in a text, such as a trust policy, in order; those with wildcards are left out."""
    return [Subject(*match) for match in _COMPLETE.findall(text)]
