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


def from_vpc(**request: Any) -> str:
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    condition = {"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}}
    document = {"Version": "2012-10-17", "Statement": statement | condition}
    return json.dumps(case(request=request, identity_policies=[document]))


def test_a_key_that_is_unknown_makes_the_decision_depend_on_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, (found,) = evaluated(tmp_path, capsys, from_vpc(unknown=["aws:SourceVpc", "aws:ResourceTag/*"]))
    assert (code, found["decision"], found["depends_on"]) == (1, "Depends", ["aws:sourcevpc"])
    code, (found,) = evaluated(tmp_path, capsys, from_vpc(unknown=["aws:ResourceTag/*"]))
    assert (code, found["decision"]) == (1, "ImplicitlyDenied")
    assert "depends_on" not in found
    assert run("evaluate", str(tmp_path / "cases")) == 1
    path = tmp_path / "cases"
    path.write_text(from_vpc(unknown=["aws:SourceVpc"]))
    capsys.readouterr()
    assert run("evaluate", str(path)) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("1: Depends\n  Depends on aws:sourcevpc, which this case does not know.")


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
        (json.dumps(case(request={"unknown": "aws:SourceVpc"})), "unknown must be a list of condition keys"),
        (json.dumps(case(request={"unknown": ["SourceVpc"]})), "unknown must be a list of condition keys"),
        (
            json.dumps(case(request={"context": {"aws:sourcevpc": "v"}, "unknown": ["aws:SourceVpc"]})),
            "aws:SourceVpc is unknown and has a value in context",
        ),
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


def test_a_policy_in_yaml_is_refused_as_iam_refuses_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("Version: '2012-10-17'\nStatement: []\n")
    assert run("validate", str(policy)) == 1
    assert "IAM takes JSON, not YAML: convert it first" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("document", "stored_as"),
    [
        (READ, "managed"),
        ({"Statement": {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}}, "trust"),
        ({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}}, "resource"),
    ],
)
def test_the_kind_of_a_document_is_recognized(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], document: dict[str, Any], stored_as: str
) -> None:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(document))
    assert run("validate", "--json", str(path)) == 0
    assert json.loads(capsys.readouterr().out)["as"] == stored_as


def test_an_unknown_kind_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("validate", "--as", "bucket", "x") == 2
    assert "--as has an unknown value: got 'bucket', expected auto, managed, " in capsys.readouterr().err
    assert run("validate", "--partition", "aws-mars", "x") == 2
    assert "--partition has an unknown value: got 'aws-mars', expected aws, aws-cn, " in capsys.readouterr().err


LARGE = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:" + "x" * 7_000, "Resource": "*"}}
REGIONAL = {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:us-east-1:111122223333:b"}}
CHINESE = {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws-cn:s3:::b"}}


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (json.dumps(LARGE), (), "Cannot exceed quota for PolicySize: 6144"),
        (json.dumps(LARGE), ("--as", "inline"), None),
        (json.dumps(LARGE), ("--as", "scp"), None),
        (json.dumps(LARGE), ("--as", "trust"), "Missing required field Principal"),
        (json.dumps(REGIONAL), ("--as", "inline"), "can not contain region information"),
        (json.dumps(CHINESE), ("--as", "inline", "--partition", "aws"), 'Partition "aws-cn" is not valid'),
        (json.dumps(CHINESE), ("--as", "inline", "--partition", "aws-cn"), None),
        (json.dumps(CHINESE), ("--as", "inline"), None),
        ("\ufeff" + json.dumps(READ), (), "must contain only printable ASCII characters"),
    ],
)
def test_a_document_is_validated_as_what_it_is_to_be_stored_as(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, options: tuple[str, ...], message: str | None
) -> None:
    path = tmp_path / "policy.json"
    path.write_text(text, encoding="utf-8")
    assert run("validate", *options, str(path)) == (0 if message is None else 1)
    assert (message or ": a valid ") in capsys.readouterr().out


def test_simulation_needs_a_world_and_one_principal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("simulate", "--action", "s3:GetObject") == 2
    assert "--role or with --user" in capsys.readouterr().err
    assert run("simulate", "--action", "s3:GetObject", "--role", "r", "--dir", str(tmp_path)) == 2
    assert run("simulate", "--action", "s3:GetObject", "--role", "r", "--context", "x") == 2
    assert "KEY=VALUE" in capsys.readouterr().err
