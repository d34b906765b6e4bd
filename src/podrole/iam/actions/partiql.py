"""PartiQL statements, read as far as authorization needs: table, attributes, and the values that a key must equal.

A statement that is written in any other way than those below is not read: then its table may be any, and its keys are
unknown. What is read must be what the service acts on.

Source: AWS, "PartiQL - a SQL-compatible query language for Amazon DynamoDB", "IAM security policies with PartiQL".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from podrole.iam.actions.call import Call, Permission

_VERB = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|EXISTS)\b", re.IGNORECASE)
_ACTIONS = {"SELECT": "Select", "INSERT": "Insert", "UPDATE": "Update", "DELETE": "Delete", "EXISTS": "Select"}
# One table, and behind it nothing that could be another: what is written otherwise may be on any table.
_TARGET = re.compile(
    r"\b(?:FROM|INTO|UPDATE)\s+(?:\"([^\"]+)\"|([A-Za-z0-9_.-]+?))(?:\.(?:\"([^\"]+)\"|([A-Za-z0-9_-]+)))?"
    r"\s*(?:$|[;)]|\b(?:WHERE|ORDER|VALUE|SET|REMOVE)\b)",
    re.IGNORECASE,
)
_NAMING = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN)\b", re.IGNORECASE)
_TOKEN = re.compile(
    r"[ \t\r\n]*(?:(?P<word>[A-Za-z_][A-Za-z0-9_]*)|\"(?P<quoted>[^\"]+)\"(?!\")|'(?P<string>[^']*)'(?!')"
    r"|(?P<number>-?[0-9]+(?:\.[0-9]+)?)(?![A-Za-z0-9_.])|(?P<index>\[[0-9]+\])|(?P<sign><=|>=|<>|[=<>(),.?*;:{}])"
    r"|(?P<end>$))"
)
_KEYWORDS = frozenset(
    {
        "ALL",
        "AND",
        "ASC",
        "BETWEEN",
        "BY",
        "DELETE",
        "DESC",
        "EXISTS",
        "FROM",
        "IN",
        "INSERT",
        "INTO",
        "IS",
        "MISSING",
        "MODIFIED",
        "NEW",
        "NOT",
        "NULL",
        "OLD",
        "OR",
        "ORDER",
        "REMOVE",
        "RETURNING",
        "SELECT",
        "SET",
        "UPDATE",
        "VALUE",
        "WHERE",
    }
)
_CONSTANTS = frozenset({"FALSE", "NULL", "TRUE"})
_COMPARISONS = frozenset({"=", "<", "<=", "<>", ">", ">="})
_RETURNED = {("ALL", "NEW"): "ALL_NEW", ("ALL", "OLD"): "ALL_OLD"}
_RETURNED |= {("MODIFIED", "NEW"): "UPDATED_NEW", ("MODIFIED", "OLD"): "UPDATED_OLD"}


class UnreadableStatement(ValueError):
    """A PartiQL statement that is not one of the forms that are read."""


class PartiQLStatement(NamedTuple):
    """What a statement does. ``equalities`` are attributes with the attribute value that they must have or get.

    ``selects_all`` is ``SELECT *``. ``returned`` is the value of ReturnValues that RETURNING means.
    """

    attributes: tuple[str, ...]
    equalities: tuple[tuple[str, Mapping[str, Any]], ...]
    selects_all: bool
    returned: str


def statements(call: Call) -> list[tuple[str, Sequence[Any]]]:
    """Return the statements of a call, each with its parameters."""
    parameters = call.parameters
    match call.operation:
        case "ExecuteStatement":
            every = [parameters]
        case "BatchExecuteStatement":
            every = list(parameters.get("Statements") or ())
        case "ExecuteTransaction":
            every = list(parameters.get("TransactStatements") or ())
        case _:
            every = []
    return [(str(entry.get("Statement", "")), entry.get("Parameters") or ()) for entry in every]


def permission_of(call: Call, statement: str) -> Permission:
    """Return what a statement needs; partial unless it names exactly one table."""
    verb = _VERB.match(statement)
    target = _TARGET.search(statement)
    name = f"dynamodb:PartiQL{_ACTIONS[verb[1].upper()]}" if verb else "dynamodb:PartiQLSelect"
    if verb is None or target is None or len(_NAMING.findall(statement)) != 1:
        return Permission(name, call.arn("dynamodb", "table/*"), partial=True)
    table = target[1] or target[2]
    arn = table if table.startswith("arn:") else call.arn("dynamodb", f"table/{table}")
    index = target[3] or target[4]
    return Permission(name, f"{arn}/index/{index}" if index else arn)


def read(statement: str, parameters: Sequence[Any]) -> PartiQLStatement:
    """Read a statement. Raises UnreadableStatement."""
    return _Reader(statement, parameters).read()


class _Token(NamedTuple):
    kind: str
    text: str

    @property
    def keyword(self) -> str:
        return self.text.upper() if self.kind == "word" and self.text.upper() in _KEYWORDS else ""


class _Reader:
    """One statement, token by token."""

    def __init__(self, statement: str, parameters: Sequence[Any]) -> None:
        self._tokens = list(_tokens(statement))
        self._next = 0
        self._parameters = iter(parameters)
        self._attributes: list[str] = []
        self._equalities: list[tuple[str, Mapping[str, Any]]] = []
        self._selects_all = False
        self._returned = "NONE"

    def read(self) -> PartiQLStatement:
        verb = self._take().keyword
        if verb == "SELECT":
            self._select()
        elif verb == "INSERT":
            self._insert()
        elif verb == "UPDATE":
            self._update()
        elif verb == "DELETE":
            self._keyword("FROM")
            self._target()
            self._where()
        else:
            raise self._unreadable()
        self._taken_sign(";")
        if self._take().kind != "end":
            raise self._unreadable()
        return PartiQLStatement(tuple(self._attributes), tuple(self._equalities), self._selects_all, self._returned)

    def _select(self) -> None:
        if self._taken_sign("*"):
            self._selects_all = True
        else:
            self._path()
            while self._taken_sign(","):
                self._path()
        self._keyword("FROM")
        self._target()
        self._where()

    def _insert(self) -> None:
        self._keyword("INTO")
        self._target()
        self._keyword("VALUE")
        self._sign("{")
        while True:
            kind, name = self._take()
            if kind not in ("quoted", "string"):
                raise self._unreadable()
            self._sign(":")
            self._attributes.append(name)
            self._equalities.append((name, self._literal()))
            if not self._taken_sign(","):
                break
        self._sign("}")

    def _update(self) -> None:
        self._target()
        changes = 0
        while (keyword := self._tokens[self._next].keyword) in ("SET", "REMOVE"):
            changes += 1
            self._next += 1
            self._path()
            while keyword == "SET":
                self._sign("=")
                self._literal()
                if not self._taken_sign(","):
                    break
                self._path()
        if not changes:
            raise self._unreadable()
        self._where()

    def _where(self) -> None:
        """Read comparisons that are joined with AND: only these bind a key to one value."""
        if self._taken_keyword("WHERE"):
            self._comparison()
            while self._taken_keyword("AND"):
                self._comparison()
        if self._taken_keyword("RETURNING"):
            which = (self._take().keyword, self._take().keyword)
            self._sign("*")
            if which not in _RETURNED:
                raise self._unreadable()
            self._returned = _RETURNED[which]

    def _comparison(self) -> None:
        name, is_whole = self._path()
        sign = self._take()
        if sign.kind != "sign" or sign.text not in _COMPARISONS:
            raise self._unreadable()
        value = self._literal()
        if sign.text == "=" and is_whole:
            self._equalities.append((name, value))

    def _path(self) -> tuple[str, bool]:
        """Return the attribute at the start of a path, and whether the path is only that."""
        name = self._name()
        self._attributes.append(name)
        is_whole = True
        while True:
            if self._tokens[self._next].kind == "index":
                self._next += 1
            elif self._taken_sign("."):
                self._name()
            else:
                return name, is_whole
            is_whole = False

    def _name(self) -> str:
        token = self._take()
        if token.kind not in ("word", "quoted") or token.keyword or token.text.upper() in _CONSTANTS:
            raise self._unreadable()
        return token.text

    def _target(self) -> None:
        """Pass over the table: :func:`permission_of` says which it is."""
        if self._take().kind not in ("word", "quoted"):
            raise self._unreadable()
        if self._taken_sign(".") and self._take().kind not in ("word", "quoted"):
            raise self._unreadable()

    def _literal(self) -> Mapping[str, Any]:
        token = self._take()
        if token.kind == "string":
            return {"S": token.text}
        if token.kind == "number":
            return {"N": token.text}
        if token == _Token("sign", "?"):
            value = next(self._parameters, None)
            if isinstance(value, Mapping):
                return value
        elif token.kind == "word" and token.text.upper() in _CONSTANTS:
            return {"BOOL": token.text.upper() == "TRUE"}
        raise self._unreadable()

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next += token.kind != "end"
        return token

    def _taken_sign(self, sign: str) -> bool:
        taken = self._tokens[self._next] == ("sign", sign)
        self._next += taken
        return taken

    def _taken_keyword(self, keyword: str) -> bool:
        taken = self._tokens[self._next].keyword == keyword
        self._next += taken
        return taken

    def _sign(self, sign: str) -> None:
        if not self._taken_sign(sign):
            raise self._unreadable()

    def _keyword(self, keyword: str) -> None:
        if not self._taken_keyword(keyword):
            raise self._unreadable()

    def _unreadable(self) -> UnreadableStatement:
        return UnreadableStatement(f"the statement cannot be read at {self._tokens[self._next]}")


def _tokens(statement: str) -> Iterator[_Token]:
    """Cut a statement into tokens; the last is of the kind ``end``."""
    position = 0
    while True:
        match = _TOKEN.match(statement, position)
        if match is None or match.lastgroup is None:
            raise UnreadableStatement(f"{statement[position : position + 20]!r} is not part of a statement")
        yield _Token(match.lastgroup, match[match.lastgroup])
        if match.lastgroup == "end":
            return
        position = match.end()
