"""Link 1: the pod's service account exists, and is bound to what can be a role."""

from __future__ import annotations

from podrole.doctor.facts.binding import BindingMistake, annotations_of, clean
from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.exchange import ExchangeQuestion, ask_sts, expected_provider, of_stranger
from podrole.doctor.facts.pods import PodFacts
from podrole.doctor.facts.target import DoctorTarget
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
from podrole.doctor.unknown import Unknown, read
from podrole.iam.arn import parse_arn
from podrole.iam.directory import Role
from podrole.iam.errors import InvalidARN
from podrole.sts.web_identity import Granted
from podrole.webhook.identity import role_arn
from podrole.webhook.identity.binding import Identity

LINK = Link.SERVICE_ACCOUNT
_LONGEST_NAME = 64  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_KIND = "ServiceAccount"


def check(facts: ChainFacts) -> LinkVerdict:
    """Say whether the service account binds its pods to a role."""
    account = facts.service_account.manifest
    if isinstance(account, Unknown):
        return unknown(LINK, f"The service account could not be read: {account.what}")
    if account is None:
        return broken(LINK, _missing(facts))
    identity = facts.binding.identity
    if identity is None:
        return broken(LINK, _unbound(facts))
    faults = _not_understood(facts, identity)
    if identity.method == "container_credentials":
        return holds(LINK, f"{_place(facts.target)} has an EKS Pod Identity association", *faults)
    wrong = _wrong_value(facts, identity)
    if wrong is not None:
        return broken(LINK, wrong, *faults)
    return holds(LINK, f"{identity.source} name {identity.role_arn}", *faults)


def trusting_roles(facts: ChainFacts) -> list[Role]:
    """Return the roles of the account that are meant for the service account: its tokens can become them, and not
    everybody's can, or there is no other; none where that cannot be told."""
    issuer = facts.issuer.url
    if isinstance(issuer, Unknown):
        return []
    roles = read(lambda: _trusting_roles(facts, issuer))
    return [] if isinstance(roles, Unknown) else roles


def _trusting_roles(facts: ChainFacts, issuer: str) -> list[Role]:
    audience = facts.settings.token_audience
    granted = []
    for role in _web_roles(facts):
        question = ExchangeQuestion(role.arn, issuer, facts.target.subject, audience, facts.at)
        if isinstance(ask_sts(question, facts.account), Granted):
            granted.append((role, question))
    # A role that lets in anyone does not show which service account it is for.
    own = [role for role, question in granted if not isinstance(ask_sts(of_stranger(question), facts.account), Granted)]
    return own or [role for role, _ in granted if len(granted) == 1]


def _web_roles(facts: ChainFacts) -> list[Role]:
    return [role for role in facts.account.roles() if "AssumeRoleWithWebIdentity" in role.trust_policy]


def _place(target: DoctorTarget) -> str:
    return f"service account {target.namespace}/{target.service_account}"


def _about(facts: ChainFacts, *path: str) -> About:
    return About(_KIND, facts.target.namespace, facts.target.service_account, path)


def _annotated(facts: ChainFacts, value: str, **others: str | None) -> Annotate:
    annotations = {facts.rules.role_annotation: value, **others}
    return Annotate(_KIND, facts.target.namespace, facts.target.service_account, annotations)


# PR101


def _missing(facts: ChainFacts) -> Finding:
    target = facts.target
    names = (
        []
        if isinstance(facts.service_account.neighbours, Unknown)
        else [one["metadata"]["name"] for one in facts.service_account.neighbours]
    )
    meant = nearest(target.service_account, names)
    metadata = {"namespace": target.namespace, "name": target.service_account}
    create: tuple[Change, ...] = (Apply({"apiVersion": "v1", "kind": _KIND, "metadata": metadata}),)
    candidates = trusting_roles(facts)
    what = "create it"
    if len(candidates) == 1:
        create = (*create, _annotated(facts, candidates[0].arn), *recreate_pods(facts))
        what = f"create it, and annotate it with the role that trusts it, {candidates[0].name}"
    return Finding(
        "PR101",
        f"There is no {_place(target)}.",
        _about(facts),
        Remedy(what, create),
        expected=f"a service account of that name (did you mean {meant}?)" if meant else "a service account",
        got="none" if not names else "the namespace has " + ", ".join(sorted(names)[:10]),
    )


# PR102, PR103, PR104, PR109


