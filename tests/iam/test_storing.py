"""What AWS refuses only when a document is stored, and what it stores all the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podrole.account.managed_policies import ManagedPolicies
from podrole.iam.document import parse_policy
from podrole.iam.errors import MalformedPolicyDocument, PolicyError
from podrole.iam.limits import UNREAD, Owner
from podrole.iam.storing import StoredAs, check_storable

ACCOUNT = "111122223333"
HOST = "oidc.eks.us-east-1.amazonaws.com"
SHARED = "token.actions.githubusercontent.com"
OF_IDENTITY = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
OF_TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}}
STATEMENTS: dict[StoredAs, dict[str, Any]] = {
    StoredAs.TRUST: OF_TRUST,
    StoredAs.RESOURCE: OF_IDENTITY | {"Principal": {"AWS": ACCOUNT}},
    StoredAs.ENDPOINT: OF_IDENTITY | {"Principal": "*"},
    StoredAs.RCP: OF_IDENTITY | {"Effect": "Deny", "Principal": "*"},
}


def document(stored_as: StoredAs, **changed: Any) -> str:
    statement = STATEMENTS.get(stored_as, OF_IDENTITY) | changed
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def refused(text: str, stored_as: StoredAs, partition: str = "") -> tuple[str, str]:
    with pytest.raises(PolicyError) as refusal:
        check_storable(text, stored_as, partition)
    return refusal.value.aws_code, refusal.value.message


@pytest.mark.parametrize("stored_as", StoredAs)
def test_a_document_of_each_kind_is_stored(stored_as: StoredAs) -> None:
    text = document(stored_as)
    assert check_storable(text, stored_as, "aws").text == text


@pytest.mark.parametrize(
    ("stored_as", "message"),
    [
        (StoredAs.TRUST, "Condition can contain only one colon."),
        (StoredAs.RESOURCE, "Actions/Condition can contain only one colon."),
        (StoredAs.MANAGED, "Actions/Condition can contain only one colon."),
        (StoredAs.INLINE, "Actions/Condition can contain only one colon."),
        (StoredAs.SESSION, "Actions/Condition can contain only one colon."),
    ],
)
@pytest.mark.parametrize(
    "key", [f"https://{HOST}/id/A:sub", f"{HOST}:443/id/A:sub", f"{HOST}/id/A:sub:x", "aws:Principal:Tag"]
)
def test_a_condition_key_has_one_colon(stored_as: StoredAs, message: str, key: str) -> None:
    text = document(stored_as, Condition={"StringEquals": {"aws:SourceIp": "x", key: "x"}})
    with pytest.raises(MalformedPolicyDocument) as refusal:
        check_storable(text, stored_as)
    fault = refusal.value.faults[0]
    assert (fault.message, fault.path) == (message, f"$.Statement.Condition.StringEquals[{json.dumps(key)}]")
    parse_policy(text, stored_as.kind)  # what is stored already is read


@pytest.mark.parametrize(
    "key",
    [
        "a",
        f"{HOST}/id/A:sub",
        "oidc.circleci.com/org/x:oidc.circleci.com/project-id",
        "aws:ResourceTag/eks:eks-cluster-name",
        "aws:RequestTag/SystemsManager::VPCE::SG",
        "ec2:ResourceTag/aws:cloudformation:stack-id",
        "ssm:resourceTag/aws:ssmmessages:target-id",
        "s3:ExistingObjectTag/servicecatalog:provisioning",
        "account:AccountResourceOrgTags/a:b",
        "kms:EncryptionContext:aws:s3:arn",
        "KMS:encryptioncontext:aws:scheduler:schedule:arn",
        "kms:RecipientAttestation:PCR8",
        "sagemaker:ModelLifeCycle:Stage",
    ],
)
def test_a_family_of_condition_keys_has_more_colons(key: str) -> None:
    check_storable(document(StoredAs.MANAGED, Condition={"StringEquals": {key: "x"}}), StoredAs.MANAGED)


@pytest.mark.services
def test_policies_that_aws_itself_publishes_are_stored() -> None:
    """Some are larger than an account's own may be, or of the old version."""
    for policy in ManagedPolicies().all("aws"):
        parse_policy(policy.document, StoredAs.MANAGED.kind, stored_in=("aws",))


@pytest.mark.parametrize("stored_as", [StoredAs.MANAGED, StoredAs.INLINE, StoredAs.SESSION])
def test_a_resource_is_of_the_partition_of_the_account(stored_as: StoredAs) -> None:
    text = document(stored_as, Resource="arn:aws-cn:s3:::b/*")
    message = 'Partition "aws-cn" is not valid for resource "arn:aws-cn:s3:::b/*".'
    assert refused(text, stored_as, "aws") == ("MalformedPolicyDocument", message)
    check_storable(text, stored_as, "aws-cn")
    check_storable(text, stored_as)
    check_storable(document(stored_as, Resource=["arn:*:s3:::b", "arn:aws*:s3:::b"]), stored_as, "aws-cn")
    assert refused(document(stored_as, Resource="arn:aws:s3:::b"), stored_as, "aws-us-gov")[1].startswith(
        'Partition "aws" is not valid'
    )


