"""Link 1: a service account that nothing binds to a role, and how it was probably meant to be bound."""

from __future__ import annotations

from podrole.doctor.facts.binding import BindingMistake, annotations_of
from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.exchange import ExchangeQuestion, expected_provider
from podrole.doctor.facts.pods import PodFacts
from podrole.doctor.links.service_account.candidate_roles import (
    role_meant,
    role_named_like,
    roles_of_namespace,
    trusting_roles,
)
from podrole.doctor.links.service_account.common import about, annotated, name_of
from podrole.doctor.remedies.changes import (
    ByHand,
    Change,
    CreateProvider,
    CreateRole,
    PatchPods,
    Remedy,
    SetTrustPolicy,
)
from podrole.doctor.remedies.restart import recreate_pods
from podrole.doctor.remedies.trust_policy import repaired_trust_policy, trust_document
from podrole.doctor.report.findings import About, Finding
from podrole.doctor.similarity import nearest
from podrole.doctor.unknown import UnknownFact, read
from podrole.iam.directory import Role
from podrole.webhook.identity import role_arn

_LONGEST_NAME = 64  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html


# PR102, PR103, PR104, PR109


def check_unbound(facts: ChainFacts) -> Finding:
    """Return why the service account is not bound to a role."""
    binding, target = facts.binding, facts.target
    key = facts.rules.role_annotation
    if binding.mistake is BindingMistake.KEY:
        right = _right_value(facts, binding.value)
        return Finding(
            "PR103",
            f"The role annotation of {name_of(target)} has a misspelled key.",
            about(facts, "metadata", "annotations", binding.key),
            Remedy(
                "correct the annotation's key",
                (annotated(facts, right, **{binding.key: None}), *recreate_pods(facts)),
            ),
            expected=repr(key),
            got=repr(binding.key),
        )
    if binding.mistake is BindingMistake.ON_POD:
        pod = _carrier(facts, binding.key)
        right = _right_value(facts, binding.value)
        return Finding(
            "PR104",
            f"The role annotation is on {_pod_name(pod)}. The webhook reads it from the service account only.",
            About("Pod", target.namespace, pod.name if pod else "", ("metadata", "annotations", binding.key)),
            Remedy("annotate the service account", (annotated(facts, right), *recreate_pods(facts))),
            expected=f"{key} on {name_of(target)}",
            got=f"{binding.key} on {_pod_name(pod)}",
        )
    candidates = trusting_roles(facts)
    others = _bound_neighbours(facts)
    if not candidates and target.pod is not None and _looks_mistaken(facts, others):
        return _other_service_account(facts, others)
    return Finding(
        "PR102",
        f"{name_of(target).capitalize()} is not bound to a role.",
        about(facts, "metadata", "annotations"),
        _binding(facts, candidates),
        expected=f"annotation {key} with a role's ARN",
        got=_annotations_in_words(facts),
    )


def _binding(facts: ChainFacts, candidates: list[Role]) -> Remedy:
    """Return how to bind it: to the only role that trusts it, to a role with its name, or to a new role."""
    if len(candidates) == 1:
        return Remedy(
            f"annotate it with the only role that trusts it, {candidates[0].name}",
            (annotated(facts, candidates[0].arn), *recreate_pods(facts)),
        )
    target = facts.target
    if not candidates:
        named = role_named_like(facts)
        trust = None if named is None else _trusting(facts, named)
        if named is not None and trust is not None:
            return Remedy(
                f"annotate it with role {named.name}, if that is its role, and have the role trust it",
                (trust, annotated(facts, named.arn), *recreate_pods(facts)),
            )
        candidates = roles_of_namespace(facts)
        created = () if candidates else _new_role(facts)
        if created:
            return Remedy(
                "create a role and annotate the service account with it, or use an existing role",
                (*created, *recreate_pods(facts)),
            )
    listed = ", ".join(role.arn for role in candidates[:5]) or "arn:aws:iam::<account>:role/<name>"
    command = f"kubectl annotate serviceaccount {target.service_account} --namespace {target.namespace}"
    return Remedy(
        "annotate it with the ARN of its role" + (", one of the roles that trust it" if candidates else ""),
        (ByHand(f"{command} {facts.rules.role_annotation}=ARN   # {listed}"),),
    )


def _trusting(facts: ChainFacts, role: Role) -> SetTrustPolicy | None:
    """Return the change that makes a role trust the service account."""
    if isinstance(facts.issuer.url, UnknownFact):
        return None
    question = ExchangeQuestion(
        role.arn, facts.issuer.url, facts.target.subject, facts.settings.token_audience, facts.at
    )
    document = read(lambda: repaired_trust_policy(role, question, facts.account))
    return None if document is None or isinstance(document, UnknownFact) else SetTrustPolicy(role.arn, document)


