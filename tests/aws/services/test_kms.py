"""KMS: the policy of a new key, the only name of a policy, and the key of a ciphertext."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.aws.protocol.wire import HTTPResponse
from podrole.aws.services.kms import RULES
from podrole.iam.actions.call import Call
from support.aws_facts import FakeFacts
from support.calls import REGION
from support.service_rules import document, refusal, resolved

OWNER = "444455556666"
OURS, OTHER = f"arn:aws:kms:{REGION}:{OWNER}:key/ours", f"arn:aws:kms:{REGION}:{OWNER}:key/other"


class Keys(FakeFacts):
    """Two keys of an account, and what the first encrypted: only that account knows it."""

    def arn_of(self, call: Call, kind: str, name: str) -> str | None:
        if kind == "kms:ciphertext":
            return OURS if call.account == OWNER and name == b"ours".hex() else None
        return super().arn_of(call, kind, name)


KEYS = Keys(arns={"kms:key ours": OURS, "kms:key other": OTHER})
INCORRECT = ("IncorrectKeyException", 400)


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("Decrypt", {"KeyId": "ours", "CiphertextBlob": b"ours"}, None),
        ("Decrypt", {"KeyId": "other", "CiphertextBlob": b"ours"}, INCORRECT),
        ("Decrypt", {"KeyId": "unknown", "CiphertextBlob": b"ours"}, None),
        ("Decrypt", {"KeyId": "other", "CiphertextBlob": b"unknown"}, None),
        ("Decrypt", {"CiphertextBlob": b"ours"}, None),
        ("Decrypt", {"KeyId": "other"}, None),
        ("ReEncrypt", {"SourceKeyId": "other", "CiphertextBlob": b"ours"}, INCORRECT),
        ("ReEncrypt", {"SourceKeyId": "ours", "DestinationKeyId": "other", "CiphertextBlob": b"ours"}, None),
    ],
)
def test_the_key_that_is_named_for_a_ciphertext_encrypted_it(
    operation: str, given: dict[str, Any], expected: tuple[str, int] | None
) -> None:
    assert refusal(resolved, RULES, operation, KEYS, **given) == expected


def test_the_only_policy_of_a_key_has_a_name() -> None:
    for operation in ("GetKeyPolicy", "PutKeyPolicy"):
        assert resolved(RULES, operation, KeyId="ours") == {"KeyId": "ours", "PolicyName": "default"}
        assert resolved(RULES, operation, PolicyName="other") == {"PolicyName": "other"}
    assert resolved(RULES, "DescribeKey", KeyId="ours") == {"KeyId": "ours"}


def test_the_policy_of_a_new_key_is_attached_to_the_key_in_the_answer() -> None:
    found = document(RULES, "CreateKey", Policy="{}")
    assert found is not None
    assert callable(found.resource)
    answer = HTTPResponse(200, [], b'{"KeyMetadata": {"Arn": "%s"}}' % OURS.encode())
    assert (found.text, found.resource(answer)) == ("{}", OURS)
    assert document(RULES, "CreateKey") is None
