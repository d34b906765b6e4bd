"""What a service account is bound to, and what it seems meant to be bound to.

Both are the webhook's own resolution: of the annotations as they are, and, where those bind nothing or nothing that can
be right, of the annotations as they were probably meant. So the links behind the first can be looked at all the same,
and a person sees all faults at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from podrole.doctor.errors import CannotTell
from podrole.webhook.identity import role_arn
from podrole.webhook.identity.annotations import ROLE_ARN, read_annotations
from podrole.webhook.identity.binding import EMPTY_BINDING, Identity
from podrole.webhook.identity.resolution import resolve

if TYPE_CHECKING:
    from podrole.doctor.facts.chain import ChainFacts

_SIMILAR = 0.8
# What other tools call it, or people write: only letters count.
_OTHER_NAMES = frozenset({"rolearn", "iamrole", "iamrolearn", "role", "arn", "assumerolearn", "awsrolearn"})
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_QUOTES = "\"'`“”‘’<>"


class BindingMistake(StrEnum):
    """How the binding was missed."""

    KEY = "key"
    ON_POD = "on-pod"
    CHARACTERS = "characters"


@dataclass(frozen=True, slots=True)
class BindingFacts:
    """``identity`` is what the webhook gives, ``meant`` what it seems meant to give, by the ``mistake`` that hides it.

    ``key`` and ``value`` are the annotation that was meant, ``by`` the pod that carries it where it is on a pod.
    """

    identity: Identity | None
    meant: Identity | None = None
    mistake: BindingMistake | None = None
    key: str = ""
    value: str = ""
    given_role: str | None = None
    partition: str | None = None

    @property
    def role_arn(self) -> str | None:
        """The role that the rest of the chain is looked at for; None where it is not known, or cannot be a role."""
        if self.given_role is not None:
            return self.given_role
        for identity in (self.meant, self.identity):
            if identity is not None and self._can_be_role(identity):
                return identity.role_arn
        return None

    def _can_be_role(self, identity: Identity) -> bool:
        return bool(identity.role_arn) and role_arn.problem_with(identity.role_arn, partition=self.partition) is None


def bind(case: ChainFacts) -> BindingFacts:
    """Resolve the case's service account."""
    return replace(_bind(case), partition=case.partition)


def _bind(case: ChainFacts) -> BindingFacts:
    if isinstance(case.service_account, CannotTell):
        return BindingFacts(None, given_role=case.role_arn)
    annotations = annotations_of(case.service_account)
    identity = _resolve(case, annotations)
    if identity is not None and identity.method == "container_credentials":
        return BindingFacts(identity, given_role=None if case.association is None else case.association.role_arn)
    prefix = case.settings.annotation_prefix
    if identity is not None:
        cleaned = clean(identity.role_arn)
        if cleaned != identity.role_arn and role_arn.problem_with(cleaned) is None:
            key = ROLE_ARN.key(prefix)
            meant = _resolve(case, {**annotations, key: cleaned})
            return BindingFacts(identity, meant, BindingMistake.CHARACTERS, key, cleaned, case.role_arn)
        return BindingFacts(identity, given_role=case.role_arn)
    misspelt = nearest_key(annotations, prefix)
    if misspelt is not None:
        return _meant(case, annotations, BindingMistake.KEY, misspelt, annotations[misspelt] or "")
    for facts in () if isinstance(case.pods, CannotTell) else case.pods:
        on_pod = annotations_of(facts.pod)
        carried = ROLE_ARN.key(prefix) if on_pod.get(ROLE_ARN.key(prefix)) else nearest_key(on_pod, prefix)
        if carried is not None:
            return _meant(case, annotations, BindingMistake.ON_POD, carried, on_pod[carried] or "")
    return BindingFacts(None, given_role=case.role_arn)


def clean(value: str) -> str:
    """Return a value without the characters that an editor, a shell or a template leaves around it."""
    kept = "".join(one for one in value if one not in _INVISIBLE and (one.isprintable() or one == " "))
    return re.sub(r"\s+", "", kept.strip(_QUOTES + " ")).strip(_QUOTES)


def nearest_key(annotations: Mapping[str, str | None], prefix: str) -> str | None:
    """Return the key that was probably meant as ``prefix/role-arn``, None where none looks like it."""
    wanted = ROLE_ARN.key(prefix)
    found: list[tuple[float, str]] = []
    for key, value in annotations.items():
        if key == wanted or not value or key == "kubectl.kubernetes.io/last-applied-configuration":
            continue
        _, _, name = key.rpartition("/")
        plain = re.sub(r"[^a-z]", "", name.lower())
        likeness = difflib.SequenceMatcher(None, key.lower(), wanted).ratio()
        names_a_role = ":role/" in value
        if likeness >= _SIMILAR or (names_a_role and plain in _OTHER_NAMES):
            found.append((likeness, key))
    return max(found)[1] if found else None


def annotations_of(item: Mapping[str, object] | None) -> dict[str, str | None]:
    """Return an object's annotations."""
    metadata = (item or {}).get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return dict(annotations) if isinstance(annotations, dict) else {}


def _meant(
    case: ChainFacts, annotations: Mapping[str, str | None], mistake: BindingMistake, key: str, value: str
) -> BindingFacts:
    wanted = ROLE_ARN.key(case.settings.annotation_prefix)
    cleaned = clean(value)
    return BindingFacts(None, _resolve(case, {**annotations, wanted: cleaned}), mistake, key, cleaned, case.role_arn)


def _resolve(case: ChainFacts, annotations: Mapping[str, str | None]) -> Identity | None:
    annotated = read_annotations(annotations, case.settings) if annotations else EMPTY_BINDING
    target = case.target
    return resolve(
        target.namespace,
        target.service_account,
        annotated,
        case.bindings,
        case.associated,
        case.settings,
    )