def _new_role(facts: ChainFacts) -> tuple[Change, ...]:
    """Return the changes that create a role for the service account, and the provider if the account has none.

    Empty if the account or the issuer is not known, or the role's name is taken.
    """
    if not facts.account.id or isinstance(facts.issuer.url, UnknownFact):
        return ()
    target = facts.target
    name = f"{target.namespace}-{target.service_account}"[:_LONGEST_NAME]
    arn = f"arn:{facts.rules.partition or 'aws'}:iam::{facts.account.id}:role/{name}"
    question = ExchangeQuestion(arn, facts.issuer.url, target.subject, facts.settings.token_audience, facts.at)
    provider = expected_provider(question)
    roles = read(facts.account.roles)
    known = read(lambda: facts.account.oidc_provider(facts.account.id, question.issuer))
    if isinstance(roles, UnknownFact) or isinstance(known, UnknownFact) or any(role.name == name for role in roles):
        return ()
    thumbprints = () if facts.issuer.thumbprint is None else (facts.issuer.thumbprint,)
    missing = () if known is not None else (CreateProvider(question.issuer, (question.audience,), thumbprints),)
    return (*missing, CreateRole(name, "/", trust_document(question, provider.arn)), annotated(facts, arn))


def _right_value(facts: ChainFacts, value: str) -> str:
    """Return the role's ARN that was probably meant, or the value as it is."""
    if role_arn.problem_with(value) is None:
        return value
    return role_meant(facts, value) or value


def _carrier(facts: ChainFacts, key: str) -> PodFacts | None:
    pods = facts.known_pods
    return next((pod for pod in pods if annotations_of(pod.manifest).get(key)), None)


def _pod_name(pod: PodFacts | None) -> str:
    return f"pod {pod.name}" if pod is not None else "the pod"


def _annotations_in_words(facts: ChainFacts) -> str:
    account = facts.service_account.manifest
    keys = sorted(annotations_of(account)) if isinstance(account, dict) else []
    return f"the annotations {', '.join(keys)}" if keys else "no annotations"


def _bound_neighbours(facts: ChainFacts) -> list[str]:
    """Return the other service accounts of the namespace that are bound to a role."""
    if isinstance(facts.service_account.neighbours, UnknownFact):
        return []
    names = []
    for neighbour in facts.service_account.neighbours:
        name = neighbour["metadata"]["name"]
        if name == facts.target.service_account:
            continue
        if facts.binding_of_neighbour(neighbour).identity is not None:
            names.append(name)
    return names


def _looks_mistaken(facts: ChainFacts, others: list[str]) -> bool:
    """Say whether the pod probably runs under the wrong service account.

    That is ``default``, or one with another name than the pod while another service account has a similar name.
    """
    name = facts.target.service_account
    hints = _hints(facts)
    return bool(others) and (name == "default" or (name not in hints and any(nearest(hint, others) for hint in hints)))


def _hints(facts: ChainFacts) -> list[str]:
    """Return the names of the pod and its workload: service accounts often have the same name."""
    pod = None if isinstance(facts.pods, UnknownFact) or not facts.pods else facts.pods[0]
    return [] if pod is None else [pod.workload.name, pod.name]


def _other_service_account(facts: ChainFacts, others: list[str]) -> Finding:
    pod = None if isinstance(facts.pods, UnknownFact) or not facts.pods else facts.pods[0]
    target = facts.target
    meant = (
        others[0]
        if len(others) == 1
        else next((similar for hint in _hints(facts) if (similar := nearest(hint, others))), None)
    )
    changes: tuple[Change, ...] = (ByHand(f"choose one of the service accounts {', '.join(others)}"),)
    if pod is not None and meant is not None:
        operations = tuple(
            {"op": "add", "path": f"/spec/{member}", "value": meant}
            for member in ("serviceAccountName", "serviceAccount")
        )
        changes = (PatchPods(pod.workload, operations),)
    return Finding(
        "PR109",
        f"Pod {target} runs under service account {target.service_account}, which is not bound to a role.",
        About("Pod", target.namespace, target.pod or "", ("spec", "serviceAccountName")),
        Remedy(f"run the pod under {meant or 'the service account that has the role'}", changes),
        expected=f"a service account with a role: {', '.join(others)}",
        got=repr(target.service_account),
    )
