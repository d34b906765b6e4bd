"""Permission policies that allow more than any pod needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from podrole.doctor.files.findings import FileFinding
from podrole.doctor.remedies.changes import ByHand, Remedy
from podrole.doctor.report.findings import About, Finding, Severity
from podrole.doctor.sources.items import PolicyFile
from podrole.iam.document import compile_policy
from podrole.iam.errors import PolicyError
from podrole.iam.policy import Effect, Policy
from podrole.iam.storing import StoredAs

_EVERYTHING = frozenset({"*", "*:*"})


def allowing_everything(policies: Iterable[PolicyFile]) -> Iterator[FileFinding]:
    """Yield a risk for each statement of a permission policy that allows every action."""
    for policy in policies:
        compiled = _compiled(policy)
        if compiled is None or policy.stored_as not in (StoredAs.INLINE, StoredAs.MANAGED):
            continue
        for position, statement in enumerate(compiled.statements):
            actions = statement.actions
            if statement.effect is not Effect.ALLOW or actions.negated or not _EVERYTHING & set(actions.actions):
                continue
            where = ("Statement", position, "Action")
            finding = Finding(
                "PR707",
                "The policy allows every action of every service: a pod that has it can give itself anything.",
                About("Policy", "", policy.name, where),
                Remedy(
                    "allow the actions that the pods need",
                    (ByHand("podrole doctor … --can ACTION checks one"),),
                ),
                expected="actions by name, such as s3:GetObject",
                got='"Action": "*"',
                severity=Severity.RISK,
            )
            line = policy.origin.line(*(where if policy.inside else ()))
            yield FileFinding(finding, policy.origin.document.path, line)


def _compiled(policy: PolicyFile) -> Policy | None:
    """Return the policy, None if it is malformed, which is reported already."""
    try:
        return compile_policy(policy.text, policy.stored_as.kind)
    except PolicyError:
        return None
