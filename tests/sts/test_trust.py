"""Whether a role trusts a caller: what a trust policy is asked, and ``trusts()``, which leaves conditions aside."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.directory import Role
from podrole.iam.principal import Principal, PrincipalType
from podrole.sts.denial import Denied, Step
from podrole.sts.tags import SessionTags
from podrole.sts.trust import Candidate, Wanted, Words, no_such_role, require_trust, role_keys, trusts
from support.sts import ACCOUNT, OTHER_ACCOUNT, ROLE_ARN, a_role, allow, policies

SERVICE = Principal(PrincipalType.SERVICE, arn="pods.eks.amazonaws.com")
USER = Principal(PrincipalType.USER, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDAANN")
WORDS = Words(lambda action: f"not {action}", "Refused", 418)
BY_SERVICE = {"Service": SERVICE.arn}
BOTH = ("sts:AssumeRole", "sts:TagSession")
UNREADABLE = Role(ROLE_ARN, "AROAREADER", "reader", ACCOUNT, "{}")


@pytest.mark.parametrize(
    ("statements", "trusted"),
    [
        ([allow(*BOTH, Principal=BY_SERVICE)], True),
        ([allow("sts:*", Principal=BY_SERVICE)], True),
        ([allow("sts:AssumeRole", Principal=BY_SERVICE), allow("sts:TagSession", Principal=BY_SERVICE)], True),
        ([allow("sts:AssumeRole", Principal=BY_SERVICE)], False),
        ([allow("sts:TagSession", Principal=BY_SERVICE)], False),
        ([allow(*BOTH, Principal={"Service": "ec2.amazonaws.com"})], False),
        ([allow(*BOTH, Principal={"AWS": ACCOUNT})], False),
        ([allow(*BOTH, Principal=BY_SERVICE, Condition={"StringEquals": {"aws:SourceAccount": "1"}})], True),
        ([allow(*BOTH, effect="Deny", Principal=BY_SERVICE)], False),
        ([allow(*BOTH, Principal=BY_SERVICE), allow(*BOTH, effect="Deny", Principal=BY_SERVICE)], True),
        ([allow(*BOTH, Principal=BY_SERVICE), allow("sts:TagSession", effect="Deny", Principal=BY_SERVICE)], True),
    ],
)
def test_only_the_allow_statements_say_whether_a_role_could_let_a_principal_in(
    statements: list[dict[str, Any]], trusted: bool
) -> None:
    assert trusts(a_role(*statements), SERVICE, BOTH) is trusted


def test_a_role_whose_trust_policy_cannot_be_read_lets_nobody_in() -> None:
    assert not trusts(UNREADABLE, SERVICE, BOTH)


def refusal(role: Role, candidate: Candidate, wanted: Wanted) -> Denied | None:
    try:
        require_trust(role, candidate, wanted, "sts:AssumeRole", WORDS)
    except Denied as refused:
        return refused
    return None


@pytest.mark.parametrize(
    ("wanted", "needed"),
    [
        (Wanted("work"), ["sts:AssumeRole"]),
        (Wanted("work", SessionTags({"team": "shop"})), ["sts:AssumeRole", "sts:TagSession"]),
        (Wanted("work", source_identity="ann"), ["sts:AssumeRole", "sts:SetSourceIdentity"]),
        (
            Wanted("work", SessionTags({"team": "shop"}), "ann", "secret"),
            ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        ),
    ],
)
def test_every_needed_action_is_asked_and_none_else(wanted: Wanted, needed: list[str]) -> None:
    candidate = Candidate(SERVICE, {})
    assert wanted.actions("sts:AssumeRole") == needed
    assert refusal(a_role(allow(*needed, Principal=BY_SERVICE)), candidate, wanted) is None
    for missing in needed:
        others = [action for action in needed if action != missing]
        role = a_role(allow(*(others or ["sts:TagSession"]), Principal=BY_SERVICE))
        refused = refusal(role, candidate, wanted)
        assert refused is not None
        denial = refused.denial
        assert (denial.step, denial.code, denial.status) == (Step.TRUST, "Refused", 418)
        assert (denial.message, denial.evidence["action"]) == (f"not {missing}", missing)
        assert denial.evidence["policy"] == "the trust policy of role reader"
        assert denial.evidence["decision"] == "ImplicitlyDenied"


def test_the_context_of_the_request_names_all_that_is_wanted() -> None:
    wanted = Wanted("work", SessionTags({"team": "shop"}, ("team",)), "ann", "secret")
    assert wanted.context_keys() == {
        "aws:TagKeys": ["team"],
        "aws:RequestTag/team": "shop",
        "sts:TransitiveTagKeys": ["team"],
        "sts:RoleSessionName": "work",
        "sts:SourceIdentity": "ann",
        "sts:ExternalId": "secret",
    }
    assert Wanted("work").context_keys() == {"sts:RoleSessionName": "work"}


def test_the_role_describes_itself() -> None:
    assert role_keys(a_role(allow("sts:AssumeRole", Principal="*"), tags={"team": "shop"})) == {
        "aws:ResourceAccount": ACCOUNT,
        "aws:ResourceTag/team": "shop",
        "iam:ResourceTag/team": "shop",
    }


def test_policies_of_a_candidate_must_allow_the_role_unless_the_trust_policy_names_it() -> None:
    by_account = a_role(allow("sts:AssumeRole", Principal={"AWS": ACCOUNT}))
    own = policies(allow("sts:AssumeRole", Resource=ROLE_ARN))
    denying = policies(allow("sts:AssumeRole", effect="Deny", Resource="*"))
    wanted = Wanted("work")
    assert refusal(by_account, Candidate(USER, {}, own), wanted) is None
    assert refusal(by_account, Candidate(USER, {}, policies()), wanted) is not None
    by_name = a_role(allow("sts:AssumeRole", Principal={"AWS": USER.arn}))
    assert refusal(by_name, Candidate(USER, {}, policies()), wanted) is None
    refused = refusal(by_name, Candidate(USER, {}, denying), wanted)
    assert refused is not None
    assert refused.denial.evidence["decision"] == "ExplicitlyDenied"
    assert "its policy" in [one["policy"] for one in refused.denial.evidence["evidence"]]


def test_the_keys_of_the_request_replace_what_a_candidate_claims() -> None:
    """A caller's context cannot name the session, nor the role's own tags."""
    statement = allow(
        "sts:AssumeRole",
        Principal=BY_SERVICE,
        Condition={"StringEquals": {"sts:RoleSessionName": "work", "aws:ResourceAccount": ACCOUNT}},
    )
    lying = Candidate(SERVICE, {"sts:RoleSessionName": "other", "aws:ResourceAccount": OTHER_ACCOUNT})
    assert refusal(a_role(statement), lying, Wanted("work")) is None


def test_a_missing_role_and_one_that_cannot_be_read_are_refused_in_the_same_words() -> None:
    missing = no_such_role(ROLE_ARN, "sts:AssumeRole", WORDS).denial
    refused = refusal(UNREADABLE, Candidate(SERVICE, {}), Wanted("work"))
    assert refused is not None
    unreadable = refused.denial
    assert (missing.code, missing.status, missing.message, missing.step) == (
        unreadable.code,
        unreadable.status,
        unreadable.message,
        unreadable.step,
    )


def test_a_candidate_does_not_show_its_context() -> None:
    assert "secret" not in repr(Candidate(SERVICE, {"sts:ExternalId": "secret"}))
