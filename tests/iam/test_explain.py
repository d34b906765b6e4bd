"""A refusal says which statement came near, what it expected and what it got: as data, as a sentence, as a block."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podrole.iam.evaluate import Decision, NamedPolicy, Outcome, PolicySet, evaluate
from podrole.iam.explain import Evidence, denial_message, explain, render, summary
from podrole.iam.policy import Effect, PolicyKind
from podrole.iam.principal import ANONYMOUS, Principal, PrincipalType, principal_of
from podrole.iam.request import Request

HERE, THERE = "111122223333", "444455556666"
ISSUER = "oidc.example.com/id/A"
PROVIDER = f"arn:aws:iam::{HERE}:oidc-provider/{ISSUER}"
ROLE = f"arn:aws:iam::{HERE}:role/reader"
SUBJECT = "system:serviceaccount:default:app"
USER = principal_of(f"arn:aws:iam::{HERE}:user/bob")
SESSION = principal_of(f"arn:aws:sts::{HERE}:assumed-role/reader/pod-1")


def of_token(policy: Any, **elements: Any) -> tuple[Evidence, ...]:
    trust = {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "sts:AssumeRoleWithWebIdentity"}
    policies = PolicySet(resource=policy(trust | elements, kind=PolicyKind.TRUST))
    caller = Principal(PrincipalType.WEB_IDENTITY, arn=PROVIDER)
    request = Request(caller, "sts:AssumeRoleWithWebIdentity", ROLE, HERE, {f"{ISSUER}:sub": SUBJECT})
    return explain(request, policies, evaluate(request, policies))


def on_identity(policy: Any, *statements: Any) -> tuple[Evidence, ...]:
    request = Request(USER, "s3:GetObject", "arn:aws:s3:::b/k")
    policies = PolicySet((policy(*statements),))
    return explain(request, policies, evaluate(request, policies))


def test_evidence_holds_expected_and_got(policy: Any) -> None:
    condition = {"StringEquals": {f"{ISSUER}:sub": ["a", "b"], "aws:none": "c"}}
    (one,) = of_token(policy, Condition=condition, Sid="Pods")
    assert (one.kind, one.statement, one.sid, one.effect, one.applies) == (
        PolicyKind.TRUST,
        "$.Statement[0]",
        "Pods",
        Effect.ALLOW,
        False,
    )
    by_key = {failure.key: failure for failure in one.failures}
    assert (by_key[f"{ISSUER}:sub"].expected, by_key[f"{ISSUER}:sub"].got) == (("a", "b"), (SUBJECT,))
    assert (by_key["aws:none"].expected, by_key["aws:none"].got) == (("c",), None)
    assert by_key["aws:none"].to_dict()["got"] is None
    assert json.loads(json.dumps(one.to_dict()))["failures"][0]["operator"] == "StringEquals"


def test_the_block_for_a_terminal(policy: Any) -> None:
    evidence = of_token(
        policy, Sid="Pods", Condition={"StringEquals": {f"{ISSUER}:sub": "system:serviceaccount:defualt:app"}}
    )
    assert render(evidence) == "\n".join(
        [
            "the trust policy (role trust policy)",
            "  Allow Pods ($.Statement[0]) does not apply",
            f"    StringEquals {ISSUER}:sub",
            "      expected  system:serviceaccount:defualt:app",
            "      got       system:serviceaccount:default:app",
            "      hint      differs only in the namespace: the policy has 'defualt', the request 'default'",
        ]
    )


def test_control_characters_do_not_reach_the_terminal(policy: Any) -> None:
    statement = {
        "Sid": "\x1b[2J\n",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:*",
        "Condition": {"Bool": {"a\r": "é"}},
    }
    policies = PolicySet(resource=policy(statement, kind=PolicyKind.RESOURCE, name="P\x07"))
    request = Request(ANONYMOUS, "s3:GetObject", "arn:aws:s3:::b/k\x1b", context={"a\r": "\x1b"})
    decision = evaluate(request, policies)
    evidence = explain(request, policies, decision)
    for text in (*render(evidence).split("\n"), summary(decision, evidence, request)):
        assert text.isprintable()
    assert "\\x1b[2J" in render(evidence)
    assert "é" in render(evidence)


def test_a_statement_that_names_the_action_is_nearer_than_a_similar_spelling(policy: Any) -> None:
    similar = {"Sid": "Similar", "Effect": "Allow", "Action": "s3:GetObjectAcl", "Resource": "*"}
    condition = {"StringEquals": {"aws:a": "1", "aws:b": "2"}}
    named = {"Sid": "Named", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::other/*"}
    evidence = on_identity(policy, similar, named | {"Condition": condition})
    assert [one.sid for one in evidence] == ["Named", "Similar"]


def test_a_wrong_action_of_a_trust_policy_is_near(policy: Any) -> None:
    trust = {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "sts:AssumeRole", "Sid": "Wrong"}
    other = {**trust, "Action": "sts:AssumeRoleWithWebIdentity", "Sid": "Other"}
    other["Principal"] = {"Federated": PROVIDER.replace("oidc.example", "oidc.other")}
    other["Condition"] = {"StringEquals": {"oidc.other.com/id/A:sub": "x"}}
    policies = PolicySet(resource=policy(other, trust, kind=PolicyKind.TRUST))
    request = Request(Principal(PrincipalType.WEB_IDENTITY, arn=PROVIDER), "sts:AssumeRoleWithWebIdentity", ROLE, HERE)
    assert explain(request, policies, evaluate(request, policies))[0].sid == "Wrong"


def test_only_what_came_near_is_shown_and_the_nearest_first(policy: Any) -> None:
    evidence = on_identity(
        policy,
        {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::other/*"},
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::other/*"},
        {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::c/*", "Condition": {"Bool": {"a": "true"}}},
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"a": "true"}}},
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"},
    )
    assert [one.statement for one in evidence] == ["$.Statement[4]", "$.Statement[3]", "$.Statement[5]"]


def test_evidence_stays_small(policy: Any) -> None:
    one = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::c"}
    large = one | {"Resource": [f"arn:aws:s3:::{number}{'x' * 700}" for number in range(50)]}
    evidence = on_identity(policy, large, *[one] * 30)
    assert len(evidence) == 20
    expected = evidence[0].failures[0].expected
    assert expected[-1] == "… and 40 more"
    assert max(map(len, expected)) == 201


def one_line(
    policy: Any,
    policies: PolicySet,
    caller: Principal = USER,
    action: str = "s3:GetObject",
    resource: str = "arn:aws:s3:::b/k",
) -> str:
    request = Request(caller, action, resource)
    decision = evaluate(request, policies)
    return summary(decision, explain(request, policies, decision), request)


def test_one_sentence_says_it_all(policy: Any) -> None:
    allow = policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Sid": "All"}, name="P")
    deny = policy({"Effect": "Deny", "Action": "s3:*", "Resource": "*"}, name="D")
    on = "s3:GetObject on arn:aws:s3:::b/k"
    assert (
        one_line(policy, PolicySet((allow,)))
        == f"{on} is allowed by All ($.Statement[0]) of P (identity-based policy)."
    )
    assert (
        one_line(policy, PolicySet((allow, deny))) == f"{on} is denied by $.Statement[0] of D (identity-based policy)."
    )
    assert one_line(policy, PolicySet()) == f"No identity-based policy allows {on}; no identity-based policy is there."
    bucket = policy({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b"}, name="B")
    assert one_line(policy, PolicySet((bucket,))) == (
        f"No identity-based policy allows {on}; nearest is $.Statement[0] of B: "
        "Resource: arn:aws:s3:::b does not cover what lies in it; that is arn:aws:s3:::b/*."
    )
    other = policy({"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}, name="Q")
    assert one_line(policy, PolicySet((other,))).endswith("; no Allow of Q speaks of s3:GetObject.")
    assert one_line(policy, PolicySet(), principal_of(f"arn:aws:iam::{HERE}:root"), "s3:ListAllMyBuckets", "*") == (
        "s3:ListAllMyBuckets is allowed: no policy is asked."
    )


@pytest.mark.parametrize(
    ("caller", "action", "resource", "note"),
    [
        (
            principal_of(f"arn:aws:sts::{HERE}:federated-user/carol"),
            "s3:GetObject",
            "arn:aws:s3:::b/k",
            "a federated user has what session policies give, and none was passed",
        ),
        (
            USER,
            "kms:Decrypt",
            f"arn:aws:kms:r:{HERE}:key/1",
            "the resource has no policy, and without one the caller's own do not suffice",
        ),
        (
            USER,
            "sqs:SendMessage",
            f"arn:aws:sqs:r:{THERE}:q",
            "the resource has no policy, and without one the caller's own do not suffice",
        ),
        (
            ANONYMOUS,
            "s3:GetObject",
            "arn:aws:s3:::b/k",
            "the resource has no policy, and only that could let anonymous in",
        ),
        (
            principal_of(f"arn:aws:iam::{HERE}:root"),
            "sts:AssumeRole",
            ROLE,
            "the root user of an account cannot assume a role",
        ),
    ],
)
def test_a_policy_that_is_missing_is_named(
    policy: Any, caller: Principal, action: str, resource: str, note: str
) -> None:
    everything = policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
    assert note in one_line(policy, PolicySet((everything,)), caller, action, resource)


# AWS's own words


KINDS = [
    (PolicyKind.IDENTITY, "identity-based policy", "an"),
    (PolicyKind.RESOURCE, "resource-based policy", "a"),
    (PolicyKind.BOUNDARY, "permissions boundary", "a"),
    (PolicyKind.SESSION, "session policy", "a"),
    (PolicyKind.SCP, "service control policy", "a"),
    (PolicyKind.RCP, "resource control policy", "a"),
    (PolicyKind.ENDPOINT, "VPC endpoint policy", "a"),
    (PolicyKind.TRUST, "role trust policy", "the"),
]


@pytest.mark.parametrize(("kind", "name", "article"), KINDS)
def test_aws_words_for_a_refusal(kind: PolicyKind, name: str, article: str) -> None:
    request = Request(SESSION, "sqs:SendMessage", f"arn:aws:sqs:eu-west-1:{HERE}:q")
    start = f"User: {SESSION.arn} is not authorized to perform: sqs:SendMessage on resource: {request.resource} "
    implicit = Decision(Outcome.IMPLICITLY_DENIED, kind)
    assert denial_message(request, implicit) == f"{start}because no {name} allows the sqs:SendMessage action"
    explicit = Decision(Outcome.EXPLICITLY_DENIED, kind, "arn:aws:iam::aws:policy/X")
    assert denial_message(request, explicit) == f"{start}with an explicit deny in {article} {name}"
    assert denial_message(request, explicit, with_policy=True).endswith(f"{name}: arn:aws:iam::aws:policy/X")


def test_every_kind_has_its_words() -> None:
    assert {kind for kind, _, _ in KINDS} == set(PolicyKind)


def test_a_refusal_without_resource_leaves_it_out(policy: Any) -> None:
    request = Request(SESSION, "ec2:DescribeInstances", "*")
    assert denial_message(request, evaluate(request, PolicySet())) == (
        f"User: {SESSION.arn} is not authorized to perform: ec2:DescribeInstances "
        "because no identity-based policy allows the ec2:DescribeInstances action"
    )


def test_an_allowed_request_has_no_denial_message(policy: Any) -> None:
    everything: NamedPolicy = policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
    request = Request(USER, "s3:GetObject", "*")
    with pytest.raises(ValueError, match="no denial message"):
        denial_message(request, evaluate(request, PolicySet((everything,))))
