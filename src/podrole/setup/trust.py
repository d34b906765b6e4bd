"""The trust of one role for service accounts of one cluster: which statements it has, which it needs.

A statement is *canonical* if it says nothing but what podrole, or eksctl with a web identity, writes for this cluster:
it trusts the cluster's provider, or EKS Pod Identity, for named service accounts. Canonical statements are podrole's to
change; all others are somebody else's, and stay byte for byte.

Sources: https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html,
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html (narrowed by request tags),
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-assign-target-role.html (without tags, and the target role).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from podrole.kube.subjects import Subject, parse_subject, subject_of
from podrole.setup.policy_text import Statement, edited, new_document, statements_of
from podrole.setup.wanted import ServiceAccountName, SetupPlace

AUDIENCE = "sts.amazonaws.com"
POD_IDENTITY = "pods.eks.amazonaws.com"
_WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"
_ASSUME = ("sts:AssumeRole", "sts:TagSession")
_CLUSTER, _NAMESPACE, _ACCOUNT = (
    "aws:RequestTag/eks-cluster-arn",
    "aws:RequestTag/kubernetes-namespace",
    "aws:RequestTag/kubernetes-service-account",
)
_SOURCE = "aws:SourceArn"


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a role trusts in one cluster.

    ``web_identity`` are service accounts that come with their token, ``patterns`` are subjects with wildcards.
    ``pod_identity`` come through an association. ``untagged`` says that the associations of the whole cluster may,
    because one of them disables session tags, so that nothing tells its service account.
    """

    web_identity: frozenset[ServiceAccountName] = frozenset()
    patterns: frozenset[str] = frozenset()
    pod_identity: frozenset[ServiceAccountName] = frozenset()
    untagged: bool = False

    def __or__(self, other: Trust) -> Trust:
        return Trust(
            self.web_identity | other.web_identity,
            self.patterns | other.patterns,
            self.pod_identity | other.pod_identity,
            self.untagged or other.untagged,
        )

    def __sub__(self, other: Trust) -> Trust:
        return Trust(
            self.web_identity - other.web_identity,
            self.patterns - other.patterns,
            self.pod_identity - other.pod_identity,
            self.untagged and not other.untagged,
        )

    def __bool__(self) -> bool:
        return bool(self.web_identity or self.patterns or self.pod_identity or self.untagged)


def pattern_subject(namespace: str, pattern: str) -> str:
    """Return the subject that a pattern of names in a namespace stands for."""
    return subject_of(namespace, pattern)


def trust_of(document: str, place: SetupPlace) -> Trust:
    """Return what the canonical statements of a trust policy trust. A text that cannot be read trusts nothing here."""
    trust = Trust()
    for statement in _statements(document):
        trust |= _read(statement, place) or Trust()
    return trust


def is_readable(document: str) -> bool:
    """Say whether a text is a policy document with statements, to which others can be added."""
    try:
        statements_of(document)
    except ValueError:
        return False
    return True


def has_foreign_statements(document: str, place: SetupPlace) -> bool:
    """Say whether a trust policy has statements that are not canonical for this cluster."""
    statements = _statements(document)
    return not statements or any(_read(statement, place) is None for statement in statements)


def new_trust_policy(trust: Trust, place: SetupPlace) -> str:
    """Return a trust policy that trusts exactly ``trust``, which must not be empty."""
    return new_document(list(_needed(trust, place)))


def changed_trust_policy(document: str, wanted: Trust, place: SetupPlace) -> str | None:
    """Return ``document`` with canonical statements that trust exactly ``wanted``; None if no statement is left.

    Raises ValueError if the document cannot be read.
    """
    if trust_of(document, place) == wanted:
        return document
    kept: set[int] = set()
    replaced: dict[int, Statement | None] = {}
    missing = list(_needed(wanted, place))
    for index, placed in enumerate(statements_of(document)):
        if placed.value in missing:
            missing.remove(placed.value)
            kept.add(index)
        elif _read(placed.value, place) is not None:
            replaced[index] = None
    for index in sorted(replaced):
        before = statements_of(document)[index].value
        same = next((statement for statement in missing if _kind(statement) == _kind(before)), None)
        if same is not None:
            replaced[index] = {**{key: before[key] for key in ("Sid",) if key in before}, **same}
            missing.remove(same)
    return edited(document, replaced, missing)


def target_trust_policy(
    place: SetupPlace, role_arn: str, account: ServiceAccountName, *, disable_session_tags: bool
) -> str:
    """Return the trust policy that the target role of an association needs, so that this service account alone gets it:
    by the tags of its session, or by the external ID where there are none."""
    principal = {"AWS": f"arn:{place.partition}:iam::{place.account}:root"}
    from_role = {"ArnEquals": {"aws:PrincipalARN": role_arn}}
    if not disable_session_tags:
        tags = {_CLUSTER: place.cluster_arn, _NAMESPACE: account.namespace, _ACCOUNT: account.name}
        condition = {"StringEquals": tags, **from_role}
        return new_document(
            [{"Effect": "Allow", "Principal": principal, "Action": list(_ASSUME), "Condition": condition}]
        )
    external_id = f"{place.region}/{place.account}/{place.cluster}/{account.namespace}/{account.name}"
    condition = {"StringEquals": {"sts:ExternalId": external_id}, **from_role}
    return new_document(
        [
            {"Effect": "Allow", "Principal": principal, "Action": _ASSUME[0], "Condition": condition},
            {"Effect": "Allow", "Principal": principal, "Action": _ASSUME[1], "Condition": from_role},
        ]
    )


