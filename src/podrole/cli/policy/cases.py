"""A case of ``podrole policy evaluate``: from JSON to a request and the policies that apply to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from podrole.cli.policy.inputs import BadInput, Piece
from podrole.iam.arn import is_account_id
from podrole.iam.document import parse_policy
from podrole.iam.errors import InvalidRequest, MalformedPolicyDocument, PolicyError
from podrole.iam.evaluate import NamedPolicy, PolicySet, Request
from podrole.iam.jsontext import Number, Path
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import principal_of
from podrole.iam.request import Facts
from podrole.iam.unknown import UnknownKeys

_MEMBERS = frozenset(
    {
        "id",
        "request",
        "identity_policies",
        "resource_policy",
        "permission_boundaries",
        "session_policy",
        "endpoint_policies",
        "scps",
        "rcps",
    }
)
_ASKED = frozenset({"principal", "action", "resource", "resource_account", "context", "unknown"})
_ASSUMPTIONS = ("sts:assumerole", "sts:tagsession", "sts:setsourceidentity", "sts:setcontext")


@dataclass(frozen=True, slots=True)
class Case:
    """One case, ready to be evaluated."""

    id: str
    request: Request
    policies: PolicySet


def case_id(piece: Piece, number: int) -> str:
    """Return a case's id, or its number if it has none."""
    try:
        content = piece.read()
    except BadInput:
        return f"#{number}"
    value = content.get("id") if isinstance(content, dict) else None
    return value if isinstance(value, str) and value else value.text if isinstance(value, Number) else f"#{number}"


def read_case(piece: Piece, number: int) -> Case:
    """Read a case. Raises BadInput with the line of the fault."""
    return _CaseReader(piece, number).case()


