"""STS: the exchange of a web identity for a session, and who is calling."""

from __future__ import annotations

from podrole.aws.authorize import circumstances
from podrole.aws.caller import Caller
from podrole.aws.errors import AWSError
from podrole.aws.receive import ServiceRequest
from podrole.aws.render import text, xml_response
from podrole.aws.wire import HTTPResponse
from podrole.base.clock import rfc3339
from podrole.iam.directory import Directory
from podrole.oidc.keycache import KeySource
from podrole.sts.credentials import Credentials, Vault
from podrole.sts.denial import Denial
from podrole.sts.web_identity import Granted
from podrole.sts.web_identity import assume_role_with_web_identity as exchange

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


class STS:
    """STS's operations over an account's directory, the issuers' keys and the world's vault."""

    def __init__(self, directory: Directory, keys: KeySource, vault: Vault) -> None:
        self._directory = directory
        self._keys = keys
        self._vault = vault

    async def assume_role_with_web_identity(self, call: ServiceRequest, _: Caller) -> HTTPResponse:
        """See podrole.sts.web_identity. Raises AWSError for a denial."""
        outcome = await exchange(call.parameters, self._directory, self._keys, circumstances(call))
        if isinstance(outcome, Denial):
            call.principal = outcome.verified_subject or call.principal
            raise denial_error(outcome)
        session = outcome.session
        call.principal = session.arn
        call.explanation = _of_whom(outcome)
        credentials = self._vault.issue(session)
        packed = outcome.packed_policy_size
        source = session.source_identity
        return _answer(
            call,
            f"    <Audience>{text(outcome.claims.effective_audience)}</Audience>\n"
            "    <AssumedRoleUser>\n"
            f"      <AssumedRoleId>{text(session.id)}</AssumedRoleId>\n"
            f"      <Arn>{text(session.arn)}</Arn>\n"
            "    </AssumedRoleUser>\n"
            f"    <Provider>{text(outcome.provider.arn)}</Provider>\n"
            + _credentials(credentials)
            + f"    <SubjectFromWebIdentityToken>{text(outcome.claims.subject)}</SubjectFromWebIdentityToken>\n"
            + ("" if packed is None else f"    <PackedPolicySize>{packed}</PackedPolicySize>\n")
            + ("" if source is None else f"    <SourceIdentity>{text(source)}</SourceIdentity>\n"),
        )

    async def get_caller_identity(self, call: ServiceRequest, caller: Caller) -> HTTPResponse:
        """Say who calls; allowed to everybody who can sign
        (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html)."""
        principal = caller.principal
        return _answer(
            call,
            f"    <Arn>{text(principal.arn)}</Arn>\n"
            f"    <UserId>{text(principal.id)}</UserId>\n"
            f"    <Account>{text(principal.account)}</Account>\n",
        )


def denial_error(denial: Denial) -> AWSError:
    """Return a denial as the endpoint's error: the client's words, and the reasons for the event log."""
    return AWSError(denial.code, denial.status, denial.message, why=denial.why, explanation=denial.explanation())


def _of_whom(granted: Granted) -> dict[str, str]:
    """Say whose token became the session, so that what the session does later leads back to its pod."""
    claims = granted.claims
    found = {"subject": claims.subject, "issuer": claims.issuer, "provider": granted.provider.arn}
    kubernetes = claims.payload.get("kubernetes.io")
    pod = kubernetes.get("pod") if isinstance(kubernetes, dict) else None
    name = pod.get("name") if isinstance(pod, dict) else None
    if isinstance(name, str) and name.isprintable():
        found["pod"] = name
    return found


def _answer(call: ServiceRequest, members: str) -> HTTPResponse:
    name = call.operation
    return xml_response(
        f'<{name}Response xmlns="{_NAMESPACE}">\n'
        f"  <{name}Result>\n"
        f"{members}"
        f"  </{name}Result>\n"
        "  <ResponseMetadata>\n"
        f"    <RequestId>{call.id}</RequestId>\n"
        "  </ResponseMetadata>\n"
        f"</{name}Response>\n",
        call.id,
    )


def _credentials(credentials: Credentials) -> str:
    return (
        "    <Credentials>\n"
        f"      <AccessKeyId>{credentials.access_key_id}</AccessKeyId>\n"
        f"      <SecretAccessKey>{text(credentials.secret_access_key)}</SecretAccessKey>\n"
        f"      <SessionToken>{text(credentials.session_token)}</SessionToken>\n"
        f"      <Expiration>{rfc3339(credentials.expires_at)}</Expiration>\n"
        "    </Credentials>\n"
    )
