"""What must hold of any policies: more Allow never refuses, more Deny never grants, and order means nothing."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from podrole.iam.document import compile_policy
from podrole.iam.evaluate import Decision, NamedPolicy, Outcome, PolicySet, consulted, evaluate
from podrole.iam.explain import examine, explain
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import ANONYMOUS, Principal, PrincipalType, principal_of
from podrole.iam.request import Facts, Request

HERE, THERE = "111122223333", "444455556666"
CALLERS = [
    principal_of(f"arn:aws:iam::{HERE}:user/bob"),
    principal_of(f"arn:aws:sts::{HERE}:assumed-role/reader/pod-1"),
    principal_of(f"arn:aws:sts::{HERE}:federated-user/bob"),
    principal_of(f"arn:aws:iam::{HERE}:root"),
    principal_of("ec2.amazonaws.com"),
    Principal(PrincipalType.WEB_IDENTITY, arn=f"arn:aws:iam::{HERE}:oidc-provider/oidc.example.com"),
    ANONYMOUS,
]
PRINCIPALS = [
    "*",
    {"AWS": "*"},
    {"AWS": HERE},
    {"AWS": [caller.arn for caller in CALLERS[:3]]},
    {"AWS": f"arn:aws:iam::{HERE}:role/reader"},
    {"Service": "ec2.amazonaws.com"},
    {"Federated": f"arn:aws:iam::{HERE}:oidc-provider/oidc.example.com"},
]
ACTIONS = ["s3:GetObject", "kms:Decrypt", "sts:AssumeRole", "sts:TagSession", "sts:GetSessionToken"]
RESOURCES = ["*", "arn:aws:s3:::b/k", f"arn:aws:kms:r:{HERE}:key/1", f"arn:aws:iam::{HERE}:role/target"]

conditions = st.sampled_from(
    [
        {},
        {"StringEquals": {"aws:a": "1"}},
        {"StringNotEquals": {"aws:a": "1"}},
        {"ForAllValues:StringLike": {"aws:a": "1*"}},
        {"Null": {"aws:a": "true"}},
        {"StringLike": {"aws:a": "${aws:b}"}},
    ]
)


@st.composite
def statements(draw: st.DrawFn, kind: PolicyKind, effect: str | None = None) -> dict[str, Any]:
    effect = effect or draw(st.sampled_from(["Allow", "Deny"]))
    written: dict[str, Any] = {"Effect": effect, "Condition": draw(conditions)}
    if kind is PolicyKind.RCP:
        effect = written["Effect"] = "Deny"
    negations = () if kind is PolicyKind.RCP else ("Action", "NotAction")
    written[draw(st.sampled_from(negations or ("Action",)))] = draw(
        st.sampled_from(["s3:*", "sts:*", "kms:Decrypt", "*"])
    )
    written[draw(st.sampled_from(["Resource", "NotResource"]))] = draw(
        st.sampled_from(["*", "arn:aws:s3:::b/*", "arn:aws:iam::*:role/*"])
    )
    if kind in (PolicyKind.RESOURCE, PolicyKind.ENDPOINT):
        name = draw(st.sampled_from(["Principal", "NotPrincipal"])) if effect == "Deny" else "Principal"
        written[name] = draw(st.sampled_from(PRINCIPALS))
    elif kind is PolicyKind.RCP:
        written["Principal"] = "*"
    return written


def documents(kind: PolicyKind) -> st.SearchStrategy[list[list[dict[str, Any]]]]:
    """Draw some documents of one kind, each a list of statements."""
    return st.lists(st.lists(statements(kind), min_size=1, max_size=3), min_size=1, max_size=2)


PLACES = {
    "identity": PolicyKind.IDENTITY,
    "resource": PolicyKind.RESOURCE,
    "boundaries": PolicyKind.BOUNDARY,
    "session": PolicyKind.SESSION,
    "scps": PolicyKind.SCP,
    "rcps": PolicyKind.RCP,
    "endpoint": PolicyKind.ENDPOINT,
}
Sets = dict[str, list[list[dict[str, Any]]]]
sets = st.fixed_dictionaries(
    {"identity": documents(PolicyKind.IDENTITY)},
    optional={name: documents(kind) for name, kind in PLACES.items() if name != "identity"},
)
requests = st.builds(
    Request,
    st.sampled_from(CALLERS),
    st.sampled_from(ACTIONS),
    st.sampled_from(RESOURCES),
    st.sampled_from(["", HERE, THERE]),
    st.sampled_from([{}, {"aws:a": "1"}, {"aws:a": ["1", "2"], "aws:b": "1"}, {"aws:a": "2", "aws:b": "2"}]),
)


def policy_set(written: Sets) -> PolicySet:
    places: dict[str, Any] = {}
    for place, found in written.items():
        kind = PLACES[place]
        named = tuple(
            NamedPolicy(
                f"{kind} {number}", compile_policy(json.dumps({"Version": "2012-10-17", "Statement": one}), kind)
            )
            for number, one in enumerate(found)
        )
        places[place] = (
            named[0] if place == "resource" else tuple((one,) for one in named) if place in ("scps", "rcps") else named
        )
    return PolicySet(**places)


def with_statement(written: Sets, place: str, statement: dict[str, Any]) -> Sets:
    """Add a statement to the first document at a place that has one."""
    first, *others = written[place]
    return {**written, place: [[*first, statement], *others]}


@given(st.data(), sets, requests)
def test_adding_an_allow_never_turns_an_allow_into_a_deny(data: st.DataObject, written: Sets, request: Request) -> None:
    place = data.draw(st.sampled_from([place for place in written if place != "rcps"]))
    added = data.draw(statements(PLACES[place], "Allow"))
    if evaluate(request, policy_set(written)).allowed:
        assert evaluate(request, policy_set(with_statement(written, place, added))).allowed


@given(st.data(), sets, requests)
def test_adding_a_deny_never_turns_a_deny_into_an_allow(data: st.DataObject, written: Sets, request: Request) -> None:
    place = data.draw(st.sampled_from(list(written)))
    added = data.draw(statements(PLACES[place], "Deny"))
    if not evaluate(request, policy_set(written)).allowed:
        assert not evaluate(request, policy_set(with_statement(written, place, added))).allowed


@given(st.data(), sets, requests)
def test_adding_a_limit_never_turns_a_deny_into_an_allow(data: st.DataObject, written: Sets, request: Request) -> None:
    place = data.draw(st.sampled_from(["boundaries", "session", "scps", "rcps", "endpoint"]))
    added = data.draw(documents(PLACES[place]))
    federated = request.principal.type is PrincipalType.FEDERATED_USER  # whose session policies are what it may
    if place not in written and not federated and not evaluate(request, policy_set(written)).allowed:
        assert not evaluate(request, policy_set({**written, place: added})).allowed


@given(sets, requests, st.randoms(use_true_random=False))
def test_the_order_of_statements_and_policies_does_not_matter(written: Sets, request: Request, random: Any) -> None:
    shuffled = {place: [random.sample(one, len(one)) for one in found] for place, found in written.items()}
    for place, found in shuffled.items():
        if place != "resource":
            random.shuffle(found)
    first, second = evaluate(request, policy_set(written)), evaluate(request, policy_set(shuffled))
    assert (first.outcome, first.decided_by, first.grant) == (second.outcome, second.decided_by, second.grant)


@given(sets, requests)
def test_a_statement_has_failures_exactly_when_it_does_not_apply(written: Sets, request: Request) -> None:
    policies = policy_set(written)
    facts = Facts(request, has_boundary=policies.boundaries is not None)
    for _, attached in consulted(policies, facts):
        for named in attached:
            for statement in named.policy.statements:
                assert (not examine(statement, named.policy, facts)) is statement.applies(facts)


@given(sets, requests)
def test_the_evidence_agrees_with_the_decision(written: Sets, request: Request) -> None:
    policies = policy_set(written)
    decision: Decision = evaluate(request, policies)
    evidence = explain(request, policies, decision)
    json.dumps([one.to_dict() for one in evidence])
    denies = [one for one in evidence if one.applies and one.effect == "Deny"]
    if decision.outcome is Outcome.EXPLICITLY_DENIED:
        assert decision.statement is not None
        assert (evidence[0].policy, evidence[0].statement) == (decision.policy, decision.statement.path)
        assert evidence[0] in denies
    elif request.action != "sts:GetCallerIdentity":
        assert not denies
    if decision.outcome is Outcome.IMPLICITLY_DENIED and request.principal.type is not PrincipalType.ROOT:
        assert evidence[0].kind is decision.decided_by
