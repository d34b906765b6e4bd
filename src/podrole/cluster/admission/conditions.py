"""matchConditions: the CEL expressions by which a webhook says more exactly what it wants to see.

CEL is Google's own implementation, the optional extra ``podrole[cel]``; it bounds what an expression may cost. Its
extensions here are those for strings and for optional values; the variables are ``object``, ``oldObject``, ``request``
and ``authorizer``. An expression that needs another of Kubernetes' libraries is refused when the webhook is registered.
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-matchconditions
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from podrole.cluster.admission.attributes import Attributes as Request
from podrole.cluster.admission.review import described
from podrole.cluster.authorization.decisions import Attributes, Decision
from podrole.cluster.core.users import User, service_account_groups, service_account_name

if TYPE_CHECKING:
    from podrole.cluster.authorization.authorizer import Authorizer

Object = dict[str, Any]
_Map = Mapping[str, Any]

_MISSING_KEY = re.compile(r'.*Key not found in map : "?(.*?)"?')


class ConditionFailed(Exception):
    """An expression could not be evaluated, and the webhook's failurePolicy is to fail."""


def available() -> bool:
    """Say whether the optional library is installed."""
    return importlib.util.find_spec("cel_expr_python") is not None


def problem_of(expression: str) -> str | None:
    """Return what is wrong with an expression, in the compiler's words; None where it can be used."""
    from cel_expr_python import cel  # an optional library, and 50 MB: only who uses it pays for it

    try:
        compiled = _environment(None).compile(expression)
    except RuntimeError as problem:
        return f"compilation failed: {_plain(str(problem))}"
    if compiled.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
        return "must evaluate to bool"
    return None


class Conditions:
    """Evaluates the conditions of webhooks. ``authorizer`` answers for the variable of that name."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer
        self._compiled = functools.lru_cache(maxsize=256)(self._compile)

    def unmet(self, webhook: _Map, request: Request) -> str | None:
        """Return which condition keeps the webhook from being called, None where none does. Raises ConditionFailed.

        One that is false decides, whatever else fails.
        """
        conditions = webhook.get("matchConditions")
        if not conditions:
            return None
        variables = {
            "object": request.object,
            "oldObject": request.old,
            "request": described(request),
            "authorizer": _question(request),
        }
        problems = []
        for condition in conditions:
            expression = condition["expression"].strip()
            value = self._evaluate(expression, variables)
            if value is False:
                return f"its matchCondition {condition['name']!r} is false"
            if value is not True:
                problems.append(f"expression '{expression}' resulted in error: {_error(value)}")
        if not problems:
            return None
        text = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
        if webhook.get("failurePolicy") != "Ignore":
            raise ConditionFailed(text)
        return f"a matchCondition cannot be evaluated, and its failurePolicy is Ignore: {text}"

    def _evaluate(self, expression: str, variables: Object) -> Any:
        """Return the value of an expression: a string where it cannot be evaluated, or costs too much."""
        try:
            return self._compiled(expression).eval(data=variables).value()
        except RuntimeError as problem:
            return _plain(str(problem))

    def _compile(self, expression: str) -> Any:
        return _environment(self._authorizer).compile(expression)


def _plain(text: str) -> str:
    """Return an error of the library without the class of status that it stands between."""
    return re.sub(r"^[A-Z_]+: | ?\[[A-Z_]+\]$", "", text)


def _error(value: Any) -> str:
    if not isinstance(value, str):
        return f"it is no bool but {type(value).__name__}"
    missing = _MISSING_KEY.fullmatch(value)
    return f"no such key: {missing[1]}" if missing else value


@functools.lru_cache(maxsize=8)
def _environment(authorizer: Authorizer | None) -> Any:
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_optional, ext_strings

    anything, text, yes = cel.Type.DYN, cel.Type.STRING, cel.Type.BOOL
    # What is asked of the authorizer is a map that grows from call to call: group("apps").resource("deployments") …
    question = cel.Type.Map(text, anything)

    def function(name: str, result: Any, arguments: list[Any], do: Any) -> Any:
        overload = cel.Overload(f"authorizer_{name}", result, [question, *arguments], is_member=True, impl=do)
        return cel.FunctionDecl(name, [overload])

    def asked(field: str) -> Any:
        return function(field, question, [text], lambda so_far, value: {**so_far, field: value})

    functions = [asked(one) for one in ("path", "group", "resource", "subresource", "namespace", "name")]
    functions += [
        function("serviceAccount", question, [text, text], _as_account),
        function("check", question, [text], lambda so_far, verb: _checked(authorizer, so_far, verb)),
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


def _question(request: Request) -> Object:
    """Return the ``authorizer`` variable: nothing asked yet, on behalf of the request's user."""
    resource = request.resource
    user = {"user": request.user.name, "groups": list(request.user.groups)}
    about = {
        "group": resource.group,
        "resource": resource.plural,
        "subresource": request.subresource,
        "namespace": request.namespace,
        "name": request.name,
    }
    return {**user, "requestResource": {**user, **about}}


def _as_account(so_far: _Map, namespace: str, name: str) -> Object:
    groups = list(service_account_groups(namespace))
    return {**so_far, "user": service_account_name(namespace, name), "groups": groups}


def _checked(authorizer: Authorizer | None, so_far: _Map, verb: str) -> Object:
    wanted = Attributes(
        User(so_far["user"], groups=tuple(so_far["groups"])),
        verb,
        **{key: so_far.get(key, "") for key in ("path", "group", "resource", "subresource", "namespace", "name")},
    )
    decision = authorizer.decide(wanted) if authorizer is not None else Decision(allowed=False)
    return {"allowed": decision.allowed, "reason": decision.reason}
