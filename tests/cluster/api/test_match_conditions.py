"""matchConditions: CEL says which requests a webhook wants to see."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.base.events import EventLog
from podrole.cluster.assembly.server import Cluster
from podrole.cluster.cel import environment
from podrole.cluster.core.client import ClusterClient
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.users import User, controller
from support.hooks import Hook, pod, register, webhook


def when(*expressions: str, **more: Any) -> dict[str, Any]:
    named = [{"name": f"c{number}", "expression": one} for number, one in enumerate(expressions)]
    return {"matchConditions": named, **more}


@pytest.mark.parametrize(
    ("expression", "called"),
    [
        ("true", True),
        ("false", False),
        ("object.metadata.name == 'p'", True),
        ("object.spec.containers.all(c, c.image.startsWith('evil/'))", False),
        ("has(object.metadata.labels) && object.metadata.labels['team'] == 'x'", False),
        ("object.metadata.?labels['team'].orValue('none') == 'none'", True),
        ("oldObject == null", True),
        ("request.operation == 'CREATE' && request.resource.resource == 'pods'", True),
        ("request.userInfo.username == 'admin' && 'system:masters' in request.userInfo.groups", True),
        ("!request.userInfo.username.startsWith('system:serviceaccount:')", True),
        ("request.dryRun", False),
        ("object.spec.serviceAccountName.matches('^def.*$')", True),
        ("'A,B'.lowerAscii().split(',') == ['a', 'b']", True),
        ("authorizer.group('').resource('secrets').namespace('default').check('get').allowed()", True),
        ("authorizer.requestResource.check('create').allowed()", True),
        ("authorizer.path('/metrics').check('get').allowed()", True),
        ("authorizer.serviceAccount('default', 'default').resource('secrets').check('get').allowed()", False),
        ("authorizer.serviceAccount('a', 'b').path('/version').check('get').reason().contains('RBAC')", True),
    ],
)  # fmt: skip
async def test_what_an_expression_sees(client: ClusterClient, hook: Hook, expression: str, called: bool) -> None:
    await register(client, webhook(hook, **when(expression)))
    await client.create("pods", "default", pod())
    assert len(hook.requests) == called


async def test_the_event_says_which_condition_was_not_met(client: ClusterClient, hook: Hook, events: EventLog) -> None:
    await register(client, webhook(hook, **when("true", "request.namespace == 'other'")))
    await client.create("pods", "default", pod())
    (event,) = events.recent()
    assert event.why == "pods.example.com: not called (its matchCondition 'c1' is false)"


async def test_conditions_see_who_asks(world: Cluster, client: ClusterClient, hook: Hook) -> None:
    await register(client, webhook(hook, **when("request.userInfo.username.endsWith(':replicaset-controller')")))
    await client.create("pods", "default", pod())
    await world.client(controller("replicaset-controller")).create("pods", "default", pod("q"))
    assert [one["request"]["name"] for one in hook.requests] == ["q"]


async def test_the_authorizer_answers_for_the_user_of_the_request(
    world: Cluster, client: ClusterClient, hook: Hook
) -> None:
    await register(client, webhook(hook, **when("!authorizer.requestResource.check('skip-webhook').allowed()")))
    group = "rbac.authorization.k8s.io"
    rule = {"verbs": ["skip-webhook"], "apiGroups": [""], "resources": ["pods"]}
    await client.create(f"clusterroles.{group}", None, {"metadata": {"name": "skips"}, "rules": [rule]})
    binding = {"roleRef": {"kind": "ClusterRole", "name": "skips"}, "subjects": [{"kind": "User", "name": "jane"}]}
    await client.create(f"clusterrolebindings.{group}", None, {"metadata": {"name": "jane"}, **binding})
    await world.client(User("jane")).create("pods", "default", pod("hers"))
    await world.client(User("john")).create("pods", "default", pod("his"))
    assert [one["request"]["name"] for one in hook.requests] == ["his"]


async def test_a_condition_that_cannot_be_evaluated_follows_the_failure_policy(
    client: ClusterClient, hook: Hook, events: EventLog
) -> None:
    await register(client, webhook(hook, **when("object.metadata.labels.team == 'x'", failurePolicy="Ignore")))
    await client.create("pods", "default", pod())
    assert hook.requests == []
    (event,) = events.recent()
    assert event.why is not None
    assert "resulted in error: no such key: labels" in event.why
    await register(client, webhook(hook, **when("object.metadata.labels.team == 'x'", "object.nothing")), name="strict")
    with pytest.raises(StatusError) as raised:
        await client.create("pods", "default", pod("q"))
    assert raised.value.http_status == 403
    assert raised.value.message == (
        "pods \"q\" is forbidden: [expression 'object.metadata.labels.team == 'x'' resulted in error: no such key: "
        "labels, expression 'object.nothing' resulted in error: no such key: nothing]"
    )


async def test_a_false_condition_decides_even_if_another_one_fails(client: ClusterClient, hook: Hook) -> None:
    await register(client, webhook(hook, **when("object.metadata.labels.team == 'x'", "false")))
    await client.create("pods", "default", pod())
    assert hook.requests == []


async def test_an_expression_that_costs_too_much_is_stopped(client: ClusterClient, hook: Hook) -> None:
    body = "true"
    for name in "abcdef":
        body = f"object.spec.containers[0].args.all({name}, {body})"
    await register(client, webhook(hook, **when(body)))
    container = {"name": "c", "image": "i", "args": ["x"] * 100}
    with pytest.raises(StatusError, match="Iteration budget exceeded"):
        await client.create("pods", "default", pod(containers=[container]))


async def test_validating_webhooks_have_match_conditions(client: ClusterClient, hook: Hook) -> None:
    await register(client, webhook(hook, **when("object.metadata.name == 'q'")), kind="validating")
    await client.create("pods", "default", pod())
    await client.create("pods", "default", pod("q"))
    assert len(hook.requests) == 1


@pytest.mark.parametrize(
    ("given", "field", "text"),
    [
        ([{"name": "a", "expression": "nothing == 1"}], "[0].expression", "undeclared reference to 'nothing'"),
        ([{"name": "a", "expression": "1 +"}], "[0].expression", "failed: ERROR: <input>:1:4: Syntax error"),
        ([{"name": "a", "expression": "'text'"}], "[0].expression", "must evaluate to bool"),
        ([{"name": "a", "expression": " "}], "[0].expression", "Required value"),
        ([{"name": "", "expression": "true"}], "[0].name", "Required value"),
        ([{"name": "a b", "expression": "true"}], "[0].name", "name part must consist of"),
        ([{"name": "a", "expression": "true"}] * 2, "[1].name", 'Duplicate value: "a"'),
        ([{"name": f"a{n}", "expression": "true"} for n in range(65)], "", "must have at most 64 items"),
        ([{"name": "a", "expression": "quantity('1Gi').sign() == 1"}], "[0].expression", "undeclared"),
    ],
)  # fmt: skip
async def test_conditions_that_cannot_be_registered(
    client: ClusterClient, hook: Hook, given: list[dict[str, str]], field: str, text: str
) -> None:
    with pytest.raises(StatusError) as raised:
        await register(client, webhook(hook, matchConditions=given))
    assert raised.value.http_status == 422
    (cause,) = raised.value.status()["details"]["causes"]
    assert cause["field"] == f"webhooks[0].matchConditions{field}"
    assert text in cause["message"]


async def test_match_conditions_cannot_be_registered_without_the_cel_library(
    client: ClusterClient, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podrole.cluster.validation.webhooks.available", lambda: False)
    with pytest.raises(StatusError, match=r"cannot evaluate CEL: install podrole\[cel\]"):
        await register(client, webhook(hook, **when("true")))


def test_the_library_is_not_imported_before_it_is_needed() -> None:
    import subprocess
    import sys

    code = "import sys, podrole.cluster.assembly.server; print([one for one in sys.modules if 'cel_expr' in one])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
    assert environment.available()
