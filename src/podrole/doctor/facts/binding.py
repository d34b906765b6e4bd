"""What a service account is bound to, and what it was probably meant to be bound to.

Both are the webhook's own resolution: of the annotations as they are, and, if those bind nothing valid, of the
annotations as they were probably meant. So the links behind the first can be checked all the same, and the reader sees
all faults at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from podrole.doctor.facts.pods import PodFacts
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.sources.account import EKSAssociation
from podrole.doctor.sources.cluster import Object
from podrole.doctor.unknown import UnknownFact
from podrole.webhook.identity import role_arn
from podrole.webhook.identity.annotations import ROLE_ARN, read_annotations
from podrole.webhook.identity.binding import EMPTY_BINDING, Identity
from podrole.webhook.identity.config_map import ConfigMapBindings
from podrole.webhook.identity.resolution import resolve
from podrole.webhook.settings import InjectionSettings

_SIMILAR = 0.8
# Names that other tools use, or that people write: only letters count.
_OTHER_NAMES = frozenset({"rolearn", "iamrole", "iamrolearn", "role", "arn", "assumerolearn", "awsrolearn"})
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_QUOTES = "\"'`“”‘’<>"


class BindingMistake(StrEnum):
    """Why the annotation that was meant does not bind the service account."""

    KEY = "key"
    ON_POD = "on-pod"
    CHARACTERS = "characters"


@dataclass(frozen=True, slots=True)
class BindingRules:
    """How a cluster binds service accounts: the webhook's settings, its ConfigMap, and EKS Pod Identity.

    ``associations`` are by namespace and service account. ``partition`` is the one that the pods run in, None if it is
    not known. ``role_arn`` is the role that the user named instead (``--role``). ``unknown`` is why other bindings than
    annotations could not be read.
    """

    settings: InjectionSettings
    config_map: ConfigMapBindings
    associations: Mapping[tuple[str, str], EKSAssociation]
    partition: str | None = None
    role_arn: str | None = None
    unknown: UnknownFact | None = None

    @property
    def role_annotation(self) -> str:
        """The key of the annotation that binds a service account to a role."""
        return ROLE_ARN.key(self.settings.annotation_prefix)

    def association_of(self, target: DoctorTarget) -> EKSAssociation | None:
        """Return a service account's EKS Pod Identity association."""
        return self.associations.get((target.namespace, target.service_account))

    def resolve(self, target: DoctorTarget, annotations: Mapping[str, str | None]) -> Identity | None:
        """Return the identity that the webhook gives the pods of a service account with these annotations."""
        annotated = read_annotations(annotations, self.settings) if annotations else EMPTY_BINDING
        return resolve(
            target.namespace,
            target.service_account,
            annotated,
            self.config_map,
            frozenset(self.associations),
            self.settings,
        )


@dataclass(frozen=True, slots=True)
class BindingFacts:
    """``identity`` is what the webhook gives; ``meant`` is what it would give without the ``mistake``.

    ``key`` and ``value`` are the annotation that was meant; the pod carries it if the mistake is ON_POD. ``role_arn``
    is the role that the later links are checked for; None if it is not known, or cannot be a role.
    """

    identity: Identity | None
    meant: Identity | None = None
    mistake: BindingMistake | None = None
    key: str = ""
    value: str = ""
    role_arn: str | None = None

    @property
    def is_by_agent(self) -> bool:
        """Whether pods get their credentials from the agent of EKS Pod Identity."""
        return self.identity is not None and self.identity.method == "container_credentials"


def bind(
    target: DoctorTarget,
    manifest: Object | UnknownFact | None,
    pods: tuple[PodFacts, ...] | UnknownFact,
    rules: BindingRules,
) -> BindingFacts:
    """Return what a service account is bound to, and what it was probably meant to be bound to."""
    binding = _bind(target, manifest, pods, rules)
    if binding.role_arn is not None:
        return binding
    candidates = (identity.role_arn for identity in (binding.meant, binding.identity) if identity is not None)
    valid = (arn for arn in candidates if arn and role_arn.problem_with(arn, partition=rules.partition) is None)
    return replace(binding, role_arn=next(valid, None))


def _bind(
    target: DoctorTarget,
    manifest: Object | UnknownFact | None,
    pods: tuple[PodFacts, ...] | UnknownFact,
    rules: BindingRules,
) -> BindingFacts:
    if isinstance(manifest, UnknownFact):
        return BindingFacts(None, role_arn=rules.role_arn)
    annotations = annotations_of(manifest)
    identity = rules.resolve(target, annotations)
    if identity is not None and identity.method == "container_credentials":
        association = rules.association_of(target)
        return BindingFacts(identity, role_arn=None if association is None else association.role_arn)
    if identity is not None:
        cleaned = clean(identity.role_arn)
        if cleaned != identity.role_arn and role_arn.problem_with(cleaned) is None:
            key = rules.role_annotation
            meant = rules.resolve(target, {**annotations, key: cleaned})
            return BindingFacts(identity, meant, BindingMistake.CHARACTERS, key, cleaned, rules.role_arn)
        return BindingFacts(identity, role_arn=rules.role_arn)
    misspelt = nearest_key(annotations, rules.settings.annotation_prefix)
    if misspelt is not None:
        return _meant(target, annotations, BindingMistake.KEY, misspelt, annotations[misspelt] or "", rules)
    for pod in () if isinstance(pods, UnknownFact) else pods:
        on_pod = annotations_of(pod.manifest)
        key_on_pod = rules.role_annotation
        carried = key_on_pod if on_pod.get(key_on_pod) else nearest_key(on_pod, rules.settings.annotation_prefix)
        if carried is not None:
            return _meant(target, annotations, BindingMistake.ON_POD, carried, on_pod[carried] or "", rules)
    return BindingFacts(None, role_arn=rules.role_arn)


def _meant(
    target: DoctorTarget,
    annotations: Mapping[str, str | None],
    mistake: BindingMistake,
    key: str,
    value: str,
    rules: BindingRules,
) -> BindingFacts:
    cleaned = clean(value)
    meant = rules.resolve(target, {**annotations, rules.role_annotation: cleaned})
    return BindingFacts(None, meant, mistake, key, cleaned, rules.role_arn)


def clean(value: str) -> str:
    """Return a value without the characters that editors, shells and templates leave around it."""
    kept = "".join(
        character
        for character in value
        if character not in _INVISIBLE and (character.isprintable() or character == " ")
    )
    return re.sub(r"\s+", "", kept.strip(_QUOTES + " ")).strip(_QUOTES)


def nearest_key(annotations: Mapping[str, str | None], prefix: str) -> str | None:
    """Return the key that was probably meant as ``prefix/role-arn``, None if no key is similar."""
    wanted = ROLE_ARN.key(prefix)
    similar: list[tuple[float, str]] = []
    for key, value in annotations.items():
        if key == wanted or not value or key == "kubectl.kubernetes.io/last-applied-configuration":
            continue
        _, _, name = key.rpartition("/")
        plain = re.sub(r"[^a-z]", "", name.lower())
        likeness = difflib.SequenceMatcher(None, key.lower(), wanted).ratio()
        names_a_role = ":role/" in value
        if likeness >= _SIMILAR or (names_a_role and plain in _OTHER_NAMES):
            similar.append((likeness, key))
    return max(similar)[1] if similar else None


def annotations_of(item: Mapping[str, object] | None) -> dict[str, str | None]:
    """Return an object's annotations."""
    metadata = (item or {}).get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return dict(annotations) if isinstance(annotations, dict) else {}
