"""From a policy document to a compiled policy, refusing whatever AWS would refuse and whatever is not known to mean
something.

Source: AWS, "Grammar of the IAM JSON policy language"; for Organizations "SCP syntax" and "RCP syntax".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from podrole.base.partitions import PARTITIONS
from podrole.base.short_texts import cached_by_length
from podrole.iam import jsontext
from podrole.iam.conditions import Condition, UnknownOperator, read_operator
from podrole.iam.elements import EVERYTHING, ActionElement, ResourceElement
from podrole.iam.errors import Fault, MalformedPolicyDocument
from podrole.iam.formats import action_fault, has_one_colon, is_stored_date, resource_fault
from podrole.iam.grammar import GRAMMARS, Grammar, Need, Stage
from podrole.iam.jsontext import InvalidJSON, Number, Path
from podrole.iam.limits import check_text
from podrole.iam.policy import CURRENT_VERSION, OLD_VERSION, Effect, Policy, PolicyKind, Statement
from podrole.iam.principal_element import PrincipalElement
from podrole.iam.principal_grammar import read_principals

_TOP = frozenset({"Version", "Id", "Statement"})
_ELEMENTS = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)
_WHOLE_ARNS = frozenset({PolicyKind.SESSION, PolicyKind.SCP, PolicyKind.RCP})
"""The kinds of policies that take no ARN of fewer than six parts."""
_SID = re.compile(r"[0-9A-Za-z]*")
CACHED_CHARACTERS = 500_000
"""How much text the cached policies have together. A compiled policy takes up to 70 times the memory of its text."""
_REPORTED = 20
"""How many faults are reported: finding a place costs a walk through the document."""


def parse_policy(text: str, kind: PolicyKind, *, stored_in: Collection[str] = ()) -> Policy:
    """Read and compile a document.

    Guarantees that every element is known, of its type and in its place. Does not check that what it names exists: not
    the actions, resources and condition keys, and not the principals (``Statement.principal`` holds them for who can).
    ``stored_in`` are the partitions that ARNs may be of. With it, what AWS refuses only when a document is stored is
    refused as well: see :mod:`podrole.iam.storing`, which also checks the quotas. Raises
    :class:`MalformedPolicyDocument`, :class:`PolicyTooLarge` or :class:`PolicyNotPrintable`.
    """
    check_text(text, kind)
    return _Reader(text, kind, stored_in).policy()


@cached_by_length(CACHED_CHARACTERS)
def compile_policy(text: str, kind: PolicyKind) -> Policy:
    """Do as :func:`parse_policy`, and keep the result for the next to ask for the same text as the same kind."""
    return parse_policy(text, kind)


class _Reader:
    """One document on its way. Faults are gathered, so that all can be shown; the earliest stage's is AWS's answer."""

    def __init__(self, text: str, kind: PolicyKind, stored_in: Collection[str]) -> None:
        self.storing = bool(stored_in)
        self.partitions = stored_in or PARTITIONS
        self.text = text
        self.kind = kind
        self.grammar: Grammar = GRAMMARS[kind]
        self.variables: bool
        self.faults: list[tuple[Stage, str, Path, bool, str, str, str]] = []

    def policy(self) -> Policy:
        try:
            document = jsontext.read(self.text)
        except InvalidJSON as problem:
            line, column = jsontext.line_and_column(self.text, problem.offset)
            where = jsontext.show(problem.path)
            message, expected = self.grammar.text("json"), "JSON, each member given once"
            fault = Fault("json", message, where, line, column, problem.what, expected)
            raise MalformedPolicyDocument([fault], aws_code=self.grammar.aws_code) from None
        if not isinstance(document, dict):
            self.fault("syntax", (), document, "a JSON object")
            raise self.refusal()
        version = self.version(document)
        self.variables = version == CURRENT_VERSION
        self.known(document, (), _TOP)
        identifier = self.string(document, "Id", ())
        statements = self.statements(document)
        if self.faults:
            raise self.refusal()
        return Policy(self.kind, version, identifier, statements, self.text)

    # Faults

    def fault(
        self,
        name: str,
        path: Path,
        got: Any,
        expected: str,
        *,
        stage: Stage = Stage.SYNTAX,
        member: bool = False,
        details: Mapping[str, str] | None = None,
    ) -> None:
        """Note a fault at ``path``; with ``member`` it is the name there that is wrong, not the value."""
        message = self.grammar.text(name, **{"got": got if isinstance(got, str) else "", **(details or {})})
        self.faults.append((stage, name, path, member, message, _shown(got), expected))

    def refusal(self) -> MalformedPolicyDocument:
        faults = []
        for _, name, path, member, message, got, expected in sorted(self.faults, key=lambda fault: fault[0])[
            :_REPORTED
        ]:
            line, column = jsontext.line_and_column(self.text, jsontext.locate(self.text, path, member=member))
            faults.append(Fault(name, message, jsontext.show(path), line, column, got, expected))
        return MalformedPolicyDocument(faults, aws_code=self.grammar.aws_code)

    def known(self, members: Mapping[str, Any], path: Path, names: frozenset[str]) -> None:
        for name in members:
            if name not in names:
                self.fault("syntax", (*path, name), name, f"one of {', '.join(sorted(names))}", member=True)

    # Elements

    def version(self, document: Mapping[str, Any]) -> str:
        version = document.get("Version", OLD_VERSION)
        if version not in (CURRENT_VERSION, OLD_VERSION):
            self.fault("version", ("Version",), version, f'"{CURRENT_VERSION}" or "{OLD_VERSION}"')
            return OLD_VERSION
        if self.grammar.current_version and version != CURRENT_VERSION:
            self.fault("version-old", ("Version",), version, f'"{CURRENT_VERSION}"', stage=Stage.VERSION)
        return str(version)

    def string(self, members: Mapping[str, Any], name: str, path: Path) -> str:
        value = members.get(name, "")
        if not isinstance(value, str):
            self.fault("syntax", (*path, name), value, "a string")
            return ""
        return value

    def strings(self, members: Mapping[str, Any], name: str, path: Path) -> list[tuple[Path, str]]:
        """Return a string or a list of strings, each with its place."""
        value = members[name]
        if isinstance(value, str):
            return [((*path, name), value)]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fault("syntax", (*path, name), value, "a string or a list of strings")
            return []
        return [((*path, name, index), item) for index, item in enumerate(value)]

    def statements(self, document: Mapping[str, Any]) -> list[Statement]:
        element = document.get("Statement")
        if not element or not isinstance(element, (dict, list)):
            self.fault("statement-empty", ("Statement",), element, "a statement or a list of statements")
            return []
        if isinstance(element, dict):
            return [self.statement(element, 0, ("Statement",))]
        statements = []
        for index, statement in enumerate(element):
            if isinstance(statement, dict):
                statements.append(self.statement(statement, index, ("Statement", index)))
            else:
                self.fault("syntax", ("Statement", index), statement, "a statement, which is a JSON object")
        self.unique_sids(statements)
        return statements

    def unique_sids(self, statements: list[Statement]) -> None:
        seen: set[str] = set()
        for statement in statements:
            if statement.sid and statement.sid in seen and self.grammar.plain_sids:
                self.fault(
                    "sid-repeated",
                    ("Statement", statement.index, "Sid"),
                    statement.sid,
                    "a Sid of its own",
                    stage=Stage.SIDS,
                )
            seen.add(statement.sid)

    def statement(self, members: Mapping[str, Any], index: int, path: Path) -> Statement:
        self.known(members, path, _ELEMENTS)
        for name in ("Action", "Resource", "Principal"):
            if name in members and f"Not{name}" in members:
                self.fault("syntax", (*path, f"Not{name}"), f"Not{name}", f"{name} or Not{name}, not both", member=True)
        sid = self.string(members, "Sid", path)
        if self.grammar.plain_sids and not _SID.fullmatch(sid):
            self.fault("sid", (*path, "Sid"), sid, "letters and digits", stage=Stage.SIDS)
        effect = self.effect(members, path)
        statement = Statement(
            index,
            jsontext.show(path),
            sid,
            effect,
            self.actions(members, path),
            self.resources(members, path),
            self.principal(members, effect, path),
            self.conditions(members, path),
        )
        if self.grammar.only_everyone and effect is Effect.ALLOW and not _is_full_access(statement):
            self.fault("syntax", (*path, "Effect"), "Allow", '"Deny"; only RCPFullAWSAccess allows')
        return statement

    def effect(self, members: Mapping[str, Any], path: Path) -> Effect:
        value = members.get("Effect")
        if value in ("Allow", "Deny"):
            return Effect(value)
        here = (*path, "Effect")
        if "Effect" not in members:
            self.fault("effect-missing", path, "no Effect", '"Effect": "Allow" or "Deny"')
        elif isinstance(value, str) and value.capitalize() in ("Allow", "Deny"):
            self.fault("effect-case", here, value, '"Allow" or "Deny", in this case', stage=Stage.LEGACY)
        else:
            self.fault("effect", here, value, '"Allow" or "Deny"')
        return Effect.DENY

    def actions(self, members: Mapping[str, Any], path: Path) -> ActionElement:
        name = "NotAction" if "NotAction" in members else "Action"
        if name not in members:
            self.fault("action-missing", path, "neither Action nor NotAction", "an Action element", stage=Stage.ACTIONS)
            return ActionElement(())
        if name == "NotAction" and not self.grammar.not_action:
            self.fault("action-forbidden", (*path, name), name, "Action", member=True, details={"element": name})
        actions = self.strings(members, name, path)
        if members[name] == []:
            self.fault("action-missing", (*path, name), [], "at least one action", stage=Stage.ACTIONS)
        good = []
        for where, action in actions:
            fault = action_fault(action, only_assume_role=self.grammar.only_assume_role)
            if fault is None:
                good.append(action)
            else:
                details = {"got": action.partition(":")[0]}  # the vendor: no text quotes more of an action
                self.fault(fault[0], where, action, fault[1], stage=Stage.ACTION_FORMAT, details=details)
        return ActionElement(good, negated=name == "NotAction")

    def resources(self, members: Mapping[str, Any], path: Path) -> ResourceElement | None:
        names = [name for name in ("Resource", "NotResource") if name in members]
        if self.grammar.resource is Need.FORBIDDEN:
            for name in names:
                self.fault(
                    "resource-forbidden", (*path, name), name, "no such element", member=True, details={"element": name}
                )
            return None
        if not names:
            if self.grammar.resource is Need.REQUIRED:
                missing = "neither Resource nor NotResource"
                self.fault("resource-missing", path, missing, "a Resource element", stage=Stage.RESOURCES)
            return None
        name = names[0]
        resources = self.strings(members, name, path)
        if members[name] == []:
            self.fault("resource-missing", (*path, name), [], "at least one resource", stage=Stage.RESOURCES)
        for where, resource in resources:
            fault = resource_fault(resource, whole=self.kind in _WHOLE_ARNS, partitions=self.partitions)
            if fault is not None:
                stage = Stage.LEGACY if fault.name == "legacy" else Stage.RESOURCE_FORMAT
                self.fault(fault.name, where, resource, fault.expected, stage=stage, details=fault.details)
        return ResourceElement(
            [text for _, text in resources],
            variables=self.variables,
            negated=name == "NotResource",
            completes=self.kind in (PolicyKind.IDENTITY, PolicyKind.BOUNDARY),
        )

    def principal(self, members: Mapping[str, Any], effect: Effect, path: Path) -> PrincipalElement | None:
        name = "NotPrincipal" if "NotPrincipal" in members else "Principal"
        here = (*path, name)
        if self.grammar.principal is Need.FORBIDDEN:
            if name in members:
                self.fault("principal-forbidden", here, name, "no such element", stage=Stage.VERSION, member=True)
            return None
        if name not in members:
            self.fault("principal-missing", path, "neither Principal nor NotPrincipal", "a Principal element")
            return None
        negated = name == "NotPrincipal"
        if negated and effect is Effect.ALLOW:
            self.fault("not-principal-allow", here, name, "Principal; NotPrincipal goes with Deny", member=True)
        elif negated and not self.grammar.not_principal:
            self.fault("not-principal", here, name, "Principal", member=True)
        element, faults = read_principals(
            members[name], self.grammar, self.partitions, negated=negated, denies=effect is Effect.DENY
        )
        for fault in faults:
            self.fault(fault.name, (*here, *fault.path), fault.got, fault.expected, details=fault.details)
        return element

    def conditions(self, members: Mapping[str, Any], path: Path) -> tuple[Condition, ...]:
        block = members.get("Condition", {})
        here = (*path, "Condition")
        if not isinstance(block, dict):
            self.fault("syntax", here, block, "a JSON object of operators")
            return ()
        conditions = []
        for operator, keys in block.items():
            try:
                _, base, _ = read_operator(operator)
            except UnknownOperator:
                self.fault("operator", (*here, operator), operator, "a condition operator of IAM", member=True)
                continue
            if not isinstance(keys, dict):
                self.fault("syntax", (*here, operator), keys, "a JSON object of condition keys")
                continue
            folded: set[str] = set()
            for key, value in keys.items():
                if key.lower() in folded:
                    self.fault("syntax", (*here, operator, key), key, "each key once; case does not count", member=True)
                folded.add(key.lower())
                values = self.values(value, (*here, operator, key))
                if not key:
                    self.fault("syntax", (*here, operator, key), key, "a condition key", member=True)
                if self.storing and not has_one_colon(key):
                    expected = "one colon, between the prefix and the name of the key"
                    stage = Stage.ACTION_FORMAT
                    self.fault("key-colons", (*here, operator, key), key, expected, stage=stage, member=True)
                if base.startswith("Date") and self.grammar.legacy_dates:
                    self.dates(values, (*here, operator, key))
                conditions.append(Condition(operator, key, values, variables=self.variables))
        return tuple(conditions)

    def values(self, value: Any, path: Path) -> list[str]:
        """Return the values of a condition key as text; booleans and numbers may stand there without quotes."""
        texts = []
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                texts.append(item)
            elif isinstance(item, bool):
                texts.append("true" if item else "false")
            elif isinstance(item, Number):
                texts.append(item.text)
            else:
                self.fault("syntax", path, value, "a string, number or boolean, or a list of these")
        return texts

    def dates(self, values: list[str], path: Path) -> None:
        for value in values:
            if not is_stored_date(value):
                self.fault(
                    "legacy", path, value, "a date as 2026-01-31T12:00:00Z, or epoch seconds", stage=Stage.LEGACY
                )


def _is_full_access(statement: Statement) -> bool:
    """Say whether this is the one statement of RCPFullAWSAccess. It has no NotAction: no RCP has."""
    resources = statement.resources
    return (
        statement.actions.actions == (EVERYTHING,)
        and resources is not None
        and resources.resources == (EVERYTHING,)
        and not (resources.negated or statement.conditions)
    )


def _shown(value: Any) -> str:
    """Say in few words what was found."""
    match value:
        case None:
            return "null, or nothing"
        case bool():
            return f"the boolean {str(value).lower()}"
        case Number():
            return f"the number {value.text[:60]}"
        case dict():
            return "an object" if value else "an empty object"
        case list():
            return "a list" if value else "an empty list"
        case str():
            return repr(value) if len(value) <= 200 else f"{value[:200]!r}…"
    return type(value).__name__
