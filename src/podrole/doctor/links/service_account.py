"""Link 1: the pod's service account exists, and is bound to what can be a role."""

from __future__ import annotations

from collections.abc import Iterable

from podrole.doctor.errors import CannotTell
from podrole.doctor.facts.binding import BindingMistake, annotations_of, clean
from podrole.doctor.facts.chain import ChainFacts, DoctorTarget, PodFacts
from podrole.doctor.facts.exchange import ExchangeQuestion, ask_sts, expected_provider, of_stranger
from podrole.doctor.remedies.changes import (
    Annotate,
    Apply,
    ByHand,
    Change,
    CreateProvider,
    CreateRole,
    PatchPods,
    Remedy,
)
from podrole.doctor.remedies.restart import recreate_pods
from podrole.doctor.remedies.trust_policy import trust_document
from podrole.doctor.report.findings import About, Finding, Link, LinkVerdict, Severity, broken, holds, unknown
from podrole.doctor.similarity import nearest
from podrole.iam.arn import parse_arn
from podrole.iam.directory import Role
from podrole.iam.errors import InvalidARN
from podrole.sts.web_identity import Granted
from podrole.webhook.identity import role_arn
from podrole.webhook.identity.binding import Identity

LINK = Link.SERVICE_ACCOUNT
_LONGEST_NAME = 64  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_KIND = "ServiceAccount"


def check(case: ChainFacts) -> LinkVerdict:
    """Say whether the service account binds its pods to a role."""
    account = case.service_account
    if isinstance(account, CannotTell):
        return unknown(LINK, f"The service account could not be read: {account.what}")
    if account is None:
        return broken(LINK, _missing(case))
    identity = case.binding.identity
    if identity is None:
        return broken(LINK, _unbound(case))
    faults = _not_understood(case, identity)
    if identity.method == "container_credentials":
        return holds(LINK, f"{_place(case.target)} has an EKS Pod Identity association", *faults)
    wrong = _wrong_value(case, identity)
    if wrong is not None:
        return broken(LINK, wrong, *faults)
    return holds(LINK, f"{identity.source} name {identity.role_arn}", *faults)


def trusting_roles(case: ChainFacts) -> list[Role]:
    """Return the roles of the account that are meant for the service account: its tokens can become them, and not
    everybody's can, or there is no other; none where that cannot be told."""
    issuer = case.issuer.url
    if isinstance(case.account, CannotTell) or isinstance(issuer, CannotTell):
        return []
    audience = case.settings.token_audience
    try:
        asked = (
            (role, ExchangeQuestion(role.arn, issuer, case.target.subject, audience, case.at))
            for role in _web_roles(case)
        )
        found = [(role, question) for role, question in asked if isinstance(ask_sts(question, case.account), Granted)]
        # A role that lets in anybody tells nothing of whom it is meant for.
        own = [
            role for role, question in found if not isinstance(ask_sts(of_stranger(question), case.account), Granted)
        ]
        return own or [role for role, _ in found if len(found) == 1]
    except CannotTell:
        return []


def _web_roles(case: ChainFacts) -> Iterable[Role]:
    if isinstance(case.account, CannotTell):
        return ()
    return (role for role in case.account.roles() if "AssumeRoleWithWebIdentity" in role.trust_policy)


def _place(target: DoctorTarget) -> str:
    return f"service account {target.namespace}/{target.service_account}"


def _about(case: ChainFacts, *path: str) -> About:
    return About(_KIND, case.target.namespace, case.target.service_account, path)


def _annotated(case: ChainFacts, value: str, **others: str | None) -> Annotate:
    annotations = {case.role_annotation: value, **others}
    return Annotate(_KIND, case.target.namespace, case.target.service_account, annotations)


# PR101


def _missing(case: ChainFacts) -> Finding:
    target = case.target
    names = [] if isinstance(case.neighbours, CannotTell) else [one["metadata"]["name"] for one in case.neighbours]
    meant = nearest(target.service_account, names)
    metadata = {"namespace": target.namespace, "name": target.service_account}
    create: tuple[Change, ...] = (Apply({"apiVersion": "v1", "kind": _KIND, "metadata": metadata}),)
    candidates = trusting_roles(case)
    what = "create it"
    if len(candidates) == 1:
        create = (*create, _annotated(case, candidates[0].arn), *recreate_pods(case))
        what = f"create it, and annotate it with the role that trusts it, {candidates[0].name}"
    return Finding(
        "PR101",
        f"There is no {_place(target)}.",
        _about(case),
        Remedy(what, create),
        expected=f"a service account of that name (did you mean {meant}?)" if meant else "a service account",
        got="none" if not names else "the namespace has " + ", ".join(sorted(names)[:10]),
    )


# PR102, PR103, PR104, PR109


