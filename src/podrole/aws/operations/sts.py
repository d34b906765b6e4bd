"""STS: sessions of roles and users, and the caller's identity. ``podrole.sts`` makes the decisions."""

from __future__ import annotations

from podrole.account.identities import IdentityDirectory
from podrole.aws.call_context import circumstances
from podrole.aws.caller import Caller
from podrole.aws.errors import AWSError
from podrole.aws.policies import policies_of
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.hosts import aws_host
from podrole.aws.protocol.render import text, xml_response
from podrole.aws.protocol.wire import HTTPResponse
from podrole.base.clock import rfc3339
from podrole.iam.directory import User
from podrole.oidc.key_source import KeySource
from podrole.sts import parameters as api
from podrole.sts.assume_role import assume_role
from podrole.sts.credentials import Vault, account_of_key_id
from podrole.sts.denial import Denial, Denied, Step, denied
from podrole.sts.session import Session
from podrole.sts.trust import Candidate
from podrole.sts.user_sessions import federation_token, session_token
from podrole.sts.web_identity import Granted
from podrole.sts.web_identity import assume_role_with_web_identity as exchange

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


class STS:
    """STS's operations over an account's directory, the issuers' keys and the world's vault.

    ``region`` is the world's region: an unsigned exchange counts as made in it, unless its host names another one.
    """

    def __init__(self, directory: IdentityDirectory, keys: KeySource, vault: Vault, region: str) -> None:
        self._directory = directory
        self._keys = keys
        self._vault = vault
        self._region = region

    async def assume_role_with_web_identity(self, call: IdentifiedCall, _: Caller) -> HTTPResponse:
        """Exchange a web identity token for a session. Raises AWSError for a denial. See podrole.sts.web_identity."""
        named = aws_host(call.http.header.get("host", ""))
        call.region = (named and named.region) or self._region
        outcome = await exchange(call.parameters, self._directory, self._keys, circumstances(call))
        if isinstance(outcome, Denial):
            call.principal = outcome.verified_subject or call.principal
            raise denial_error(outcome)
        session = outcome.session
        call.principal = session.arn
        call.explanation = _token_owner(outcome)
        return _answer(
            call,
            f"    <Audience>{text(outcome.claims.effective_audience)}</Audience>\n"
            + _assumed_role_user(session)
            + f"    <Provider>{text(outcome.provider.arn)}</Provider>\n"
            + self._credentials(session, outcome.minimum_token_size)
            + f"    <SubjectFromWebIdentityToken>{text(outcome.claims.subject)}</SubjectFromWebIdentityToken>\n"
            + _packed(outcome.packed_policy_size)
            + _source_identity(session),
        )

    async def assume_role(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Return a session of a role. Raises AWSError for a denial. See podrole.sts.assume_role."""
        candidate = self._candidate(call, caller)
        outcome = assume_role(call.parameters, candidate, caller.session, self._directory, circumstances(call))
        if isinstance(outcome, Denial):
            raise denial_error(outcome)
        session = outcome.session
        call.explanation = {"session": session.arn}
        return _answer(
            call,
            _assumed_role_user(session)
            + self._credentials(session, outcome.minimum_token_size)
            + _packed(outcome.packed_policy_size)
            + _source_identity(session),
        )

    async def get_session_token(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Return a session of the calling user. Raises AWSError for a denial. See podrole.sts.user_sessions."""
        outcome = session_token(call.parameters, _user(caller), circumstances(call))
        if isinstance(outcome, Denial):
            raise denial_error(outcome)
        return _answer(call, self._credentials(outcome.session, outcome.minimum_token_size))

    async def get_federation_token(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Return a federated user's session. Raises AWSError for a denial. See podrole.sts.user_sessions."""
        candidate = self._candidate(call, caller)
        at = circumstances(call)
        outcome = federation_token(call.parameters, _user(caller), candidate, self._directory, at)
        if isinstance(outcome, Denial):
            raise denial_error(outcome)
        session = outcome.session
        return _answer(
            call,
            self._credentials(session, outcome.minimum_token_size)
            + "    <FederatedUser>\n"
            + f"      <FederatedUserId>{text(session.id)}</FederatedUserId>\n"
            + f"      <Arn>{text(session.arn)}</Arn>\n"
            + "    </FederatedUser>\n"
            + _packed(outcome.packed_policy_size),
        )

    async def get_caller_identity(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Return the caller's identity; every authenticated caller may ask
        (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html)."""
        principal = caller.principal
        return _answer(
            call,
            f"    <Arn>{text(principal.arn)}</Arn>\n"
            f"    <UserId>{text(principal.id)}</UserId>\n"
            f"    <Account>{text(principal.account)}</Account>\n",
        )

    async def get_access_key_info(self, call: IdentifiedCall, _: Caller) -> HTTPResponse:
        """Return the account of an access key id, which the id contains
        (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html)."""
        try:
            api.validate(call.parameters, api.ACCESS_KEY_INFO_PARAMETERS)
            account = account_of_key_id(call.parameters["AccessKeyId"])
            if account is None:
                raise denied(
                    Step.PARAMETERS,
                    "ValidationError",
                    "The access key ID is not valid.",
                    "The access key id is not of a form that holds an account.",
                )
        except Denied as refused:
            raise denial_error(refused.denial) from refused
        return _answer(call, f"    <Account>{account}</Account>\n")

    def _candidate(self, call: IdentifiedCall, caller: Caller) -> Candidate:
        context = {**circumstances(call).context_keys(), **caller.context_keys()}
        return Candidate(caller.principal, context, policies_of(caller, self._directory))

    def _credentials(self, session: Session, minimum_size: int) -> str:
        made = self._vault.issue(session, minimum_size=minimum_size)
        return (
            "    <Credentials>\n"
            f"      <AccessKeyId>{made.access_key_id}</AccessKeyId>\n"
            f"      <SecretAccessKey>{made.secret_access_key}</SecretAccessKey>\n"
            f"      <SessionToken>{made.session_token}</SessionToken>\n"
            f"      <Expiration>{rfc3339(made.expires_at)}</Expiration>\n"
            "    </Credentials>\n"
        )


def denial_error(denial: Denial) -> AWSError:
    """Return a denial as an error: AWS's text for the client, the reasons for the event log."""
    return AWSError(denial.code, denial.status, denial.message, why=denial.why, explanation=denial.explanation())


def _token_owner(granted: Granted) -> dict[str, str]:
    """Return whose token was exchanged, so that the session's later calls can be traced to its pod."""
    claims = granted.claims
    owner = {"subject": claims.subject, "issuer": claims.issuer, "provider": granted.provider.arn}
    kubernetes = claims.payload.get("kubernetes.io")
    pod = kubernetes.get("pod") if isinstance(kubernetes, dict) else None
    name = pod.get("name") if isinstance(pod, dict) else None
    if isinstance(name, str) and name.isprintable():
        owner["pod"] = name
    return owner


def _user(caller: Caller) -> User:
    """Return the user behind the caller. Raises AWSError for a caller that is not a user."""
    if not isinstance(caller.entity, User):
        raise AWSError("AccessDenied", 403, "Only IAM users can call this operation.")
    return caller.entity


def _answer(call: IdentifiedCall, members: str) -> HTTPResponse:
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


def _assumed_role_user(session: Session) -> str:
    return (
        "    <AssumedRoleUser>\n"
        f"      <AssumedRoleId>{text(session.id)}</AssumedRoleId>\n"
        f"      <Arn>{text(session.arn)}</Arn>\n"
        "    </AssumedRoleUser>\n"
    )


def _packed(percent: int | None) -> str:
    return "" if percent is None else f"    <PackedPolicySize>{percent}</PackedPolicySize>\n"


def _source_identity(session: Session) -> str:
    identity = session.source_identity
    return "" if identity is None else f"    <SourceIdentity>{text(identity)}</SourceIdentity>\n"
