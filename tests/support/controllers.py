"""Well-known controllers: their published policies attached to a role, and what each condition refuses.

The policies are those of tests/aws/controllers/data, with the address that each was read at; ``well_known`` names one
that is in ``podrole.setup``. Names in ``${}`` stand for values of the reader's account, as in the documentation.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from podrole.setup.well_known_policies import well_known_policy
from support.aws import ACCOUNT, REGION, LocalAWS

DATA = Path(__file__).parents[1] / "aws" / "controllers" / "data"
REFUSED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
AUTHORIZED = frozenset({"NotImplemented", "DryRunOperation"})
"""The codes of a call that was allowed and that moto does not simulate, or that asked for nothing else."""
_NUMBERS = itertools.count()

Policies = Mapping[str, dict[str, Any]]
"""Policy documents by name."""


class Operand(NamedTuple):
    """One condition of a policy: its statement (the Sid, or the place in the document), the operator and the key."""

    statement: str
    operator: str
    key: str


class Call(NamedTuple):
    """A call of boto3."""

    service: str
    method: str
    parameters: dict[str, Any]
    region: str = REGION


class Refusal(NamedTuple):
    """A call that conditions refuse, each of them alone. ``beside`` is what the role may do beside its policies."""

    operands: tuple[Operand, ...]
    call: Callable[[LocalAWS], Call]
    beside: tuple[dict[str, Any], ...] = ()


def published(controller: str, *names: str, **values: str) -> dict[str, dict[str, Any]]:
    """Read the documents of a controller, all of them by default, with values for the names in ``${}``."""
    documents = json.loads((DATA / f"{controller}.json").read_text())["documents"]
    return {name: _written(documents[name], values) for name in names or documents}


def _written(entry: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """Return a document of the data, or the one that the set-up attaches for a name of eksctl's."""
    if "well_known" in entry:
        (text,) = well_known_policy(entry["well_known"]).inline("aws").values()
        return dict(json.loads(text))
    return _filled(entry["policy"], values)


def _filled(policy: dict[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    text = json.dumps(policy)
    for name, value in {"AccountId": ACCOUNT, "Partition": "aws", "Region": REGION, **values}.items():
        text = text.replace(f"${{{name}}}", value)
    return dict(json.loads(text))


def operands(policies: Policies) -> Iterator[Operand]:
    """Yield every operand of every condition."""
    for policy in policies.values():
        for place, statement in enumerate(policy["Statement"]):
            for operator, keys in statement.get("Condition", {}).items():
                yield from (Operand(statement.get("Sid", str(place)), operator, key) for key in keys)


def without(policies: Policies, *left_out: Operand) -> dict[str, dict[str, Any]]:
    """Return the policies without some operands, each of which must be there."""
    missing = set(left_out) - set(operands(policies))
    assert not missing, missing
    changed = {name: copy.deepcopy(policy) for name, policy in policies.items()}
    for policy in changed.values():
        for place, statement in enumerate(policy["Statement"]):
            kept = {
                operator: {key: value for key, value in keys.items() if (name, operator, key) not in left_out}
                for name in [statement.get("Sid", str(place))]
                for operator, keys in statement.get("Condition", {}).items()
            }
            statement["Condition"] = {operator: keys for operator, keys in kept.items() if keys}
    return changed


@dataclass(frozen=True)
class Controller:
    """A controller's pod: sessions of a role that has these policies."""

    aws: LocalAWS
    policies: Policies
    _sessions: dict[str, dict[str, str]] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """Return a client with the controller's credentials."""
        return self.aws.client(service, self.session(self.policies))

    def session(self, policies: Policies) -> dict[str, str]:
        """Return credentials of a role with these policies."""
        text = json.dumps(policies)
        if text not in self._sessions:
            name = f"controller-{next(_NUMBERS)}"
            self.aws.set_up_role(name=name)
            iam = self.aws.client("iam")
            for policy_name, document in policies.items():
                made = iam.create_policy(PolicyName=f"{name}-{policy_name}", PolicyDocument=json.dumps(document))
                iam.attach_role_policy(RoleName=name, PolicyArn=made["Policy"]["Arn"])
            self._sessions[text] = self.aws.credentials(role=f"arn:aws:iam::{ACCOUNT}:role/{name}")
        return self._sessions[text]

    def is_allowed(self, call: Call) -> bool:
        """Make a call and say whether it was allowed."""
        return self._is_allowed(self.policies, call)

    def check(self, refusal: Refusal) -> None:
        """Make sure that each of the operands refuses a call that is allowed without them."""
        call = refusal.call(self.aws)
        beside = {"beside": _document(refusal.beside)} if refusal.beside else {}
        policies = {**self.policies, **beside}
        for operand in refusal.operands:
            others = [one for one in refusal.operands if one != operand]
            assert not self._is_allowed(without(policies, *others), call), operand
        lifted = without(policies, *refusal.operands)
        assert self._is_allowed(lifted, call), self.aws.last_event().explanation

    def _is_allowed(self, policies: Policies, call: Call) -> bool:
        client = self.aws.client(call.service, self.session(policies), region_name=call.region)
        try:
            getattr(client, call.method)(**call.parameters)
        except ClientError as problem:
            code = problem.response["Error"]["Code"]
            if code not in REFUSED | AUTHORIZED:
                raise
            return code in AUTHORIZED
        return True


def _document(statements: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def covered(refusals: Iterable[Refusal]) -> set[Operand]:
    """Return the operands that have a case."""
    return {operand for one in refusals for operand in one.operands}


def name_of(refusal: Refusal) -> str:
    """Name a case for pytest."""
    return "-".join(refusal.operands[0])


def tags(**given: str) -> list[dict[str, str]]:
    """Write tags as most services do."""
    return [{"Key": key, "Value": value} for key, value in given.items()]


def tagged(values: Mapping[str, str], *kinds: str) -> list[dict[str, Any]]:
    """Write EC2's tag specifications: the same tags for each type of resource."""
    return [{"ResourceType": kind, "Tags": tags(**values)} for kind in kinds]


def unique(prefix: str) -> str:
    """Return a name that no other test uses."""
    return f"{prefix}-{next(_NUMBERS)}"
