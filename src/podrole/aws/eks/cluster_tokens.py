"""The bearer tokens of ``aws eks get-token``: how an IAM principal authenticates to an EKS cluster.

Such a token is ``k8s-aws-v1.`` and a presigned GetCallerIdentity in base64url, whose signature covers the cluster's
name in the header ``x-k8s-aws-id``. An EKS cluster sends it to STS; podrole verifies it directly, with the same code as
STS. The checks are those of AWS's IAM authenticator for Kubernetes
(https://github.com/kubernetes-sigs/aws-iam-authenticator), with one spelling for each parameter.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import urlsplit

from podrole.account.identities import IdentityDirectory
from podrole.aws.authenticate import authenticate
from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import ReceivedRequest
from podrole.aws.protocol.identify import identify
from podrole.aws.protocol.wire import HTTPRequest
from podrole.base.clock import Clock
from podrole.iam.arn import parse_arn
from podrole.sts.credentials import Vault

PREFIX = "k8s-aws-v1."
CLUSTER_HEADER = "x-k8s-aws-id"
MAX_CHARACTERS = 16_384
_PARAMETERS = frozenset(
    {
        "Action",
        "Version",
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Security-Token",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
    }
)


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity that a token proves. ``arn`` is the user's or role's, ``session`` the name of a role's session."""

    arn: str
    caller_arn: str
    account: str
    id: str
    access_key_id: str
    session: str = ""


class ClusterTokens:
    """Verifies the tokens of one cluster."""

    def __init__(
        self, directory: IdentityDirectory, vault: Vault, cluster: str, clock: Clock, signature_clock: Clock
    ) -> None:
        self._directory = directory
        self._vault = vault
        self._cluster = cluster
        self._clock = clock
        self._signature_clock = signature_clock

    def identity_of(self, token: str) -> Identity | None:
        """Return the identity that a token proves, None for an invalid token. The account must be open."""
        request = self._request(token)
        if request is None:
            return None
        now = self._clock()
        try:
            call = identify(ReceivedRequest("", request, now))
            if call.action != "sts:GetCallerIdentity":
                return None
            caller = authenticate(call, self._directory, self._vault, now, signed_now=self._signature_clock())
        except AWSError:
            return None
        principal = caller.principal
        arn = principal.role_arn or principal.arn
        session = parse_arn(principal.arn).session[1] if principal.role_arn else ""
        return Identity(arn, principal.arn, principal.account, principal.id, caller.access_key_id or "", session)

    def _request(self, token: str) -> HTTPRequest | None:
        """Return the request in the token, as it would reach STS; None if the token has another form."""
        if not token.startswith(PREFIX) or len(token) > MAX_CHARACTERS:
            return None
        encoded = token[len(PREFIX) :]
        try:
            url = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode("ascii")
            parts = urlsplit(url)
        except (binascii.Error, UnicodeError, ValueError):
            return None
        if parts.scheme not in ("http", "https") or parts.path not in ("", "/") or parts.fragment:
            return None
        headers = [("host", parts.netloc), (CLUSTER_HEADER, self._cluster)]
        request = HTTPRequest("GET", "/", parts.query, headers, b"", "")
        names = {name for name, _ in request.query_pairs}  # one that is given twice is refused later
        signed = next((value for name, value in request.query_pairs if name == "X-Amz-SignedHeaders"), "")
        # The signed header shows that the request was presigned for this cluster, not for another purpose.
        if names - _PARAMETERS or signed.split(";") != ["host", CLUSTER_HEADER]:
            return None
        return request