def _unbound(facts: ChainFacts) -> Finding:
    binding, target = facts.binding, facts.target
    key = facts.rules.role_annotation
    if binding.mistake is BindingMistake.KEY:
        right = _right_value(facts, binding.value)
        return Finding(
            "PR103",
            f"The annotation of {_place(target)} that should name its role has another key.",
            _about(facts, "metadata", "annotations", binding.key),
            Remedy(
                "give the annotation its right key",
                (_annotated(facts, right, **{binding.key: None}), *recreate_pods(facts)),
            ),
            expected=repr(key),
            got=repr(binding.key),
        )
    if binding.mistake is BindingMistake.ON_POD:
        pod = _carrier(facts, binding.key)
        right = _right_value(facts, binding.value)
        return Finding(
            "PR104",
            f"The role's annotation is on {_pod_name(pod)}; the webhook reads it from the service account.",
            About("Pod", target.namespace, pod.name if pod else "", ("metadata", "annotations", binding.key)),
            Remedy("annotate the service account", (_annotated(facts, right), *recreate_pods(facts))),
            expected=f"{key} on {_place(target)}",
            got=f"{binding.key} on {_pod_name(pod)}",
        )
    candidates = trusting_roles(facts)
    others = _bound_neighbours(facts)
    if not candidates and target.pod is not None and _looks_mistaken(facts, others):
        return _other_service_account(facts, others)
    return Finding(
        "PR102",
        f"Nothing binds {_place(target)} to a role.",
        _about(facts, "metadata", "annotations"),
        _binding(facts, candidates),
        expected=f"annotation {key} with a role's ARN",
        got=_annotations_in_words(facts),
    )


def _binding(facts: ChainFacts, candidates: list[Role]) -> Remedy:
    """Return how it is bound: to the one role that trusts it, to one that is named like it, or to a new one."""
    if len(candidates) == 1:
        return Remedy(
            f"annotate it with the one role that trusts it, {candidates[0].name}",
            (_annotated(facts, candidates[0].arn), *recreate_pods(facts)),
        )
    target = facts.target
    if not candidates:
        named = _named_like_it(facts)
        if named is not None:
            return Remedy(
                f"annotate it with its role: is it {named.name}? (its trust policy is looked at next)",
                (_annotated(facts, named.arn), *recreate_pods(facts)),
            )
        created = _new_role(facts)
        if created:
            return Remedy(
                "create a role for it and name that; or name one that is there", (*created, *recreate_pods(facts))
            )
    listed = ", ".join(role.arn for role in candidates[:5]) or "arn:aws:iam::<account>:role/<name>"
    command = f"kubectl annotate serviceaccount {target.service_account} --namespace {target.namespace}"
    return Remedy(
        "annotate it with the ARN of its role" + (", one of those that trust it" if candidates else ""),
        (ByHand(f"{command} {facts.rules.role_annotation}=ARN   # {listed}"),),
    )


def _named_like_it(facts: ChainFacts) -> Role | None:
    listed = read(lambda: _web_roles(facts))
    if isinstance(listed, Unknown):
        return None
    roles = {role.name: role for role in listed}
    name = facts.target.service_account
    meant = name if name in roles else nearest(name, roles)
    return roles[meant] if meant else None


def _new_role(facts: ChainFacts) -> tuple[Change, ...]:
    """Return what makes a role for the service account, and the provider where the account has none; nothing where the
    account or the issuer is not known."""
    if not facts.account.id or isinstance(facts.issuer.url, Unknown):
        return ()
    target = facts.target
    name = f"{target.namespace}-{target.service_account}"[:_LONGEST_NAME]
    arn = f"arn:{facts.rules.partition or 'aws'}:iam::{facts.account.id}:role/{name}"
    question = ExchangeQuestion(arn, facts.issuer.url, target.subject, facts.settings.token_audience, facts.at)
    provider = expected_provider(question)
    roles = read(facts.account.roles)
    known = read(lambda: facts.account.oidc_provider(facts.account.id, question.issuer))
    if isinstance(roles, Unknown) or isinstance(known, Unknown) or any(role.name == name for role in roles):
        return ()
    thumbprints = () if facts.issuer.thumbprint is None else (facts.issuer.thumbprint,)
    missing = () if known is not None else (CreateProvider(question.issuer, (question.audience,), thumbprints),)
    return (*missing, CreateRole(name, "/", trust_document(question, provider.arn)), _annotated(facts, arn))


def _right_value(facts: ChainFacts, value: str) -> str:
    """Return a role's ARN for what was written, where it can be made out."""
    if role_arn.problem_with(value) is None:
        return value
    return _role_meant(facts, value) or value


def _carrier(facts: ChainFacts, key: str) -> PodFacts | None:
    pods = facts.known_pods
    return next((one for one in pods if annotations_of(one.manifest).get(key)), None)


def _pod_name(pod: PodFacts | None) -> str:
    return f"pod {pod.name}" if pod is not None else "the pod"


def _annotations_in_words(facts: ChainFacts) -> str:
    account = facts.service_account.manifest
    keys = sorted(annotations_of(account)) if isinstance(account, dict) else []
    return f"the annotations {', '.join(keys)}" if keys else "no annotations"


