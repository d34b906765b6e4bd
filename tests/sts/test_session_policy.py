"""The policies that limit a session: whether they are well-formed, exist, and are small enough."""

from __future__ import annotations

import random
import string
import zlib

import pytest

from podrole.sts.denial import Denied, Step
from podrole.sts.session_policy import SessionPolicies, packed_policy_size, session_policies
from podrole.sts.tags import NO_TAGS, SessionTags
from support.sts import ACCOUNT, OTHER_ACCOUNT, Accounts, document

READ_ONLY = document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
OWN, AWS, OTHER = (f"arn:aws:iam::{owner}:policy/limit" for owner in (ACCOUNT, "aws", OTHER_ACCOUNT))
DIRECTORY = Accounts(managed=dict.fromkeys((OWN, AWS, OTHER), READ_ONLY))


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
    assert session_policies(inline, arns, ACCOUNT, DIRECTORY) == SessionPolicies(inline, arns, documents)


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
        session_policies(inline, arns, ACCOUNT, DIRECTORY)
    denial = raised.value.denial
    assert (denial.step, denial.code, denial.status) == (Step.SESSION_POLICY, code, 400)
    assert message is None or denial.message == message


NOTHING = SessionPolicies(None, (), ())


def test_the_packed_size_is_a_percentage_from_one_to_a_hundred() -> None:
    assert packed_policy_size(NOTHING, NO_TAGS) is None
    assert packed_policy_size(NOTHING, SessionTags({"a": ""})) == 1
    assert packed_policy_size(SessionPolicies(None, (OWN,), ()), NO_TAGS) is not None
    assert packed_policy_size(SessionPolicies(READ_ONLY, (), ()), NO_TAGS) is not None
    sizes = [packed_policy_size(NOTHING, SessionTags({"k": noise(length)})) for length in (100, 300, 500)]
    assert sizes == sorted(set(sizes), key=lambda size: size or 0)


@pytest.mark.parametrize(
    ("packed", "percent"), [(20, 1), (21, 2), (1_024, 50), (1_025, 51), (2_028, 100), (2_048, 100)]
)
def test_the_packed_size_is_measured_against_2048_bytes(packed: int, percent: int) -> None:
    assert packed_policy_size(SessionPolicies(text_of_packed_size(packed), (), ()), NO_TAGS) == percent


def test_one_byte_more_than_2048_is_refused() -> None:
    with pytest.raises(Denied) as raised:
        packed_policy_size(SessionPolicies(text_of_packed_size(2_049), (), ()), NO_TAGS)
    assert raised.value.denial.message == "Packed size of session tags consumes 101% of allotted space."


def text_of_packed_size(size: int) -> str:
    """Return a text that zlib makes ``size`` bytes of."""
    text = "".join(random.Random(1).choices(string.ascii_letters, k=2 * size))
    return next(text[:end] for end in range(size - 11, 2 * size) if len(zlib.compress(text[:end].encode(), 9)) == size)


def noise(length: int) -> str:
    """Return a text that does not get smaller when it is packed."""
    return "".join(chr(0x4E00 + (number * number * 7919 + number * 104_729) % 20_000) for number in range(length))


def test_more_than_a_hundred_percent_is_refused() -> None:
    with pytest.raises(Denied) as raised:
        packed_policy_size(NOTHING, SessionTags({"k": noise(1_000)}))
    denial = raised.value.denial
    assert (denial.code, denial.status) == ("PackedPolicyTooLarge", 400)
    assert denial.message.startswith("Packed size of session tags consumes ")
    longest = max(length for length in range(600, 1_000) if fits(length))
    assert packed_policy_size(NOTHING, SessionTags({"k": noise(longest)})) == 100


def fits(length: int) -> bool:
    try:
        return packed_policy_size(NOTHING, SessionTags({"k": noise(length)})) is not None
    except Denied:
        return False


def test_the_inline_policy_counts_in_the_packed_size() -> None:
    size = packed_policy_size(SessionPolicies(noise(500), (), ()), NO_TAGS)
    assert size is not None
    assert size > 50