def _statements(document: str) -> list[Statement]:
    try:
        return [placed.value for placed in statements_of(document)]
    except ValueError:
        return []


def _needed(trust: Trust, place: SetupPlace) -> Iterator[Statement]:
    """Yield the statements for a trust: one for all web identities, one for each namespace of Pod Identity, because a
    list of namespaces beside a list of names would trust every combination."""
    if trust.web_identity:
        subjects = sorted(account.subject for account in trust.web_identity)
        yield _web_identity(place, {"StringEquals": {_key(place, "sub"): _one_or_list(subjects), **_audience(place)}})
    for pattern in sorted(trust.patterns):
        yield _web_identity(place, {"StringEquals": _audience(place), "StringLike": {_key(place, "sub"): pattern}})
    of_namespace: dict[str, list[str]] = defaultdict(list)
    for account in sorted(trust.pod_identity):
        of_namespace[account.namespace].append(account.name)
    for namespace, names in of_namespace.items():
        yield _pod_identity({_CLUSTER: place.cluster_arn, _NAMESPACE: namespace, _ACCOUNT: _one_or_list(names)})
    if trust.untagged:
        yield _pod_identity({_SOURCE: place.cluster_arn})


def _web_identity(place: SetupPlace, condition: dict[str, Any]) -> Statement:
    principal = {"Federated": place.provider_arn}
    return {"Effect": "Allow", "Principal": principal, "Action": _WEB_IDENTITY, "Condition": condition}


def _pod_identity(equals: dict[str, Any]) -> Statement:
    principal = {"Service": POD_IDENTITY}
    return {"Effect": "Allow", "Principal": principal, "Action": list(_ASSUME), "Condition": {"StringEquals": equals}}


def _key(place: SetupPlace, claim: str) -> str:
    return f"{place.key_prefix}:{claim}"


def _audience(place: SetupPlace) -> dict[str, str]:
    return {_key(place, "aud"): AUDIENCE}


def _read(statement: Statement, place: SetupPlace) -> Trust | None:
    """Return what a canonical statement trusts, None for any other statement."""
    if set(statement) - {"Sid", "Effect", "Principal", "Action", "Condition"} or statement.get("Effect") != "Allow":
        return None
    principal, actions = statement.get("Principal"), {str(action) for action in _listed(statement.get("Action"))}
    condition = statement.get("Condition")
    if not isinstance(condition, dict) or not all(isinstance(operands, dict) for operands in condition.values()):
        return None
    if principal == {"Federated": place.provider_arn} and actions == {_WEB_IDENTITY}:
        return _read_web_identity(condition, place)
    if principal == {"Service": POD_IDENTITY} and actions == set(_ASSUME) and set(condition) == {"StringEquals"}:
        return _read_pod_identity(condition["StringEquals"], place)
    return None


def _read_web_identity(condition: dict[str, Any], place: SetupPlace) -> Trust | None:
    equals, like = dict(condition.get("StringEquals", {})), dict(condition.get("StringLike", {}))
    if set(condition) - {"StringEquals", "StringLike"} or _listed(equals.pop(_key(place, "aud"), None)) != [AUDIENCE]:
        return None
    if set(equals) == {_key(place, "sub")} and not like:
        subjects = [parse_subject(str(value)) for value in _listed(equals[_key(place, "sub")])]
        if None in subjects:
            return None
        return Trust(web_identity=frozenset(_named(subject) for subject in subjects if subject is not None))
    if set(like) == {_key(place, "sub")} and not equals:
        patterns = _listed(like[_key(place, "sub")])
        return Trust(patterns=frozenset(map(str, patterns))) if len(patterns) == 1 else None
    return None


def _read_pod_identity(equals: dict[str, Any], place: SetupPlace) -> Trust | None:
    if place.cluster_arn is None:
        return None
    if set(equals) == {_SOURCE}:
        return Trust(untagged=True) if _listed(equals[_SOURCE]) == [place.cluster_arn] else None
    if set(equals) != {_CLUSTER, _NAMESPACE, _ACCOUNT} or _listed(equals[_CLUSTER]) != [place.cluster_arn]:
        return None
    namespaces = _listed(equals[_NAMESPACE])
    if len(namespaces) != 1:
        return None
    names = _listed(equals[_ACCOUNT])
    return Trust(pod_identity=frozenset(ServiceAccountName(str(namespaces[0]), str(name)) for name in names))


def _kind(statement: Statement) -> tuple[str, ...]:
    """Return what two canonical statements share if one takes the other's place."""
    condition = statement["Condition"]
    equals = condition.get("StringEquals", {})
    return (*sorted(condition), *sorted(equals), str(equals.get(_NAMESPACE, "")))


def _named(subject: Subject) -> ServiceAccountName:
    return ServiceAccountName(subject.namespace, subject.name)


def _listed(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list) else [value]


def _one_or_list(values: Iterable[str]) -> str | list[str]:
    listed = list(values)
    return listed[0] if len(listed) == 1 else listed
