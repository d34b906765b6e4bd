"""Whose an object is: podrole's for this cluster, or somebody else's, which is never changed without ``--adopt``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from podrole.setup.found import FoundAssociation, FoundProvider, FoundRole, FoundServiceAccount
from podrole.setup.wanted import SetupPlace

PREFIX = "podrole.dev/"
CLUSTER = PREFIX + "cluster"
"""The tag whose value is the cluster that podrole made the object for: podrole's inventory."""
ISSUER = PREFIX + "issuer"
"""The tag whose value is that cluster's issuer: two clusters of an account can have one name."""
FILE = PREFIX + "file"
"""The tag, and the annotation of a service account, with the file that ``podrole apply`` read."""
MANAGED = PREFIX + "managed"
"""The annotation of a service account whose role annotation podrole keeps; its value is the cluster."""
ROLE_ARN = "eks.amazonaws.com/role-arn"
"""The annotation of a service account with its role: the webhook's."""
MANAGED_BY = "app.kubernetes.io/managed-by"
PODROLE = "podrole"

ROLE_DESCRIPTION = "Made by podrole for service accounts"
"""The description of the roles that podrole makes, by which they are found too."""

EKSCTL_CLUSTER = "alpha.eksctl.io/cluster-name"
EKSCTL_SERVICE_ACCOUNT = "alpha.eksctl.io/iamserviceaccount-name"
EKSCTL_ASSOCIATION = "alpha.eksctl.io/podidentityassociation-name"
STACK = "aws:cloudformation:stack-name"

_MAX_TAG = 256
_NOT_IN_TAGS = re.compile(r"[^A-Za-z0-9_ .:/=+@-]")


@dataclass(frozen=True, slots=True)
class ObjectOwner:
    """Who keeps an object. ``ours`` is podrole for this cluster; ``fixed`` owners cannot be replaced by ``--adopt``."""

    what: str
    ours: bool = False
    fixed: bool = False


OURS = ObjectOwner("podrole", ours=True)


def issuer_tag(issuer: str) -> str:
    """Return the value of the tag ``podrole.dev/issuer``: the issuer without ``https://``.

    A hash stands at its end if it would be too long, or hold a character that AWS refuses in tags.
    """
    text = issuer.removeprefix("https://")
    if len(text) <= _MAX_TAG and _NOT_IN_TAGS.search(text) is None:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{_NOT_IN_TAGS.sub('-', text)[: _MAX_TAG - 17]}-{digest}"


def owner_by_tags(tags: Mapping[str, str], place: SetupPlace) -> ObjectOwner:
    """Return whose a role, provider or association is."""
    if STACK in tags:
        return ObjectOwner(f"the CloudFormation stack {tags[STACK]}", fixed=True)
    if CLUSTER in tags:
        if tags[CLUSTER] != place.cluster:
            return ObjectOwner(f"podrole, for cluster {tags[CLUSTER]}")
        if tags.get(ISSUER) == issuer_tag(place.issuer):
            return OURS
        issuer = f"issuer {tags[ISSUER]}" if ISSUER in tags else f"an unknown issuer: the tag {ISSUER} is missing"
        return ObjectOwner(f"podrole, for cluster {place.cluster} of {issuer}")
    if EKSCTL_CLUSTER in tags:
        return ObjectOwner(f"eksctl, for cluster {tags[EKSCTL_CLUSTER]}")
    return ObjectOwner("somebody else: it has no tag of podrole's")


def owner_of(account_object: FoundRole | FoundProvider | FoundAssociation, place: SetupPlace) -> ObjectOwner:
    """Return whose an object of the account is."""
    if isinstance(account_object, FoundAssociation) and account_object.owner_arn is not None:
        return ObjectOwner(f"the add-on {account_object.owner_arn}", fixed=True)
    return owner_by_tags(account_object.tags, place)


def owner_of_service_account(service_account: FoundServiceAccount) -> ObjectOwner:
    """Return whose a service account's role annotation is. A label of another tool says whose the object is."""
    if MANAGED in service_account.annotations:
        return OURS
    tool = service_account.labels.get(MANAGED_BY)
    if tool is None:
        return ObjectOwner("somebody else: it has no mark of podrole's")
    return OURS if tool == PODROLE else ObjectOwner(tool)


def own_tags(place: SetupPlace, file: str | None) -> dict[str, str]:
    """Return the tags of what podrole makes."""
    return {CLUSTER: place.cluster, ISSUER: issuer_tag(place.issuer)} | ({} if file is None else {FILE: file})


def is_users(tag: str) -> bool:
    """Say whether a tag is a person's own: not podrole's, eksctl's or AWS's."""
    return not tag.startswith((PREFIX, "aws:", "alpha.eksctl.io/", "eksctl.cluster.k8s.io/"))