def _unbound(case: ChainFacts) -> Finding:
    binding, target = case.binding, case.target
    key = case.role_annotation
    if binding.mistake is BindingMistake.KEY:
        right = _right_value(case, binding.value)
        return Finding(
            "PR103",
            f"The annotation of {_place(target)} that should name its role has another key.",
            _about(case, "metadata", "annotations", binding.key),
            Remedy(
                "give the annotation its right key",
                (_annotated(case, right, **{binding.key: None}), *recreate_pods(case)),
            ),
            expected=repr(key),
            got=repr(binding.key),
        )
    if binding.mistake is BindingMistake.ON_POD:
        facts = _carrier(case, binding.key)
        right = _right_value(case, binding.value)
        return Finding(
            "PR104",
            f"The role's annotation is on {_pod_name(facts)}; the webhook reads it from the service account.",
            About("Pod", target.namespace, facts.name if facts else "", ("metadata", "annotations", binding.key)),
            Remedy("annotate the service account", (_annotated(case, right), *recreate_pods(case))),
            expected=f"{key} on {_place(target)}",
            got=f"{binding.key} on {_pod_name(facts)}",
        )
    candidates = trusting_roles(case)
    others = _bound_neighbours(case)
    if not candidates and target.pod is not None and _looks_mistaken(case, others):
        return _other_service_account(case, others)
    return Finding(
        "PR102",
        f"Nothing binds {_place(target)} to a role.",
        _about(case, "metadata", "annotations"),
        _binding(case, candidates),
        expected=f"annotation {key} with a role's ARN",
        got=_annotations_in_words(case),
    )


def _binding(case: ChainFacts, candidates: list[Role]) -> Remedy:
    """Return how it is bound: to the one role that trusts it, to one that is named like it, or to a new one."""
    if len(candidates) == 1:
        return Remedy(
            f"annotate it with the one role that trusts it, {candidates[0].name}",
            (_annotated(case, candidates[0].arn), *recreate_pods(case)),
        )
    target = case.target
    if not candidates:
        named = _named_like_it(case)
        if named is not None:
            return Remedy(
                f"annotate it with its role: is it {named.name}? (its trust policy is looked at next)",
                (_annotated(case, named.arn), *recreate_pods(case)),
            )
        created = _new_role(case)
        if created:
            return Remedy(
                "create a role for it and name that; or name one that is there", (*created, *recreate_pods(case))
            )
    listed = ", ".join(role.arn for role in candidates[:5]) or "arn:aws:iam::<account>:role/<name>"
    command = f"kubectl annotate serviceaccount {target.service_account} --namespace {target.namespace}"
    return Remedy(
        "annotate it with the ARN of its role" + (", one of those that trust it" if candidates else ""),
        (ByHand(f"{command} {case.role_annotation}=ARN   # {listed}"),),
    )


def _named_like_it(case: ChainFacts) -> Role | None:
    if isinstance(case.account, CannotTell):
        return None
    try:
        roles = {role.name: role for role in _web_roles(case)}
    except CannotTell:
        return None
    name = case.target.service_account
    meant = name if name in roles else nearest(name, roles)
    return roles[meant] if meant else None


def _new_role(case: ChainFacts) -> tuple[Change, ...]:
    """Return what makes a role for the service account, and the provider where the account has none; nothing where the
    account or the issuer is not known."""
    if isinstance(case.account, CannotTell) or not case.account.id or isinstance(case.issuer.url, CannotTell):
        return ()
    target = case.target
    name = f"{target.namespace}-{target.service_account}"[:_LONGEST_NAME]
    arn = f"arn:{case.partition or 'aws'}:iam::{case.account.id}:role/{name}"
    question = ExchangeQuestion(arn, case.issuer.url, target.subject, case.settings.token_audience, case.at)
    provider = expected_provider(question)
    try:
        if any(role.name == name for role in case.account.roles()):
            return ()
        known = case.account.oidc_provider(case.account.id, question.issuer)
    except CannotTell:
        return ()
    thumbprints = () if case.issuer.thumbprint is None else (case.issuer.thumbprint,)
    missing = () if known is not None else (CreateProvider(question.issuer, (question.audience,), thumbprints),)
    return (*missing, CreateRole(name, "/", trust_document(question, provider.arn)), _annotated(case, arn))


def _right_value(case: ChainFacts, value: str) -> str:
    """Return a role's ARN for what was written, where it can be made out."""
    if role_arn.problem_with(value) is None:
        return value
    return _role_meant(case, value) or value


def _carrier(case: ChainFacts, key: str) -> PodFacts | None:
    pods = () if isinstance(case.pods, CannotTell) else case.pods
    return next((one for one in pods if annotations_of(one.pod).get(key)), None)


def _pod_name(facts: PodFacts | None) -> str:
    return f"pod {facts.name}" if facts is not None else "the pod"


def _annotations_in_words(case: ChainFacts) -> str:
    account = case.service_account
    keys = sorted(annotations_of(account)) if isinstance(account, dict) else []
    return f"the annotations {', '.join(keys)}" if keys else "no annotations"


def _bound_neighbours(case: ChainFacts) -> list[str]:
    """Return the service accounts of the namespace that are bound to a role."""
    if isinstance(case.neighbours, CannotTell):
        return []
    found = []
    for one in case.neighbours:
        name = one["metadata"]["name"]
        if name == case.target.service_account:
            continue
        if case.of_neighbour(one).binding.identity is not None:
            found.append(name)
    return found


