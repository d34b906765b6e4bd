"""AssumeRoleWithWebIdentity: a token and a role become a session, or a denial.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html. The checks, each named by its
``Step`` and made in this order:

1.  PARAMETERS      what the API's model takes
2.  TOKEN           the token is a JWT of an accepted algorithm
3.  CLAIMS          iss, sub, aud, iat and exp are there; one audience, or an authorized party; a list of roles that the
                    token may carry names the role
4.  PROVIDER        the role's account has a provider for that issuer
5.  AUDIENCE        the audience is one of the provider's client ids
6.  KEYS            the issuer's keys can be had, and one has the token's id
7.  SIGNATURE       it is that key's
8.  TIME            exp, iat, nbf
9.  TRUST           the role exists and its trust policy allows it (and the tags, and the source identity)
10. DURATION        no longer than the role allows
11. SESSION_POLICY  the policies that limit the session are well-formed

Nothing of a token is believed before step 7: its issuer only picks a provider that the account has registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podrole.iam.directory import Directory, OIDCProvider, Role
from podrole.iam.principal import Principal, PrincipalType
from podrole.oidc.errors import KeysFault, KeysUnavailable, TokenFault, TokenRefused
from podrole.oidc.key_source import KeySource
from podrole.oidc.token import Claims, UnverifiedClaims, UnverifiedToken, VerifiedClaims, parse_token, read_claims
from podrole.oidc.verify import STS_TIME_RULES, verify
from podrole.sts import parameters as api
from podrole.sts.circumstances import Circumstances
from podrole.sts.claim_keys import check_claims, lasting_keys, require_listed_role, trust_keys
from podrole.sts.denial import WEB_IDENTITY_STEPS, Denial, Denied, Step, denied
from podrole.sts.evidence import shown
from podrole.sts.role_arn import parse_role_arn
from podrole.sts.session import Session, SessionKind
from podrole.sts.session_policy import packed_policy_size, session_policies
from podrole.sts.tags import source_identity_of_claims, tags_of_claims
from podrole.sts.trust import Candidate, Wanted, Words, no_such_role, require_trust

ACTION = "sts:AssumeRoleWithWebIdentity"
WORDS = Words(lambda _: f"Not authorized to perform {ACTION}")
_NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  "  # two blanks, as AWS writes it
    "please reference AssumeRoleWithWebIdentity documentation for requirements"
)


@dataclass(frozen=True, slots=True)
class Granted:
    """The outcome of an exchange that held: what goes into the response and into the credentials."""

    session: Session
    provider: OIDCProvider
    claims: VerifiedClaims
    packed_policy_size: int | None
    minimum_token_size: int


@dataclass(slots=True)
class _Exchange:
    """One exchange under way; what it has found out so far is what a denial can tell."""

    parameters: Mapping[str, str]
    at: Circumstances
    token: UnverifiedToken | None = None
    provider: OIDCProvider | None = None

    def known(self) -> dict[str, Any]:
        details: dict[str, Any] = {"role": self.parameters.get("RoleArn")}
        if self.token is not None:
            details["token"] = {"header": shown(self.token.header), "claims": shown(self.token.payload)}
        if self.provider is not None:
            details["provider"] = {
                "arn": self.provider.arn,
                "client_ids": list(self.provider.client_ids),
                "thumbprints": list(self.provider.thumbprints),
            }
        return details


async def assume_role_with_web_identity(
    parameters: Mapping[str, str], directory: Directory, keys: KeySource, at: Circumstances
) -> Granted | Denial:
    """Make all checks and return the session, or the denial of the first that failed.

    ``parameters`` are the request's, decoded. Waits only for ``keys``, which may fetch. Never raises for what a client
    sent.
    """
    exchange = _Exchange(parameters, at)
    try:
        return await _exchange(exchange, directory, keys)
    except Denied as refused:
        return refused.denial.of(WEB_IDENTITY_STEPS, exchange.known())


async def _exchange(exchange: _Exchange, directory: Directory, keys: KeySource) -> Granted:
    parameters, at = exchange.parameters, exchange.at
    # 1. PARAMETERS
    api.validate(parameters, api.WEB_IDENTITY_PARAMETERS, ("PolicyArns",))
    name = parse_role_arn(parameters["RoleArn"])
    _require_no_provider_id(parameters)
    # 2. TOKEN
    try:
        exchange.token = token = parse_token(parameters["WebIdentityToken"])
        # 3. CLAIMS
        claims = read_claims(token)
    except TokenRefused as refused:
        raise _token_denied(refused, at.now) from refused
    _require_one_audience(claims)
    check_claims(claims)
    require_listed_role(claims, parameters["RoleArn"])
    wanted = _wanted(parameters, claims)
    # 4. PROVIDER, in the account that the role's ARN names, whether or not that role exists
    provider = directory.oidc_provider(name.account, claims.issuer, name.partition)
    if provider is None:
        raise denied(
            Step.PROVIDER,
            "InvalidIdentityToken",
            f"No OpenIDConnect provider found in your account for {claims.issuer}",
            f"Account {name.account} has no identity provider for the token's issuer.",
            got=repr(claims.issuer),
            expected="the URL of a provider, to the last character",
            next_step="aws iam create-open-id-connect-provider --client-id-list sts.amazonaws.com "
            f"--url {claims.issuer}",
        )
    exchange.provider = provider
    # 5. AUDIENCE
    if claims.effective_audience not in provider.client_ids:
        raise _audience_denied(claims, provider)
    # 6. KEYS, 7. SIGNATURE, 8. TIME
    verified = await _verified(token, provider, keys, at.now)
    # 9. TRUST, for the session that the token, now verified, asks for
    lasting = lasting_keys(provider.key_prefix, verified)
    role = _trusting_role(exchange, provider, verified, lasting, wanted, directory)
    # 10. DURATION
    seconds = api.integer(parameters, "DurationSeconds", api.DEFAULT_DURATION)
    require_duration(seconds, role.max_session_seconds)
    # 11. SESSION_POLICY
    policies = session_policies(parameters.get("Policy"), api.policy_arns(parameters), role.arn, directory)
    packed = packed_policy_size(policies, wanted.tags)
    issued_at = int(at.now)
    session = Session(
        kind=SessionKind.ASSUMED_ROLE,
        account=role.account,
        principal_arn=role.arn,
        principal_id=role.id,
        name=wanted.name,
        issued_at=issued_at,
        expires_at=issued_at + seconds,
        policy=policies.inline,
        policy_arns=policies.arns,
        tags=dict(wanted.tags.tags),
        transitive_tag_keys=wanted.tags.transitive_keys,
        source_identity=wanted.source_identity,
        federated_provider=provider.arn,
        context=lasting,
    )
    return Granted(session, provider, verified, packed, api.integer(parameters, "MinimumSessionTokenSize", 0))


def require_duration(seconds: int, maximum: int) -> None:
    """Raise Denied where a session would last longer than its role allows."""
    if seconds > maximum:
        raise denied(
            Step.DURATION,
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            "The session would last longer than the role allows.",
            got=f"{seconds} s",
            expected=f"at most {maximum} s",
        )


def _require_no_provider_id(parameters: Mapping[str, str]) -> None:
    provider_id = parameters.get("ProviderId")
    if provider_id is not None:
        raise denied(
            Step.PARAMETERS,
            "InvalidParameterValue",
            "ProviderId is for OAuth 2.0 access tokens of www.amazon.com and graph.facebook.com, which podrole's local "
            "AWS does not exchange. Do not specify it for an OpenID Connect ID token.",
            "The request names a provider of OAuth 2.0 access tokens.",
            got=repr(provider_id[:64]),
        )


def _require_one_audience(claims: UnverifiedClaims) -> None:
    if len(claims.audiences) > 1 and claims.authorized_party is None:
        raise denied(
            Step.CLAIMS,
            "InvalidIdentityToken",
            "Token audience contains more than one audience while authorized party is not present",
            "The token has several audiences and no authorized party.",
            got=f"aud {list(claims.audiences)!r}",
            expected="one audience, or a claim azp",
            next_step="request the token for one audience: sts.amazonaws.com",
        )


def _audience_denied(claims: UnverifiedClaims, provider: OIDCProvider) -> Denied:
    return denied(
        Step.AUDIENCE,
        "InvalidIdentityToken",
        "Incorrect token audience",
        "The token's audience is not one of the provider's client ids.",
        got=repr(claims.effective_audience),
        expected="one of " + (", ".join(map(repr, provider.client_ids)) or "nothing: the provider has no client id"),
        next_step="request the token for one of these, or: aws iam add-client-id-to-open-id-connect-provider "
        f"--open-id-connect-provider-arn {provider.arn} --client-id {claims.effective_audience}",
    )


async def _verified(token: UnverifiedToken, provider: OIDCProvider, keys: KeySource, now: float) -> VerifiedClaims:
    try:
        candidates = await keys.keys(provider.issuer, token.kid, provider.thumbprints)
        return verify(token, candidates, now=now, times=STS_TIME_RULES)
    except KeysUnavailable as missing:
        raise Denied(keys_denial(missing)) from missing
    except TokenRefused as refused:
        raise _token_denied(refused, now) from refused


def keys_denial(missing: KeysUnavailable) -> Denial:
    """Return STS's answer to any token of an issuer whose keys cannot be fetched."""
    message = _NO_KEY
    if missing.fault is KeysFault.THUMBPRINT:
        message = "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"
    return denied(
        Step.KEYS,
        "InvalidIdentityToken",
        message,
        missing.what,
        got=missing.got,
        expected=missing.expected,
        next_step=missing.next_step,
        evidence={"fault": missing.fault.value},
    ).denial


