"""The policies that limit a session: whether they are well-formed, exist, and are small enough."""

from __future__ import annotations

import random
import string

import pytest

from podrole.iam.actions.reference import service
from podrole.sts.denial import Denied, Step
from podrole.sts.session_policy import SessionPolicies, packed_policy_size, session_policies
from podrole.sts.tags import NO_TAGS, SessionTags
from support.sts import ACCOUNT, OTHER_ACCOUNT, Accounts, document

READ_ONLY = document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
ROLE = f"arn:aws:iam::{ACCOUNT}:role/reader"
OWN, AWS, OTHER = (f"arn:aws:iam::{owner}:policy/limit" for owner in (ACCOUNT, "aws", OTHER_ACCOUNT))
DIRECTORY = Accounts(managed=dict.fromkeys((OWN, AWS, OTHER), READ_ONLY))


def noise(length: int) -> str:
    """Return a text that hardly gets smaller when it is compressed."""
    return "".join(random.Random(1).choices(string.ascii_letters, k=length))


def padded(length: int) -> str:
    return READ_ONLY[:-1].ljust(length - 1) + "}"


@pytest.mark.parametrize(
    ("inline", "arns", "documents"),
    [
        (None, (), ()),
        (READ_ONLY, (), ()),
        (None, (OWN, AWS), (READ_ONLY, READ_ONLY)),
        (READ_ONLY, (AWS,), (READ_ONLY,)),
        (padded(2_048), (), ()),
        (padded(2_048 - len(OWN)), (OWN,), (READ_ONLY,)),
    ],
)
def test_policies_that_exist_are_taken(inline: str | None, arns: tuple[str, ...], documents: tuple[str, ...]) -> None:
    assert session_policies(inline, arns, ROLE, DIRECTORY) == SessionPolicies(inline, arns, documents)


@pytest.mark.parametrize(
    ("inline", "arns", "code", "message"),
    [
        ("{}", (), "MalformedPolicyDocument", None),
        ("", (), "ValidationError", None),
        (padded(2_049), (), "PackedPolicyTooLarge", "Serialized token too large for session"),
        (padded(2_049 - len(OWN)), (OWN,), "PackedPolicyTooLarge", "Serialized token too large for session"),
        (None, (f"{OWN}s",), "ValidationError", f"Policy {OWN}s does not exist or is not attachable."),
        (None, (OTHER,), "ValidationError", f"Policy {OTHER} does not exist or is not attachable."),
        (None, (OWN, f"{OWN}s"), "ValidationError", f"Policy {OWN}s does not exist or is not attachable."),
    ],
)
def test_other_policies_are_refused(inline: str | None, arns: tuple[str, ...], code: str, message: str | None) -> None:
    with pytest.raises(Denied) as raised:
        session_policies(inline, arns, ROLE, DIRECTORY)
    denial = raised.value.denial
    assert (denial.step, denial.code, denial.status) == (Step.SESSION_POLICY, code, 400)
    assert message is None or denial.message == message


NOTHING = SessionPolicies(None, (), ())
POD = SessionTags(
    {
        "eks-cluster-arn": "arn:aws:eks:us-east-1:111122223333:cluster/production",
        "eks-cluster-name": "production",
        "kubernetes-namespace": "payments",
        "kubernetes-service-account": "checkout-api",
        "kubernetes-pod-name": "checkout-api-7d9c6b5f4d-x8k2p",
        "kubernetes-pod-uid": "0f1e2d3c-4b5a-4678-9abc-def012345678",
    }
)
"""The tags of EKS Pod Identity, with names of usual length."""
OWN_TAGS = SessionTags({"team": "x" * 41, "environment": "y" * 44, "cost-center": "z" * 20})


def packed(policies: SessionPolicies = NOTHING, tags: SessionTags = NO_TAGS) -> int:
    """Return the packed size, also that of what is refused."""
    try:
        size = packed_policy_size(policies, tags)
    except Denied as refused:
        message = refused.denial.message
        assert message.startswith(("Packed size of session tags consumes ", "Packed policy consumes "))
        return int(message.partition("consumes ")[2].partition("%")[0])
    assert size is not None
    return size


def test_nothing_has_no_packed_size() -> None:
    assert packed_policy_size(NOTHING, NO_TAGS) is None


@pytest.mark.parametrize(
    ("tags", "percent"),
    [
        (SessionTags({f"T{number}": "a" * 250 for number in range(1, 10)}), 498),
        (POD, 74),
        (OWN_TAGS, 37),
        (SessionTags({**POD.tags, **OWN_TAGS.tags}), 112),
    ],
    ids=["nine long tags", "Pod Identity", "others", "Pod Identity and others"],
)
def test_tags_take_what_people_measured_on_aws(tags: SessionTags, percent: int) -> None:
    assert abs(packed(tags=tags) - percent) <= 2


@pytest.mark.parametrize(("actions", "percent"), [(31, 118), (42, 157)])
def test_policies_take_about_what_people_measured_on_aws(actions: int, percent: int) -> None:
    services = ("cloudformation", "dynamodb", "s3", "lambda", "iam", "logs")
    listed: dict[str, list[str]] = {}
    for index, prefix in enumerate(services):
        reference = service(prefix)
        assert reference is not None
        count = actions // len(services) + (index < actions % len(services))
        listed[prefix] = [f"{prefix}:{name}" for name in sorted(reference.action_names())[:count]]
    statements = [
        {"Effect": "Allow", "Action": names, "Resource": f"arn:aws:{prefix}:*:{ACCOUNT}:*"}
        for prefix, names in listed.items()
    ]
    assert abs(packed(SessionPolicies(document(*statements), (), ())) - percent) <= percent * 0.15


@pytest.mark.parametrize(("length", "percent"), [(1, 4), (467, 100), (468, 101)])
def test_the_packed_size_is_rounded_up_and_at_most_a_hundred_percent(length: int, percent: int) -> None:
    assert packed(tags=SessionTags({"k": "v" * length})) == percent


def test_bytes_count_and_not_characters() -> None:
    assert packed(tags=SessionTags({"k": "\u00fc" * 200})) == packed(tags=SessionTags({"k": "u" * 400}))


@pytest.mark.parametrize("arns", [1, 10])
def test_ten_managed_policies_fit(arns: int) -> None:
    assert packed(SessionPolicies(None, (OWN,) * arns, ())) == -(-2_100 * arns // 484)


def test_policies_and_tags_add_up() -> None:
    policies = SessionPolicies(READ_ONLY, (OWN,), ())
    both = packed(policies, POD)
    assert abs(both - packed(policies) - packed(tags=POD)) <= 1


@pytest.mark.parametrize(
    ("policies", "tags", "message"),
    [
        (NOTHING, SessionTags({"k": "v" * 1_000}), "Packed size of session tags consumes 211% of allotted space."),
        (SessionPolicies(noise(1_400), (), ()), NO_TAGS, "Packed policy consumes "),
        (SessionPolicies(noise(1_400), (), ()), SessionTags({"k": "v"}), "Packed size of session tags consumes "),
    ],
    ids=["tags", "a policy", "both"],
)
def test_more_than_a_hundred_percent_is_refused(policies: SessionPolicies, tags: SessionTags, message: str) -> None:
    with pytest.raises(Denied) as raised:
        packed_policy_size(policies, tags)
    denial = raised.value.denial
    assert (denial.step, denial.code, denial.status) == (Step.SESSION_POLICY, "PackedPolicyTooLarge", 400)
    assert denial.message.startswith(message)