@pytest.mark.parametrize("stored_as", [StoredAs.TRUST, StoredAs.RESOURCE])
@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": f"arn:aws-cn:iam::{ACCOUNT}:root"},
        {"AWS": f"arn:aws-cn:iam::{ACCOUNT}:role/r"},
        {"Federated": f"arn:aws-cn:iam::{ACCOUNT}:oidc-provider/{HOST}/id/A"},
    ],
)
def test_a_principal_is_of_the_partition_of_the_account(stored_as: StoredAs, principal: dict[str, str]) -> None:
    text = document(stored_as, Principal=principal)
    assert refused(text, stored_as, "aws")[0] == "MalformedPolicyDocument"
    check_storable(text, stored_as, "aws-cn")
    check_storable(text, stored_as)


def padded(stored_as: StoredAs, characters: int) -> str:
    """Write a document of exactly that many characters, with white space that counts only in Organizations."""
    text = document(stored_as)[1:]
    blanks = " " if stored_as in (StoredAs.SCP, StoredAs.RCP) else " " * 100
    counted = len(text if blanks == " " else text.replace(" ", "")) + len('{"Id":"",') + (blanks == " ")
    return f'{{{blanks}"Id":"{"x" * (characters - counted)}",{text}'


@pytest.mark.parametrize(
    ("stored_as", "most", "code", "message"),
    [
        (StoredAs.MANAGED, 6_144, "LimitExceeded", "Cannot exceed quota for PolicySize: 6144"),
        (StoredAs.INLINE, 10_240, "LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role …"),
        (StoredAs.TRUST, 2_048, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"),
        (StoredAs.SCP, 10_240, "ConstraintViolationException", "You have exceeded the maximum policy size."),
        (StoredAs.RCP, 5_120, "ConstraintViolationException", "You have exceeded the maximum policy size."),
    ],
)
def test_a_document_may_have_its_quota(stored_as: StoredAs, most: int, code: str, message: str) -> None:
    check_storable(padded(stored_as, most), stored_as)
    larger = padded(stored_as, most + 1)
    assert refused(larger, stored_as) == (code, message)
    parse_policy(larger, stored_as.kind)  # an account can have a larger quota


@pytest.mark.parametrize(
    ("stored_as", "code"),
    [
        (StoredAs.MANAGED, "LimitExceeded"),
        (StoredAs.INLINE, "LimitExceeded"),
        (StoredAs.TRUST, "LimitExceeded"),
        (StoredAs.SCP, "ConstraintViolationException"),
        (StoredAs.RCP, "ConstraintViolationException"),
    ],
)
def test_a_document_that_is_far_too_large_is_not_read(stored_as: StoredAs, code: str) -> None:
    assert refused("{" * (UNREAD + 1), stored_as)[0] == code
    assert refused("{".ljust(UNREAD + 1), stored_as)[0] != code
    assert refused("{" * UNREAD, stored_as)[0] != code


def test_inline_policies_of_an_owner_count_together() -> None:
    text = padded(StoredAs.INLINE, 1_024)
    check_storable(text, StoredAs.INLINE, beside=[text], owner=Owner.USER, name="bob")
    with pytest.raises(PolicyError, match="Maximum policy size of 2048 bytes exceeded for user bob"):
        check_storable(text, StoredAs.INLINE, beside=[text, "x"], owner=Owner.USER, name="bob")


def test_a_managed_policy_is_of_the_current_version() -> None:
    old = json.dumps({"Version": "2008-10-17", "Statement": OF_IDENTITY})
    check_storable(old, StoredAs.INLINE)
    assert refused(old, StoredAs.MANAGED)[1] == "Policy document must be version 2012-10-17 or greater."


def test_a_trust_policy_on_a_shared_issuer_needs_its_claim() -> None:
    principal = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{SHARED}"}
    shared = {"Action": "sts:AssumeRoleWithWebIdentity", "Principal": principal}
    assert f"{SHARED}:sub" in refused(document(StoredAs.TRUST, **shared), StoredAs.TRUST)[1]


def test_the_text_is_checked_as_it_came() -> None:
    text = document(StoredAs.MANAGED)
    twice = text.replace('"Effect"', '"Condition":{"Bool":{"a":"true"},"Bool":{"b":"true"}},"Effect"')
    assert refused(twice, StoredAs.MANAGED) == ("MalformedPolicyDocument", "Syntax errors in policy.")
    assert refused(f"\ufeff{text}", StoredAs.MANAGED)[0] == "ValidationError"
    assert refused(f"\ufeff{document(StoredAs.RESOURCE)}", StoredAs.RESOURCE)[1] == "This policy contains invalid Json"
