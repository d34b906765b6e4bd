"""How fast policies are decided and compiled: medians, beside the goals.

Run with the project's Python: ``python benchmarks/policy.py`` (``--json`` for machines). The documents are those of
AWS's catalogue as moto carries it, found by a search in its source, and a generated policy of 50 statements, 23 of
them with conditions. Each figure is the median of the rounds, with the fastest and the slowest round beside it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podrole.iam.document import parse_policy
from podrole.iam.evaluate import NamedPolicy, PolicySet, evaluate
from podrole.iam.explain import explain
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import principal_of
from podrole.iam.request import Request

ROUNDS = 15
ROUND_SECONDS = 0.05
CALLER = principal_of("arn:aws:sts::111122223333:assumed-role/reader/pod-1")
CONTEXT = {
    "aws:PrincipalArn": "arn:aws:iam::111122223333:role/reader",
    "aws:PrincipalAccount": "111122223333",
    "aws:userid": "AROAEXAMPLEEXAMPLEEXA:pod-1",
    "aws:SourceIp": "10.0.0.17",
    "aws:SecureTransport": "true",
    "aws:CurrentTime": "2026-01-31T12:00:00Z",
    "aws:EpochTime": "1769860800",
    "aws:RequestedRegion": "eu-west-1",
    "aws:PrincipalTag/team": "blue",
    "aws:ResourceTag/team": "blue",
    "aws:TagKeys": ["team", "cost"],
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement, in microseconds."""

    name: str
    median: float
    fastest: float
    slowest: float
    goal: float | None


def measure(name: str, call: Callable[[], object], goal: float | None = None) -> Figure:
    """Time ``call`` in rounds of about ``ROUND_SECONDS`` each."""
    start = time.perf_counter()
    call()
    repeat = max(1, int(ROUND_SECONDS / max(time.perf_counter() - start, 1e-7)))
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(repeat):
            call()
        rounds.append((time.perf_counter() - start) / repeat * 1e6)
    return Figure(name, statistics.median(rounds), min(rounds), max(rounds), goal)


def managed(name: str) -> str:
    """Return a policy of AWS's catalogue as text, without reading the rest of it."""
    spec = importlib.util.find_spec("moto")
    if spec is None or spec.origin is None:
        raise SystemExit("moto is not installed: run make setup")
    source = (Path(spec.origin).parent / "iam" / "aws_managed_policies.py").read_text()
    entry: dict[str, Any]
    entry, _ = json.JSONDecoder().raw_decode(source, source.index("{", source.index(f'"{name}":')))
    return json.dumps(entry["Document"])


def generated() -> str:
    """Write 50 statements on S3, 23 with conditions; of those that speak of the benchmark's action the last allows."""
    conditions = [
        {"StringEquals": {"aws:PrincipalTag/team": "red"}},
        {"StringLike": {"aws:userid": ["*:pod-2", "*:pod-3"]}},
        {"IpAddress": {"aws:SourceIp": ["192.168.0.0/16", "2001:db8::/32"]}},
        {"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}},
        {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/other-*"}},
        {"StringNotEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}},
        {"ForAnyValue:StringEquals": {"aws:TagKeys": ["owner"]}, "Bool": {"aws:SecureTransport": "true"}},
        {"NumericGreaterThan": {"aws:EpochTime": "1900000000"}},
    ]
    statements: list[dict[str, Any]] = []
    for number in range(50):
        statement = {
            "Sid": f"S{number}",
            "Effect": "Deny" if number % 10 == 9 else "Allow",
            "Action": ["s3:GetObject", f"s3:Put*{number}", "s3:List*"] if number % 2 == 0 else ["s3:Get*", "sqs:*"],
            "Resource": "*" if number % 2 else [f"arn:aws:s3:::bucket-{number}", f"arn:aws:s3:::bucket-{number}/*"],
        }
        if number % 2 and number < 46:
            statement["Condition"] = conditions[number // 2 % len(conditions)]
        statements.append(statement)
    for last, number in ((47, 100), (49, 101)):
        statements[last] |= {"Effect": "Allow", "Resource": f"arn:aws:s3:::bucket-{number}/*"}
    assert sum("Condition" in statement for statement in statements) == 23
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def figures() -> list[Figure]:
    """Measure everything."""
    documents = {
        "AmazonEC2ReadOnlyAccess": managed("AmazonEC2ReadOnlyAccess"),
        "ReadOnlyAccess": managed("ReadOnlyAccess"),
        "50 statements": generated(),
    }
    sets = {
        name: PolicySet((NamedPolicy(name, parse_policy(text, PolicyKind.IDENTITY)),))
        for name, text in documents.items()
    }
    questions = [
        ("AmazonEC2ReadOnlyAccess", "ec2:DescribeInstances", "*", True, 5),
        ("AmazonEC2ReadOnlyAccess", "ec2:RunInstances", "*", False, 5),
        ("ReadOnlyAccess", "glue:GetTable", "arn:aws:glue:eu-west-1:111122223333:table/d/t", True, 5),
        ("ReadOnlyAccess", "glue:DeleteTable", "arn:aws:glue:eu-west-1:111122223333:table/d/t", False, 5),
        ("50 statements", "s3:GetObject", "arn:aws:s3:::bucket-101/key", True, 50),
        ("50 statements", "s3:GetObject", "arn:aws:s3:::other/key", False, 50),
        ("50 statements", "ec2:DescribeInstances", "*", False, 50),
    ]
    found = []
    for name, action, resource, allowed, goal in questions:
        request = Request(CALLER, action, resource, context=CONTEXT)
        policies = sets[name]
        if evaluate(request, policies).allowed is not allowed:
            raise SystemExit(f"{name} × {action} is decided wrongly: nothing to measure")
        answer = "allowed" if allowed else "denied"
        found.append(measure(f"{name} × {action}, {answer}", lambda r=request, p=policies: evaluate(r, p), goal))
        if not allowed:
            decision = evaluate(request, policies)
            found.append(measure("  its evidence", lambda r=request, p=policies, d=decision: explain(r, p, d)))
    for name, text in documents.items():
        found.append(measure(f"compile {name}", lambda t=text: parse_policy(t, PolicyKind.IDENTITY)))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON array instead of the table")
    arguments = parser.parse_args()
    found = figures()
    if arguments.json:
        json.dump([{field: getattr(one, field) for field in one.__slots__} for one in found], sys.stdout, indent=2)
        return
    print(f"{'':<66}{'median µs':>11}{'fastest':>11}{'slowest':>11}{'goal':>7}")
    for one in found:
        goal = "" if one.goal is None else f"{one.goal:g}{' ok' if one.median <= one.goal else ' OVER'}"
        print(f"{one.name:<66}{one.median:>11.2f}{one.fastest:>11.2f}{one.slowest:>11.2f}  {goal}")


if __name__ == "__main__":
    main()