class _CaseReader:
    def __init__(self, piece: Piece, number: int) -> None:
        self.piece = piece
        self.id = case_id(piece, number)
        content = piece.read()
        if not isinstance(content, dict):
            raise self.fault((), "a case must be a JSON object")
        self.found: dict[str, Any] = content

    def fault(self, path: Path, what: str) -> BadInput:
        return BadInput(f"{self.piece.place(path)}: case {self.id}: {what}.")

    def case(self) -> Case:
        for name in self.found:
            if name not in _MEMBERS:
                raise self.fault((name,), f"unknown member {name!r}; known are {', '.join(sorted(_MEMBERS))}")
        request = self.request()
        trusts = request.action.lower().startswith(_ASSUMPTIONS)
        kind = PolicyKind.TRUST if trusts and not self.names_resources() else PolicyKind.RESOURCE
        policies = PolicySet(
            identity=self.several(("identity_policies",), PolicyKind.IDENTITY) or (),
            resource=self.single("resource_policy", kind),
            boundaries=self.several(("permission_boundaries",), PolicyKind.BOUNDARY),
            session=self.session(),
            scps=self.levels("scps", PolicyKind.SCP),
            rcps=self.levels("rcps", PolicyKind.RCP),
            endpoint=self.several(("endpoint_policies",), PolicyKind.ENDPOINT),
        )
        return Case(self.id, request, policies)

    def names_resources(self) -> bool:
        """Say whether the resource policy has a Resource element, which trust policies do not have."""
        policy = self.found.get("resource_policy")
        statements = policy.get("Statement") if isinstance(policy, dict) else None
        every = statements if isinstance(statements, list) else [statements]
        return any(
            isinstance(statement, dict) and ("Resource" in statement or "NotResource" in statement)
            for statement in every
        )

    def request(self) -> Request:
        asked = self.found.get("request")
        if not isinstance(asked, dict):
            raise self.fault(("request",), "request is missing or is not a JSON object")
        for name in asked:
            if name not in _ASKED:
                raise self.fault(
                    ("request", name), f"unknown member {name!r} of request; known are {', '.join(sorted(_ASKED))}"
                )
        text = {name: self.text(asked, name) for name in ("principal", "action", "resource")}
        account = asked.get("resource_account")
        if account is not None and not (isinstance(account, str) and (not account or is_account_id(account))):
            raise self.fault(("request", "resource_account"), "resource_account must be an account id of 12 digits")
        try:
            principal = principal_of(text["principal"])
            request = Request(
                principal,
                text["action"],
                text["resource"],
                account or "",
                self.context(asked),
                unknown=self.unknown(asked),
            )
            Facts(request)
        except InvalidRequest as fault:
            at = "principal" if "caller" in fault.what else "action"
            raise self.fault(("request", at), f"{fault.what} Got {fault.got}, expected {fault.expected}") from None
        return request

    def text(self, asked: dict[str, Any], name: str) -> str:
        value = asked.get(name)
        if not isinstance(value, str) or not value:
            what = f"request.{name} must be a non-empty string" if name in asked else f"request.{name} is missing"
            raise self.fault(("request", name), what)
        return value

    def context(self, asked: dict[str, Any]) -> dict[str, str | list[str]]:
        context = asked.get("context")
        if context is None:
            return {}
        if not isinstance(context, dict):
            raise self.fault(("request", "context"), "context must be a JSON object of condition keys")
        values: dict[str, str | list[str]] = {}
        for key, value in context.items():
            if isinstance(value, list):
                values[key] = [self.scalar(key, item) for item in value]
            else:
                values[key] = self.scalar(key, value)
        return values

    def unknown(self, asked: dict[str, Any]) -> UnknownKeys:
        """Read the keys that the request may have, with a value that nobody knows."""
        keys = asked.get("unknown")
        if keys is None:
            return UnknownKeys(())
        if not isinstance(keys, list) or not all(isinstance(key, str) and ":" in key for key in keys):
            raise self.fault(
                ("request", "unknown"), "unknown must be a list of condition keys; a key that ends in * is a family"
            )
        known = {key.lower() for key in asked.get("context") or {}}
        both = [key for key in keys if key.lower() in known]
        if both:
            raise self.fault(("request", "unknown"), f"{both[0]} is unknown and has a value in context")
        return UnknownKeys(keys)

    def scalar(self, key: str, value: Any) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, Number):
            return value.text
        raise self.fault(
            ("request", "context", key), f"the value of {key} must be a string, a number, a boolean or a list"
        )

    # Policies

    def single(self, name: str, kind: PolicyKind) -> NamedPolicy | None:
        return None if self.found.get(name) is None else self.policy((name,), kind)

    def session(self) -> tuple[NamedPolicy, ...] | None:
        policy = self.single("session_policy", PolicyKind.SESSION)
        return None if policy is None else (policy,)

    def several(self, path: Path, kind: PolicyKind) -> tuple[NamedPolicy, ...] | None:
        policies = self.at(path)
        if policies is None:
            return None
        if not isinstance(policies, list):
            raise self.fault(path, f"{path[-1]} must be a list of policies")
        return tuple(self.policy((*path, index), kind) for index in range(len(policies)))

    def levels(self, name: str, kind: PolicyKind) -> tuple[tuple[NamedPolicy, ...], ...] | None:
        levels = self.found.get(name)
        if levels is None:
            return None
        if not isinstance(levels, list):
            raise self.fault((name,), f"{name} must be a list of levels, from the root to the account")
        policies = []
        for index, level in enumerate(levels):
            if not isinstance(level, dict) or set(level) - {"target", "policies"} or "policies" not in level:
                raise self.fault((name, index), f"a level of {name} must be an object with target and policies")
            policies.append(self.several((name, index, "policies"), kind) or ())
        # Without any level there is no organization.
        return tuple(policies) or None

    def at(self, path: Path) -> Any:
        value: Any = self.found
        for step in path:
            value = value.get(step) if isinstance(value, dict) else value[step]
        return value

    def policy(self, path: Path, kind: PolicyKind) -> NamedPolicy:
        """Read a policy: a document, its text, or an object with name and document."""
        value = self.at(path)
        name = _shown(path)
        if isinstance(value, dict) and "document" in value and set(value) <= {"name", "document"}:
            name = value["name"] if isinstance(value.get("name"), str) else name
            path = (*path, "document")
            value = value["document"]
        if isinstance(value, str):
            piece = Piece(value, self.piece.source, self.piece.inner(path).line)
        elif isinstance(value, dict):
            piece = self.piece.inner(path)
        else:
            raise self.fault(path, f"{_shown(path)} must be a policy document")
        try:
            return NamedPolicy(name, parse_policy(piece.text, kind))
        except PolicyError as fault:
            line = piece.line
            where = ""
            if isinstance(fault, MalformedPolicyDocument):
                line += fault.faults[0].line - 1 if isinstance(value, dict) else 0
                where = f" at {fault.faults[0].path} (got {fault.faults[0].got}, expected {fault.faults[0].expected})"
            text = f"{fault.message.rstrip('.')}{where}"
            raise BadInput(f"{piece.source}, line {line}: case {self.id}: {_shown(path)}: {text}.") from None


def _shown(path: Sequence[str | int]) -> str:
    shown = ""
    for step in path:
        shown += f"[{step}]" if isinstance(step, int) else f".{step}" if shown else step
    return shown