def _token_denied(refused: TokenRefused, now: float) -> Denied:
    """Put what the verifier found into STS's words."""
    step, code, message = Step.CLAIMS, "InvalidIdentityToken", ""
    match refused.fault:
        case TokenFault.NOT_A_JWT:
            step = Step.TOKEN
            message = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
        case TokenFault.MISSING_CLAIM:
            message = f"Missing a required claim: {refused.claim}"
        case TokenFault.BAD_TIMESTAMP:
            message = "Invalid timestamp in token claims."
        case TokenFault.BAD_CLAIM | TokenFault.SEVERAL_AUDIENCES:
            message = (
                "The web identity token provided could not be validated. See the AssumeRoleWithWebIdentity "
                "documentation for requirements."
            )
        case TokenFault.WRONG_KEY:
            step, message = Step.SIGNATURE, _NO_KEY
        case TokenFault.BAD_SIGNATURE:
            step, message = Step.SIGNATURE, "Token signature invalid"
        case TokenFault.EXPIRED:
            step, code = Step.TIME, "ExpiredTokenException"
            message = (
                f"Token expired: current date/time {int(now)} must be before the expiration date/time {refused.seconds}"
            )
        case TokenFault.TOO_OLD:
            step, code = Step.TIME, "ExpiredTokenException"
            message = f"Token too old: {refused.seconds}"
        case TokenFault.NOT_YET_VALID:
            step, message = Step.TIME, "Token issued in the future."
    return denied(
        step,
        code,
        message,
        refused.what,
        got=refused.got,
        expected=refused.expected,
        next_step=refused.next_step,
        evidence={"fault": refused.fault.value},
    )


def _wanted(parameters: Mapping[str, str], claims: Claims) -> Wanted:
    """Return the session that the request and the token ask for. Raises Denied where the claims are malformed."""
    return Wanted(
        parameters["RoleSessionName"], tags_of_claims(claims.payload), source_identity_of_claims(claims.payload)
    )


def _trusting_role(
    exchange: _Exchange,
    provider: OIDCProvider,
    claims: VerifiedClaims,
    lasting: Mapping[str, str | list[str]],
    wanted: Wanted,
    directory: Directory,
) -> Role:
    """Return the role if its trust policy allows the call and all that the token asks for."""
    arn = exchange.parameters["RoleArn"]
    role = directory.role(arn)
    if role is None:
        hint = "check the service account's annotation eks.amazonaws.com/role-arn"
        raise no_such_role(arn, ACTION, WORDS, hint)
    context = {
        **exchange.at.context_keys(),
        **lasting,
        **trust_keys(provider.key_prefix, claims, arn),
        "aws:FederatedProvider": provider.arn,
    }
    candidate = Candidate(Principal(PrincipalType.WEB_IDENTITY, arn=provider.arn), context)
    require_trust(role, candidate, wanted, ACTION, WORDS)
    return role