def _bound_neighbours(facts: ChainFacts) -> list[str]:
    """Return the service accounts of the namespace that are bound to a role."""
    if isinstance(facts.service_account.neighbours, Unknown):
        return []
    found = []
    for one in facts.service_account.neighbours:
        name = one["metadata"]["name"]
        if name == facts.target.service_account:
            continue
        if facts.binding_of_neighbour(one).identity is not None:
            found.append(name)
    return found


def _looks_mistaken(facts: ChainFacts, others: list[str]) -> bool:
    """Say whether a pod seems to run under another service account than was meant: under ``default``, or under one of
    another name than its own while there is one like it."""
    name = facts.target.service_account
    hints = _hints(facts)
    return bool(others) and (name == "default" or (name not in hints and any(nearest(hint, others) for hint in hints)))


def _hints(facts: ChainFacts) -> list[str]:
    """Return the names of the pod and of what makes it: service accounts are often named like that."""
    pod = None if isinstance(facts.pods, Unknown) or not facts.pods else facts.pods[0]
    return [] if pod is None else [pod.workload.name, pod.name]


def _other_service_account(facts: ChainFacts, others: list[str]) -> Finding:
    pod = None if isinstance(facts.pods, Unknown) or not facts.pods else facts.pods[0]
    target = facts.target
    meant = (
        others[0]
        if len(others) == 1
        else next((found for hint in _hints(facts) if (found := nearest(hint, others))), None)
    )
    changes: tuple[Change, ...] = (ByHand(f"choose among the service accounts {', '.join(others)}"),)
    if pod is not None and meant is not None:
        operations = tuple(
            {"op": "add", "path": f"/spec/{member}", "value": meant}
            for member in ("serviceAccountName", "serviceAccount")
        )
        changes = (PatchPods(pod.workload, operations),)
    return Finding(
        "PR109",
        f"Pod {target} runs under service account {target.service_account}, which nothing binds to a role.",
        About("Pod", target.namespace, target.pod or "", ("spec", "serviceAccountName")),
        Remedy(f"run it under {meant or 'the service account that has the role'}", changes),
        expected=f"a service account that has a role: {', '.join(others)}",
        got=repr(target.service_account),
    )


# PR105, PR106, PR107, PR108


def _wrong_value(facts: ChainFacts, identity: Identity) -> Finding | None:
    value = identity.role_arn
    why = role_arn.problem_with(value, relaxed=bool(identity.endpoint_url), partition=facts.rules.partition)
    if why is None:
        return None
    code, what = _classified(facts, value, why)
    right = clean(value) if code == "PR108" else _role_meant(facts, clean(value))
    remedy = Remedy("annotate it with the role's ARN")
    if right is not None and role_arn.problem_with(right, partition=facts.rules.partition) is None:
        remedy = Remedy(f"annotate it with {right}", (_annotated(facts, right), *recreate_pods(facts)))
    else:
        key = facts.rules.role_annotation
        target = facts.target
        remedy = Remedy(
            "annotate it with a role's ARN",
            (ByHand(f"kubectl annotate serviceaccount {target.service_account} --namespace {target.namespace} "
                    f"--overwrite {key}=arn:aws:iam::<account>:role/<name>"),),
        )  # fmt: skip
    return Finding(
        code,
        what,
        _about(facts, "metadata", "annotations", facts.rules.role_annotation),
        remedy,
        expected="arn:<partition>:iam::<account>:role/<name>",
        got=repr(value),
        evidence={"fault": why},
    )


def _classified(facts: ChainFacts, value: str, why: str) -> tuple[str, str]:
    place = _place(facts.target)
    if facts.binding.mistake is BindingMistake.CHARACTERS:
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


def _role_meant(facts: ChainFacts, value: str) -> str | None:
    """Return the ARN of the role that a wrong value probably means: by its name, by likeness, or by its trust."""
    name = value.split("/")[1] if ":assumed-role/" in value else value.rpartition("/")[2]
    listed = read(facts.account.roles)
    if isinstance(listed, Unknown):
        return None
    roles = {role.name: role.arn for role in listed}
    if name in roles:
        return roles[name]
    trusting = trusting_roles(facts)
    if len(trusting) == 1:
        return trusting[0].arn
    meant = nearest(name, roles)
    return roles[meant] if meant else None


# PR110


def _not_understood(facts: ChainFacts, identity: Identity) -> list[Finding]:
    found = []
    for warning in identity.warnings:
        key = warning.annotation
        remedy = Remedy("write a value that is understood into the ConfigMap")
        if key is not None:
            remove = Annotate(_KIND, facts.target.namespace, facts.target.service_account, {key: None})
            remedy = Remedy("write a value that is understood, or take the annotation out", (remove,))
        found.append(
            Finding(
                "PR110",
                f"{warning.text[0].upper()}{warning.text[1:]}.",
                _about(facts) if key is None else _about(facts, "metadata", "annotations", key),
                remedy,
                severity=Severity.RISK,
            )
        )
    return found
