"""Link 1: the value of the role annotation is the ARN of a role."""

from __future__ import annotations

from podrole.base.partitions import PARTITIONS
from podrole.doctor.facts.binding import BindingMistake, clean
from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.links.service_account.candidate_roles import role_meant
from podrole.doctor.links.service_account.common import about, annotated, name_of
from podrole.doctor.remedies.changes import ByHand, Remedy
from podrole.doctor.remedies.restart import recreate_pods
from podrole.doctor.report.findings import Finding
from podrole.iam.arn import ARN, parse_arn
from podrole.iam.errors import InvalidARN
from podrole.webhook.identity import role_arn
from podrole.webhook.identity.binding import Identity

# PR105, PR106, PR107, PR108


def check_role_annotation(facts: ChainFacts, identity: Identity) -> Finding | None:
    """Return what is wrong with the ARN that binds the service account, None if nothing is."""
    value = identity.role_arn
    why = role_arn.problem_with(value, relaxed=bool(identity.endpoint_url), partition=facts.rules.partition)
    if why is None:
        return None
    code, what = _classified(facts, identity, why)
    right = clean(value) if code == "PR108" else role_meant(facts, clean(value))
    if right is not None and role_arn.problem_with(right, partition=facts.rules.partition) is None:
        remedy = Remedy(f"annotate the service account with {right}", (annotated(facts, right), *recreate_pods(facts)))
    else:
        key = facts.rules.role_annotation
        target = facts.target
        remedy = Remedy(
            "annotate the service account with a role's ARN",
            (ByHand(f"kubectl annotate serviceaccount {target.service_account} --namespace {target.namespace} "
                    f"--overwrite {key}=arn:aws:iam::<account>:role/<name>"),),
        )  # fmt: skip
    return Finding(
        code,
        what,
        about(facts, "metadata", "annotations", facts.rules.role_annotation),
        remedy,
        expected="arn:<partition>:iam::<account>:role/<name>",
        got=repr(value),
        evidence={"fault": why},
    )


def _classified(facts: ChainFacts, identity: Identity, why: str) -> tuple[str, str]:
    value = identity.role_arn
    place = name_of(facts.target)
    if facts.binding.mistake is BindingMistake.CHARACTERS:
        return (
            "PR108",
            f"The role annotation of {place} contains a space, a quotation mark or another character that no ARN has.",
        )
    try:
        named = parse_arn(value)
    except InvalidARN:
        return "PR105", f"The role annotation of {place} is not an ARN."
    if not named.is_role and named.resource_type != "role":
        kind = "session" if named.is_assumed_role else named.resource_type
        return "PR106", f"The role annotation of {place} does not name a role: it names a {named.service} {kind}."
    if _is_of_another_partition(named, value, relaxed=bool(identity.endpoint_url)):
        return "PR107", f"The role ARN of {place} {why}."
    return "PR105", f"The role ARN of {place} {why}."


def _is_of_another_partition(arn: ARN, value: str, *, relaxed: bool) -> bool:
    """Say whether the partition alone is wrong: one that does not exist, or not the one that the pods run in."""
    if not relaxed and not arn.region and arn.partition not in PARTITIONS:
        return True
    return role_arn.problem_with(value, relaxed=relaxed) is None