def _looks_mistaken(case: ChainFacts, others: list[str]) -> bool:
    """Say whether a pod seems to run under another service account than was meant: under ``default``, or under one of
    another name than its own while there is one like it."""
    name = case.target.service_account
    hints = _hints(case)
    return bool(others) and (name == "default" or (name not in hints and any(nearest(hint, others) for hint in hints)))


def _hints(case: ChainFacts) -> list[str]:
    """Return the names of the pod and of what makes it: service accounts are often named like that."""
    facts = None if isinstance(case.pods, CannotTell) or not case.pods else case.pods[0]
    return [] if facts is None else [facts.workload.name, facts.name]


def _other_service_account(case: ChainFacts, others: list[str]) -> Finding:
    facts = None if isinstance(case.pods, CannotTell) or not case.pods else case.pods[0]
    target = case.target
    meant = (
        others[0]
        if len(others) == 1
        else next((found for hint in _hints(case) if (found := nearest(hint, others))), None)
    )
    changes: tuple[Change, ...] = (ByHand(f"choose among the service accounts {', '.join(others)}"),)
    if facts is not None and meant is not None:
        operations = tuple(
            {"op": "add", "path": f"/spec/{member}", "value": meant}
            for member in ("serviceAccountName", "serviceAccount")
        )
        changes = (PatchPods(facts.workload, operations),)
    return Finding(
        "PR109",
        f"Pod {target} runs under service account {target.service_account}, which nothing binds to a role.",
        About("Pod", target.namespace, target.pod or "", ("spec", "serviceAccountName")),
        Remedy(f"run it under {meant or 'the service account that has the role'}", changes),
        expected=f"a service account that has a role: {', '.join(others)}",
        got=repr(target.service_account),
    )


# PR105, PR106, PR107, PR108


def _wrong_value(case: ChainFacts, identity: Identity) -> Finding | None:
    value = identity.role_arn
    why = role_arn.problem_with(value, relaxed=bool(identity.endpoint_url), partition=case.partition)
    if why is None:
        return None
    code, what = _classified(case, value, why)
    right = clean(value) if code == "PR108" else _role_meant(case, clean(value))
    remedy = Remedy("annotate it with the role's ARN")
    if right is not None and role_arn.problem_with(right, partition=case.partition) is None:
        remedy = Remedy(f"annotate it with {right}", (_annotated(case, right), *recreate_pods(case)))
    else:
        key = case.role_annotation
        target = case.target
        remedy = Remedy(
            "annotate it with a role's ARN",
            (ByHand(f"kubectl annotate serviceaccount {target.service_account} --namespace {target.namespace} "
                    f"--overwrite {key}=arn:aws:iam::<account>:role/<name>"),),
        )  # fmt: skip
    return Finding(
        code,
        what,
        _about(case, "metadata", "annotations", case.role_annotation),
        remedy,
        expected="arn:<partition>:iam::<account>:role/<name>",
        got=repr(value),
        evidence={"fault": why},
    )


def _classified(case: ChainFacts, value: str, why: str) -> tuple[str, str]:
    place = _place(case.target)
    if case.binding.mistake is BindingMistake.CHARACTERS:
        return "PR108", f"The annotation of {place} has characters in it that no ARN has: a blank, a quote or worse."
    try:
        named = parse_arn(value)
    except InvalidARN:
        return "PR105", f"The annotation of {place} holds no ARN."
    if not named.is_role and named.resource_type != "role":
        kind = "session" if named.is_assumed_role else named.resource_type
        return "PR106", f"The annotation of {place} names something of IAM that is no role: a {named.service} {kind}."
    if "partition" in why:
        return "PR107", f"The role that {place} names {why}."
    return "PR105", f"The role that {place} names {why}."


def _role_meant(case: ChainFacts, value: str) -> str | None:
    """Return the ARN of the role that a wrong value probably means: by its name, by likeness, or by its trust."""
    if isinstance(case.account, CannotTell):
        return None
    name = value.split("/")[1] if ":assumed-role/" in value else value.rpartition("/")[2]
    try:
        roles = {role.name: role.arn for role in case.account.roles()}
    except CannotTell:
        return None
    if name in roles:
        return roles[name]
    trusting = trusting_roles(case)
    if len(trusting) == 1:
        return trusting[0].arn
    meant = nearest(name, roles)
    return roles[meant] if meant else None


# PR110


def _not_understood(case: ChainFacts, identity: Identity) -> list[Finding]:
    found = []
    for warning in identity.warnings:
        key = warning.annotation
        remedy = Remedy("write a value that is understood into the ConfigMap")
        if key is not None:
            remove = Annotate(_KIND, case.target.namespace, case.target.service_account, {key: None})
            remedy = Remedy("write a value that is understood, or take the annotation out", (remove,))
        found.append(
            Finding(
                "PR110",
                f"{warning.text[0].upper()}{warning.text[1:]}.",
                _about(case) if key is None else _about(case, "metadata", "annotations", key),
                remedy,
                severity=Severity.RISK,
            )
        )
    return found
