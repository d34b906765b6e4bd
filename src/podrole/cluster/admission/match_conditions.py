"""matchConditions: CEL expressions that select the requests which a webhook is called for.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-matchconditions
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from podrole.base.short_texts import cached_by_length
from podrole.cluster.admission.attributes import AdmissionAttributes
from podrole.cluster.admission.review import admission_request
from podrole.cluster.authorization.authorizer import Authorizer
from podrole.cluster.authorization.decisions import AccessAttributes
from podrole.cluster.cel.environment import AccessCheck, environment, plain_error

Object = dict[str, Any]
_Map = Mapping[str, Any]

_MISSING_KEY = re.compile(r'.*Key not found in map : "?(.*?)"?')


_KEPT = 100_000
"""Characters of the expressions whose compiled form is kept."""


class ConditionFailed(Exception):
    """An expression could not be evaluated, and the webhook's failurePolicy is Fail."""


class MatchConditions:
    """Evaluates the conditions of webhooks. ``authorizer`` answers for the variable of that name."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer
        self._compiled = cached_by_length(_KEPT)(self._compile)

    async def unmet(self, webhook: _Map, request: AdmissionAttributes) -> str | None:
        """Return why the conditions keep the webhook from being called, None if they do not. Raises ConditionFailed.

        A condition that is false decides, even if another one fails. Other requests are served between two conditions:
        each may look at all of a large object.
        """
        conditions = webhook.get("matchConditions")
        if not conditions:
            return None
        variables = {
            "object": request.object,
            "oldObject": request.old,
            "request": admission_request(request),
            "authorizer": _question(request),
        }
        problems = []
        for condition in conditions:
            await asyncio.sleep(0)
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
        """Return the value of an expression; the error as a string if it cannot be evaluated or costs too much."""
        try:
            return self._compiled(expression).eval(data=variables).value()
        except RuntimeError as problem:
            return plain_error(str(problem))

    def _compile(self, expression: str) -> Any:
        return environment(self._decide).compile(expression)

    def _decide(self, check: AccessCheck) -> tuple[bool, str]:
        decision = self._authorizer.decide(
            AccessAttributes(
                check.user,
                check.verb,
                path=check.path,
                group=check.group,
                resource=check.resource,
                subresource=check.subresource,
                namespace=check.namespace,
                name=check.name,
            )
        )
        return decision.allowed, decision.reason


def _error(value: Any) -> str:
    if not isinstance(value, str):
        return f"it is not a bool but {type(value).__name__}"
    missing = _MISSING_KEY.fullmatch(value)
    return f"no such key: {missing[1]}" if missing else plain_error(value)


def _question(request: AdmissionAttributes) -> Object:
    """Return the initial value of the ``authorizer`` variable, for the request's user."""
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
