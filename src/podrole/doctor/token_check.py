"""A token checked by STS's own function, with a whole account or with nothing but an issuer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from podrole.doctor.facts.exchange import HypotheticalDirectory
from podrole.doctor.sources.cluster import Cluster
from podrole.doctor.sources.missing import MissingDirectory
from podrole.doctor.sources.sources import Sources
from podrole.doctor.unknown import UnknownFact
from podrole.iam.arn import oidc_provider_arn
from podrole.iam.directory import Directory, OIDCProvider, Role
from podrole.oidc.errors import KeysFault, KeysUnavailable
from podrole.oidc.jwks import parse_jwks
from podrole.oidc.key_source import KeySource
from podrole.oidc.keycache import KeyCache
from podrole.oidc.keys import VerificationKey
from podrole.sts.circumstances import Circumstances
from podrole.sts.denial import WEB_IDENTITY_STEPS, Denial, Step
from podrole.sts.web_identity import Granted, assume_role_with_web_identity

NO_ACCOUNT = "000000000000"
_OF_THE_TOKEN: tuple[Step, ...] = WEB_IDENTITY_STEPS[1 : WEB_IDENTITY_STEPS.index(Step.TRUST)]
_OF_THE_EXCHANGE: tuple[Step, ...] = WEB_IDENTITY_STEPS[1:]


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """Whether each step held, None if it was not reached, and the denial of the step that failed."""

    steps: tuple[tuple[Step, bool | None], ...]
    denial: Denial | None


async def check_token(
    token: str, directory: Directory, keys: KeySource, at: Circumstances, *, account: str, role_arn: str | None = None
) -> TokenCheck:
    """Ask STS's function about an exchange of ``token``.

    Without ``role_arn`` only the steps about the token are checked, with the providers of ``account``. Raises what the
    directory raises.
    """
    asked, steps = directory, _OF_THE_EXCHANGE
    if role_arn is None:
        steps = _OF_THE_TOKEN
        role_arn = f"arn:aws:iam::{account}:role/podrole-doctor"
        unused_role = Role(role_arn, "AROAPODROLEDOCTOR", "podrole-doctor", account, "{}")
        asked = HypotheticalDirectory(directory, replaced_role=unused_role)
    parameters = {"RoleArn": role_arn, "RoleSessionName": "podrole-doctor", "WebIdentityToken": token}
    outcome = await assume_role_with_web_identity(parameters, asked, keys, at)
    if isinstance(outcome, Granted):
        return TokenCheck(tuple((step, True) for step in steps), None)
    if outcome.step is Step.PARAMETERS:  # the role's ARN is invalid, or the token is too long
        return TokenCheck(tuple((step, None) for step in steps), outcome)
    if outcome.step not in steps:  # the assumed role trusts no token: all steps about the token hold
        return TokenCheck(tuple((step, True) for step in steps), None)
    failed = steps.index(outcome.step)
    results = tuple((step, True if i < failed else False if i == failed else None) for i, step in enumerate(steps))
    return TokenCheck(results, outcome)


async def check_with_sources(
    token: str, sources: Sources, *, role_arn: str | None = None, audience: str = "sts.amazonaws.com"
) -> TokenCheck:
    """Check a token against a world, or against a cluster's own keys if no account or role is known.

    ``audience`` counts if no provider says which audiences it accepts. Raises SourceError.
    """
    region = sources.environment.region or "us-east-1"
    source = sources.environment.source_ip or "0.0.0.0"  # noqa: S104 - stands for an unknown address
    at = Circumstances(now=sources.clock(), source_ip=source, region=region, secure_transport=True)
    is_world = sources.environment.registration is not None
    if sources.account.id and (is_world or role_arn is not None) and sources.fetcher is not None:
        published = KeyCache(sources.fetcher, sources.clock)
        return await check_token(token, sources.account, published, at, account=sources.account.id, role_arn=role_arn)
    issuer = str((await sources.cluster.discovery_document()).get("issuer", ""))
    directory = SingleProviderDirectory(issuer, audience)
    keys = ClusterKeys(sources.cluster)
    return await check_token(token, directory, keys, at, account=NO_ACCOUNT, role_arn=role_arn)


class SingleProviderDirectory(MissingDirectory):
    """A Directory with a provider for one issuer in every account, and nothing else."""

    def __init__(self, issuer: str, audience: str) -> None:
        super().__init__(UnknownFact("There is no AWS account here to read from."))
        self._issuer = issuer
        self._audience = audience

    def oidc_provider(self, account: str, issuer: str, partition: str = "aws") -> OIDCProvider | None:
        """See Directory."""
        if issuer != self._issuer:
            return None
        return OIDCProvider(oidc_provider_arn(account, issuer, partition=partition), issuer, (self._audience,), ())


class ClusterKeys:
    """A KeySource: the keys with which a cluster verifies its own tokens, whatever its issuer publishes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def keys(self, issuer: str, kid: str, thumbprints: Sequence[str]) -> tuple[VerificationKey, ...]:  # noqa: ARG002 - the Protocol's
        """See KeySource. Raises SourceError if the cluster does not show them."""
        known = parse_jwks(await self._cluster.keys(), where=self._cluster.what)
        if kid not in known:
            raise KeysUnavailable(
                KeysFault.UNKNOWN_KEY,
                "The cluster has no key with the token's key id.",
                got=repr(kid),
                expected=", ".join(map(repr, sorted(known))),
            )
        return known[kid]
