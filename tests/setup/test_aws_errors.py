"""What AWS answers, and what a person is told."""

from __future__ import annotations

import json

import pytest

from podrole.doctor.errors import SourceError
from podrole.doctor.sources.aws_session import AWSRefusal
from podrole.iam.document import parse_policy
from podrole.iam.policy import PolicyKind
from podrole.setup.aws_errors import failure
from podrole.setup.errors import CallFailed, Conflict, NotThere, PermissionMissing, Throttled

ACCOUNT = "111122223333"
EVE = f"User: arn:aws:iam::{ACCOUNT}:user/eve is not authorized to perform:"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/shop"


def told(action: str, code: str, message: str, **parameters: object) -> CallFailed:
    return failure(AWSRefusal(action, code, message), ACCOUNT, "aws", parameters)


KINDS: dict[type[CallFailed], tuple[str, ...]] = {
    Throttled: (
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    ),
    Conflict: (
        "BucketAlreadyOwnedByYou",
        "DistributionAlreadyExists",
        "OperationAborted",
        "OriginAccessControlAlreadyExists",
        "ConcurrentModification",
        "ConcurrentModificationException",
        "DeleteConflict",
        "EntityAlreadyExists",
        "EntityTemporarilyUnmodifiable",
        "ResourceInUseException",
    ),
    NotThere: ("NoSuchBucket", "NoSuchDistribution", "NoSuchEntity", "ResourceNotFoundException"),
    PermissionMissing: ("AccessDenied", "AccessDeniedException"),
    CallFailed: ("ValidationError", "MalformedPolicyDocument", "ServerException"),
}


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in KINDS.items() for code in codes])
def test_kind_of_each_code(kind: type[CallFailed], code: str) -> None:
    assert type(told("iam:CreateRole", code, "Something.")) is kind


@pytest.mark.parametrize(
    ("action", "code", "message"),
    [
        ("iam:CreateRole", "ValidationError", "Invalid principal in policy"),
        ("iam:PutRolePolicy", "ValidationError", "The role does not exist."),
        ("eks:CreatePodIdentityAssociation", "InvalidParameterException", "A policy needs disabled session tags."),
    ],
)
def test_other_refusals_are_not_of_something_invisible(action: str, code: str, message: str) -> None:
    problem = told(action, code, message)
    assert (type(problem), problem.what, problem.got) == (CallFailed, f"AWS refused {action}: {message}", code)


@pytest.mark.parametrize(
    ("said", "resource"),
    [
        ("role shop because no identity-based policy allows the iam:TagRole action", ROLE),
        (f"{ROLE} because no identity-based policy allows the iam:TagRole action", ROLE),
        (f"policy {ROLE} because no identity-based policy allows the iam:TagRole action", ROLE),
        (f"{ROLE}", ROLE),
        (f'"{ROLE}" because no identity-based policy allows the iam:TagRole action', ROLE),
        ("something else because no identity-based policy allows the iam:TagRole action", "*"),
    ],
)
def test_missing_permission_is_named_with_its_statement(said: str, resource: str) -> None:
    problem = told("iam:TagRole", "AccessDenied", f"{EVE} iam:TagRole on resource: {said}")
    assert problem.what == f"The permission iam:TagRole on {resource} is missing."
    step = str(problem.next_step)
    assert step.startswith(f"add this statement to a policy of arn:aws:iam::{ACCOUNT}:user/eve:\n")
    text = step[step.index("{") :]
    parse_policy(text, PolicyKind.IDENTITY)
    statement = {"Effect": "Allow", "Action": "iam:TagRole", "Resource": resource}
    assert text == json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


def test_refusal_of_s3_in_unknown_words_names_the_bucket_or_the_object() -> None:
    refused = AWSRefusal("s3:GetObject", "AccessDenied", "Access Denied")
    problem = failure(refused, ACCOUNT, "aws-cn", {"Bucket": "documents", "Key": "a/b"})
    assert problem.what == "The permission s3:GetObject on arn:aws-cn:s3:::documents/a/b is missing."
    account = AWSRefusal("s3control:GetPublicAccessBlock", "AccessDenied", "Access Denied")
    assert "s3:GetAccountPublicAccessBlock on *" in failure(account, ACCOUNT, "aws", {}).what
    assert "arn:aws:s3:::documents " in failure(refused, ACCOUNT, "aws", {"Bucket": "documents"}).what


def test_account_that_cloudfront_must_verify_is_not_told_of_a_permission() -> None:
    message = "Your account must be verified before you can add new CloudFront resources."
    problem = told("cloudfront:CreateDistribution", "AccessDenied", message)
    assert type(problem) is CallFailed
    assert "AWS Support" in str(problem.next_step)


@pytest.mark.parametrize("code", ["TooManyBuckets", "TooManyDistributions", "TooManyOriginAccessControls"])
def test_full_quota_of_buckets_and_distributions_says_what_to_do(code: str) -> None:
    assert "Service Quotas" in str(told("s3:CreateBucket", code, "Too many.").next_step)


def test_missing_right_to_pass_a_role_is_granted_for_eks_only() -> None:
    message = f"{EVE} iam:PassRole on resource: {ROLE} because no identity-based policy allows the iam:PassRole action"
    problem = told("eks:CreatePodIdentityAssociation", "AccessDeniedException", message)
    assert problem.what == f"The permission iam:PassRole on {ROLE} is missing."
    assert '"iam:PassedToService": "pods.eks.amazonaws.com"' in str(problem.next_step)


