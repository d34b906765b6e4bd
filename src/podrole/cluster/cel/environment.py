"""The CEL environment of matchConditions: its variables, its functions, and what the compiler says of an expression.

CEL is Google's own implementation, the optional extra ``podrole[cel]``; it bounds what an expression may cost. Its
extensions here are those for strings and for optional values; the variables are ``object``, ``oldObject``, ``request``
and ``authorizer``. An expression that needs another of Kubernetes' libraries is refused when the webhook is registered.
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-matchconditions
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from podrole.cluster.core.users import User, service_account_groups
from podrole.kube.subjects import subject_of

Object = dict[str, Any]
_Map = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AccessCheck:
    """A check that an expression makes with the variable ``authorizer``; ``path`` is set for a non-resource request."""

    user: User
    verb: str
    path: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str


Decide = Callable[[AccessCheck], tuple[bool, str]]
"""Answers an AccessCheck: whether it is allowed, and the reason."""


def available() -> bool:
    """Say whether the optional library is installed."""
    return importlib.util.find_spec("cel_expr_python") is not None


def problem_of(expression: str) -> str | None:
    """Return why an expression cannot be used, in the compiler's words; None if it can."""
    from cel_expr_python import cel  # an optional library of 50 MB, imported only if it is used

    try:
        compiled = environment(None).compile(expression)
    except RuntimeError as problem:
        return f"compilation failed: {plain_error(str(problem))}"
    if compiled.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
        return "must evaluate to bool"
    return None


def plain_error(text: str) -> str:
    """Return an error of the library without its status code."""
    return re.sub(r"^[A-Z_]+: | ?\[[A-Z_]+\]$", "", text)


@functools.lru_cache(maxsize=8)
def environment(decide: Decide | None) -> Any:
    """Return the CEL environment; ``decide`` answers checks of the ``authorizer`` variable, None refuses them."""
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_optional, ext_strings

    anything, text, yes = cel.Type.DYN, cel.Type.STRING, cel.Type.BOOL
    # A check is a map to which each call adds a key: group("apps").resource("deployments") …
    question = cel.Type.Map(text, anything)

    def function(name: str, result: Any, arguments: list[Any], do: Any) -> Any:
        overload = cel.Overload(f"authorizer_{name}", result, [question, *arguments], is_member=True, impl=do)
        return cel.FunctionDecl(name, [overload])

    def asked(field: str) -> Any:
        return function(field, question, [text], lambda so_far, value: {**so_far, field: value})

    functions = [asked(field) for field in ("path", "group", "resource", "subresource", "namespace", "name")]
    functions += [
        function("serviceAccount", question, [text, text], _as_account),
        function("check", question, [text], lambda so_far, verb: _checked(decide, so_far, verb)),
        function("allowed", yes, [], lambda answer: bool(answer.get("allowed"))),
        function("reason", text, [], lambda answer: str(answer.get("reason", ""))),
        function("errored", yes, [], lambda _: False),
        function("error", text, [], lambda _: ""),
    ]
    return cel.NewEnv(
        variables={"object": anything, "oldObject": anything, "request": anything, "authorizer": question},
        extensions=[ext_strings.ExtStrings(), ext_optional.ExtOptional()],
        functions=functions,
    )


def _as_account(so_far: _Map, namespace: str, name: str) -> Object:
    groups = list(service_account_groups(namespace))
    return {**so_far, "user": subject_of(namespace, name), "groups": groups}


def _checked(decide: Decide | None, so_far: _Map, verb: str) -> Object:
    check = AccessCheck(
        User(so_far["user"], groups=tuple(so_far["groups"])),
        verb,
        **{key: so_far.get(key, "") for key in ("path", "group", "resource", "subresource", "namespace", "name")},
    )
    allowed, reason = decide(check) if decide is not None else (False, "")
    return {"allowed": allowed, "reason": reason}
