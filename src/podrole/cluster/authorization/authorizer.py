"""Decides whether a user may do something. What no rule allows is refused.

The group ``system:masters`` may do everything; for all other users the roles and bindings in the cluster decide. https://kubernetes.io/docs/reference/access-authn-authz/authorization/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from podrole.cluster.authorization.decisions import AccessAttributes, AccessDecision, refusal
from podrole.cluster.authorization.roles import RoleGrant, RoleNotFound, Roles
from podrole.cluster.authorization.rules import Rule, allows
from podrole.cluster.core.users import MASTERS, User


@dataclass(frozen=True, slots=True)
class HeldRules:
    """All rules that a user has in a namespace; ``problems`` names the roles that are missing."""

    rules: tuple[Rule, ...]
    problems: tuple[str, ...]


class Authorizer:
    """Decides by RBAC."""

    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    def decide(self, wanted: AccessAttributes) -> AccessDecision:
        """Return whether it is allowed, and by which binding."""
        if MASTERS in wanted.user.groups:
            return AccessDecision(allowed=True)
        problems: list[str] = []
        for grant in self._roles.grants(wanted.user, wanted.namespace):
            if isinstance(grant, RoleNotFound):
                problems.append(str(grant))
            elif any(allows(rule, wanted) for rule in grant.rules):
                return AccessDecision(allowed=True, reason=f"RBAC: allowed by {grant.source}")
        return AccessDecision(allowed=False, reason=f"RBAC: {aggregated(problems)}" if problems else "")

    def check(self, wanted: AccessAttributes) -> None:
        """Check that it is allowed. Raises StatusError (403)."""
        decision = self.decide(wanted)
        if not decision.allowed:
            raise refusal(wanted, decision)

    def held(self, user: User, namespace: str) -> HeldRules:
        """Return what the user may do in a namespace ('' for the cluster's bindings alone)."""
        grants = list(self._roles.grants(user, namespace))
        return HeldRules(
            tuple(rule for grant in grants if isinstance(grant, RoleGrant) for rule in grant.rules),
            tuple(str(problem) for problem in grants if isinstance(problem, RoleNotFound)),
        )


def rules_status(held: HeldRules) -> dict[str, Any]:
    """Return the status of a SelfSubjectRulesReview."""
    status: dict[str, Any] = {
        "resourceRules": [
            {key: list(rule[key]) for key in ("verbs", "apiGroups", "resources", "resourceNames") if rule.get(key)}
            for rule in held.rules
            if rule.get("resources")
        ],
        "nonResourceRules": [
            {"verbs": list(rule["verbs"]), "nonResourceURLs": list(rule["nonResourceURLs"])}
            for rule in held.rules
            if rule.get("nonResourceURLs")
        ],
        "incomplete": bool(held.problems),
    }
    if held.problems:
        status["evaluationError"] = aggregated(held.problems)
    return status


def aggregated(problems: Any) -> str:
    """Return several errors as one text, like Go's aggregate of errors."""
    texts = list(dict.fromkeys(problems))
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
