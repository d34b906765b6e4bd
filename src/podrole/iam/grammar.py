"""What each kind of policy may hold, and in which words AWS refuses it.

The words of the identity kinds and of trust policies are those of IAM; where AWS's text for a fault is not known, the
nearest known one stands in. Organizations has one sentence for everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from podrole.iam.policy import PolicyKind


class Need(StrEnum):
    """Whether a kind of policy has an element."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    FORBIDDEN = "forbidden"


class Stage(IntEnum):
    """The order in which IAM checks a whole document: of several faults the earliest stage's is the one it answers
    with."""

    SYNTAX = 0
    VERSION = 1
    LEGACY = 2
    SIDS = 3
    ACTIONS = 4
    RESOURCE_FORMAT = 5
    ACTION_FORMAT = 6
    RESOURCES = 7


@dataclass(frozen=True, slots=True)
class Grammar:
    """The rules of one kind of policy. ``texts`` are AWS's, by the name of the fault; ``syntax`` stands for all
    others."""

    principal: Need
    resource: Need
    texts: dict[str, str]
    aws_code: str = "MalformedPolicyDocument"
    not_action: bool = True
    not_principal: bool = False
    only_everyone: bool = False
    """Whether the only principal is ``"*"``, and the only Allow that of RCPFullAWSAccess."""
    canonical_user: bool = False
    current_version: bool = False
    plain_sids: bool = False
    """Whether a Sid is letters and digits, and unique."""
    legacy_dates: bool = False
    """Whether IAM reads the times of Date operators when the document is stored."""
    only_assume_role: bool = False

    def text(self, name: str, **details: str) -> str:
        """Return AWS's text for a fault."""
        return self.texts.get(name, self.texts["syntax"]).format(**details)


_SID = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
_FORMATS = {
    "vendor-missing": "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
    "one-colon": "Actions/Condition can contain only one colon.",
    "key-colons": "Actions/Condition can contain only one colon.",
    "vendor": "Vendor {got} is not valid",
    "resource": 'Resource {got} must be in ARN format or "*".',
    "partition": 'Partition "{partition}" is not valid for resource "{got}".',
    "resource-vendor": "Resource vendor must be fully qualified and cannot contain regexes.",
    "iam-region": "IAM resource {got} cannot contain region information.",
    "s3-region": "Resource {got} can not contain region information.",
    "iam-path": 'IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, '
    "instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, "
    "access-report/.",
    "legacy": "The policy failed legacy parsing",
    "sid": _SID,
}
_IDENTITY = _FORMATS | {
    "syntax": "Syntax errors in policy.",
    "version-old": "Policy document must be version 2012-10-17 or greater.",
    "effect-case": "The policy failed legacy parsing",
    "sid-repeated": "Statement IDs (SID) in a single policy must be unique.",
    "action-missing": "Policy statement must contain actions.",
    "resource-missing": "Policy statement must contain resources.",
    "principal-forbidden": "Policy document should not specify a principal.",
}
_RESOURCE = _FORMATS | {
    "json": "This policy contains invalid Json",
    "syntax": "Syntax errors in policy.",
    "version": "The policy must contain a valid version string",
    "statement-empty": "Could not parse the policy: Statement is empty!",
    "sid-repeated": "The Statement Ids in the policy are not unique",
    "effect-missing": "Missing required field Effect",
    "effect": "Invalid effect: {got}",
    "effect-case": "Invalid effect: {got}",
    "action-missing": "Missing required field Action",
    "resource-missing": "Missing required field Resource",
    "resource-forbidden": "Has prohibited field {element}",
    "action-forbidden": "Has prohibited field {element}",
    "operator": "Invalid Condition type : {got}",
    "principal-missing": "Missing required field Principal",
    "principal-empty": "Invalid principal in policy: com.amazon.balsa.error.InvalidPolicyException: "
    "The passed in policy has a statement with no principals!",
    "principal-type": "Principal must be a JSON object.",
    "principal": 'Invalid principal in policy: "{type}":"{got}"',
    "federated": "Federated principals must be valid domain names or SAML metadata ARNs",
    "not-principal-allow": "Allow with NotPrincipal is not allowed.",
}
_TRUST = _RESOURCE | {
    "key-colons": "Condition can contain only one colon.",
    "star": 'AssumeRolepolicy contained an invalid principal: "STAR":"*".',
    "not-principal": "AssumeRole policy must not contain NotPrincipal field.",
    "not-principal-allow": "Allow with NotPrincipal is not allowed.",
    "assume-role-only": "AssumeRole policy may only specify STS AssumeRole actions.",
}
_ORGANIZATIONS = {"syntax": "The provided policy document does not meet the requirements of the specified policy type."}

_OF_IDENTITY = Grammar(Need.FORBIDDEN, Need.REQUIRED, _IDENTITY, plain_sids=True, legacy_dates=True)
_OF_ORGANIZATIONS = "MalformedPolicyDocumentException"

GRAMMARS = {
    PolicyKind.IDENTITY: _OF_IDENTITY,
    PolicyKind.BOUNDARY: _OF_IDENTITY,
    PolicyKind.SESSION: Grammar(
        Need.FORBIDDEN,
        Need.REQUIRED,
        _IDENTITY | {"json": "This policy contains invalid Json"},
        plain_sids=True,
        legacy_dates=True,
    ),
    PolicyKind.TRUST: Grammar(
        Need.REQUIRED,
        Need.FORBIDDEN,
        _TRUST,
        not_action=False,
        plain_sids=True,
        legacy_dates=True,
        only_assume_role=True,
    ),
    PolicyKind.RESOURCE: Grammar(Need.REQUIRED, Need.OPTIONAL, _RESOURCE, not_principal=True, canonical_user=True),
    PolicyKind.ENDPOINT: Grammar(Need.REQUIRED, Need.REQUIRED, _RESOURCE, not_principal=True),
    PolicyKind.SCP: Grammar(
        Need.FORBIDDEN, Need.REQUIRED, _ORGANIZATIONS, aws_code=_OF_ORGANIZATIONS, current_version=True
    ),
    PolicyKind.RCP: Grammar(
        Need.REQUIRED,
        Need.REQUIRED,
        _ORGANIZATIONS,
        aws_code=_OF_ORGANIZATIONS,
        not_action=False,
        only_everyone=True,
        current_version=True,
    ),
}
