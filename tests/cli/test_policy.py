"""``podrole policy``: cases, documents and the messages for bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from podrole.cli import main
from support.aws import ACCOUNT

BOB = f"arn:aws:iam::{ACCOUNT}:user/bob"
READ = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}


def case(**more: Any) -> dict[str, Any]:
    request = {"principal": BOB, "action": "s3:GetObject", "resource": "arn:aws:s3:::logs/a", "context": {}}
    found: dict[str, Any] = {"id": "1", "request": request | more.pop("request", {}), "identity_policies": [READ]}
    return found | more


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["policy", *arguments])
    return int(ended.value.code or 0)


def evaluated(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> tuple[int, list[dict[str, Any]]]:
    path = tmp_path / "cases"
    path.write_text(text)
    code = run("evaluate", "--json", str(path))
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_allowed_cases_exit_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, results = evaluated(tmp_path, capsys, json.dumps([case(), case(id="2")]))
    assert code == 0
    assert [(one["id"], one["decision"], one["decided_by"]) for one in results] == [
        ("1", "Allowed", "identity"),
        ("2", "Allowed", "identity"),
    ]


def test_denied_case_exits_with_1_and_shows_the_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    denied = case(id="2", request={"action": "s3:PutObject"})
    code, results = evaluated(tmp_path, capsys, "\n".join(map(json.dumps, [case(), denied])))
    assert code == 1
    assert results[1]["decision"] == "ImplicitlyDenied"
    assert results[1]["evidence"][0]["failures"][0]["element"] == "Action"


def test_every_kind_of_policy_is_evaluated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    everything = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    nothing = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}}
    shared = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
    on_resource = {"Version": "2012-10-17", "Statement": shared}
    cases = [
        case(id="boundary", permission_boundaries=[nothing]),
        case(id="empty boundary", permission_boundaries=[]),
        case(id="session", session_policy=nothing),
        case(id="scp", scps=[{"target": "root", "policies": [everything]}, {"target": ACCOUNT, "policies": [nothing]}]),
        case(id="scp level", scps=[{"target": "root", "policies": []}]),
        case(id="rcp", rcps=[{"target": "root", "policies": [on_resource]}]),
        case(id="resource", resource_policy=on_resource),
        case(id="endpoint", endpoint_policies=[on_resource]),
        case(id="text", identity_policies=[json.dumps(READ)], scps=[], rcps=[], session_policy=None),
    ]
    _, results = evaluated(tmp_path, capsys, json.dumps(cases))
    assert {one["id"]: (one["decision"], one["decided_by"]) for one in results} == {
        "boundary": ("ExplicitlyDenied", "boundary"),
        "empty boundary": ("ImplicitlyDenied", "boundary"),
        "session": ("ExplicitlyDenied", "session"),
        "scp": ("ExplicitlyDenied", "scp"),
        "scp level": ("ImplicitlyDenied", "scp"),
        "rcp": ("ExplicitlyDenied", "rcp"),
        "resource": ("ExplicitlyDenied", "resource"),
        "endpoint": ("ExplicitlyDenied", "endpoint"),
        "text": ("Allowed", "identity"),
    }


def test_a_trust_policy_is_a_resource_policy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    statement = {"Effect": "Allow", "Principal": {"AWS": BOB}, "Action": "sts:AssumeRole"}
    asked = {"action": "sts:AssumeRole", "resource": f"arn:aws:iam::{ACCOUNT}:role/reader"}
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    code, results = evaluated(tmp_path, capsys, json.dumps(case(request=asked, resource_policy=trust)))
    assert (code, results[0]["decided_by"]) == (0, "trust")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the input has no cases"),
        ("{", "line 1, column 2"),
        ('[{"id": "1"}', "line 1"),
        ('{"id": "1"}\n{"id": "2", }', "line 2"),
        (json.dumps({"id": "x"}), "case x: request is missing or is not a JSON object"),
        (json.dumps(case(request={"principal": None})), "request.principal must be a non-empty string"),
        (json.dumps(case(request={"principal": "nobody"})), "This is not a principal."),
        (json.dumps(case(request={"action": "s3:*"})), "The action asked for is not one action."),
        (json.dumps(case(request={"context": {"a": {}}})), "the value of a must be a string"),
        (json.dumps(case(request={"resource_account": "1"})), "account id of 12 digits"),
        (json.dumps(case(policies=[])), "unknown member 'policies'"),
        (json.dumps(case(identity_policies={})), "identity_policies must be a list"),
        (json.dumps(case(identity_policies=[1])), "identity_policies[0] must be a policy document"),
        (json.dumps(case(identity_policies=["{"])), "identity_policies[0]: Syntax errors in policy"),
        (json.dumps(case(scps=[{"policies": 1}])), "policies must be a list of policies"),
        (json.dumps(case(scps=[[]])), "a level of scps must be an object"),
        ("\n\n" + json.dumps(case(identity_policies=[READ | {"Version": "1"}]), indent=1), "line 13: case 1"),
        ("[" * 100_000, "nested too deeply"),
        ('{"id": 1' + "0" * 10_000 + "}", "line 1"),
    ],
)
def test_bad_input_exits_with_2_and_names_the_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    path = tmp_path / "cases"
    path.write_text(text)
    assert run("evaluate", str(path)) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert "Traceback" not in captured.err


def test_cases_after_a_bad_one_are_evaluated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.dumps(case()), '{"id": "2"', json.dumps(case(id="3"))]
    code, results = evaluated(tmp_path, capsys, "\n".join(lines))
    assert code == 2
    assert [one.get("decision", "error") for one in results] == ["Allowed", "error", "Allowed"]
    assert "line 2" in results[1]["error"]


def test_missing_file_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", "nowhere.json") == 2
    assert "nowhere.json cannot be read" in capsys.readouterr().err


def test_a_document_is_validated_with_the_path_and_line_of_each_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(READ))
    wrong = [{"Effect": "Allow", "Action": "s3get", "Resource": "x", "Condition": {"StringIs": {"a": "b"}}}]
    bad.write_text(json.dumps({"Version": "2012-10-17", "Statement": wrong}, indent=1))
    assert run("validate", str(good)) == 0
    assert run("validate", "--json", str(bad)) == 1
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["valid"] is False
    assert {(one["path"], one["line"]) for one in found["faults"]} == {
        ("$.Statement[0].Action", 6),
        ("$.Statement[0].Resource", 7),
        ("$.Statement[0].Condition.StringIs", 9),
    }


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (READ, "identity"),
        ({"Statement": {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}}, "trust"),
        ({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}}, "resource"),
    ],
)
def test_the_kind_of_a_document_is_recognized(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], document: dict[str, Any], kind: str
) -> None:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(document))
    assert run("validate", "--json", str(path)) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == kind


def test_an_unknown_kind_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("validate", "--kind", "bucket", "x") == 2
    assert "--kind is not a kind of policy: got 'bucket'" in capsys.readouterr().err


def test_simulation_needs_a_world_and_one_principal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("simulate", "--action", "s3:GetObject") == 2
    assert "--role or with --user" in capsys.readouterr().err
    assert run("simulate", "--action", "s3:GetObject", "--role", "r", "--dir", str(tmp_path)) == 2
    assert run("simulate", "--action", "s3:GetObject", "--role", "r", "--context", "x") == 2
    assert "KEY=VALUE" in capsys.readouterr().err