def test_refusal_in_unknown_words_names_the_call() -> None:
    problem = told("iam:TagRole", "AccessDenied", "No.")
    assert (problem.what, problem.got) == ("The permission iam:TagRole on * is missing.", "No.")


@pytest.mark.parametrize(
    "place", ["permissions boundary", "service control policy", "resource control policy", "session policy"]
)
def test_permission_is_granted_where_it_is_missing(place: str) -> None:
    message = f"{EVE} iam:TagRole on resource: role shop because no {place} allows the iam:TagRole action"
    assert str(told("iam:TagRole", "AccessDenied", message).next_step).startswith(f"add this statement to the {place}:")


def test_explicit_deny_has_no_statement_that_grants() -> None:
    message = f"{EVE} iam:TagRole on resource: role shop with an explicit deny in a service control policy"
    step = told("iam:TagRole", "AccessDenied", message).next_step
    assert step == "ask who keeps the service control policy: it denies the action explicitly"


@pytest.mark.parametrize(
    ("quota", "most", "raised"),
    [
        ("ACLSizePerRole", "2,048", "8,192 characters"),
        ("PoliciesPerRole", "20", "25"),
        ("OpenIdConnectProvidersPerAccount", "100", "700"),
        ("OpenIDConnectProvidersPerAccount", "100", "700"),
        ("RolesPerAccount", "1,000", "10,000"),
    ],
)
def test_quota_says_how_far_it_can_be_raised(quota: str, most: str, raised: str) -> None:
    message = f"Cannot exceed quota for {quota}: {most.replace(',', '')}"
    problem = told("iam:CreateRole", "LimitExceeded", message)
    assert problem.expected == f"at most {most}"
    assert f"up to {raised}" in str(problem.next_step)


def test_length_of_a_trust_policy_is_told() -> None:
    message = "Cannot exceed quota for ACLSizePerRole: 2048"
    for member in ("AssumeRolePolicyDocument", "PolicyDocument"):
        problem = told("iam:CreateRole", "LimitExceeded", message, **{member: "{ }" * 1_000})
        assert problem.got == "2,000 characters without white space"
    other = told(
        "iam:AttachRolePolicy", "LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 20", PolicyDocument="x"
    )
    assert other.got == "one more"


@pytest.mark.parametrize(
    ("action", "code", "message", "expected", "step"),
    [
        (
            "iam:AddClientIDToOpenIDConnectProvider",
            "LimitExceeded",
            "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100",
            "at most 100",
            "this quota cannot be raised: remove audiences",
        ),
        (
            "iam:PutRolePolicy",
            "LimitExceeded",
            "Maximum policy size of 10240 bytes exceeded for role x",
            None,
            "move statements into a managed policy: this quota cannot be raised",
        ),
        (
            "eks:CreatePodIdentityAssociation",
            "ResourceLimitExceededException",
            "The cluster is full.",
            "at most 5,000 associations in a cluster",
            "delete associations that are not used; Service Quotas shows whether the quota can be raised",
        ),
        (
            "iam:CreateRole",
            "LimitExceeded",
            "Cannot exceed quota for Something: 1",
            None,
            "delete what is not used; Service Quotas shows whether the quota can be raised",
        ),
        *(
            (
                "eks:TagResource",
                code,
                "Too many.",
                None,
                "delete what is not used; Service Quotas shows whether the quota can be raised",
            )
            for code in ("LimitExceededException", "ServiceQuotaExceededException", "ResourceLimitExceededException")
        ),
    ],
)
def test_other_quotas_say_what_to_do(action: str, code: str, message: str, expected: str | None, step: str) -> None:
    problem = told(action, code, message)
    assert (type(problem), problem.expected, problem.next_step) == (CallFailed, expected, step)
    assert message in problem.what


@pytest.mark.parametrize(
    "message",
    [
        "Role provided in the request does not exist.",
        "Trust policy of the role provided is invalid",
        "The role cannot be assumed by pods.eks.amazonaws.com",
        "Role not found",
    ],
)
def test_role_that_eks_does_not_see_yet_is_not_there_and_is_named(message: str) -> None:
    problem = told("eks:CreatePodIdentityAssociation", "InvalidParameterException", message, roleArn=ROLE)
    assert (type(problem), problem.got) == (NotThere, f"role {ROLE}")


def test_unknown_principal_is_not_there() -> None:
    problem = told("iam:CreateRole", "MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{ROLE}"')
    assert type(problem) is NotThere
    assert ROLE in problem.what


@pytest.mark.parametrize(
    "code",
    [
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ],
)
def test_rejected_credentials_say_what_to_do(code: str) -> None:
    problem = told("iam:GetRole", code, "The security token included in the request is expired")
    assert problem.what.startswith("AWS does not accept the credentials: ")
    assert "--profile" in str(problem.next_step)


def test_problem_without_an_answer_keeps_its_sentence() -> None:
    problem = failure(SourceError("AWS did not answer.", next_step="try again"), ACCOUNT, "aws", {})
    assert (type(problem), problem.what, problem.next_step) == (CallFailed, "AWS did not answer.", "try again")
