"""Plans the account's OpenID Connect provider for a cluster's issuer."""

from __future__ import annotations

from collections.abc import Sequence

from podrole.setup.account_writes import add_client_id, create_provider, set_thumbprints, tag_provider
from podrole.setup.found import FoundProvider
from podrole.setup.group import PlanOptions, PlanPart, foreign
from podrole.setup.ownership import own_tags, owner_of
from podrole.setup.trust import AUDIENCE
from podrole.setup.wanted import SetupPlace


def plan_provider(
    place: SetupPlace, provider: FoundProvider | None, thumbprints: Sequence[str], options: PlanOptions
) -> PlanPart:
    """Plan that the provider exists and accepts the audience of AWS's SDKs.

    ``thumbprints`` are those of a certificate that no public authority signed, else empty: AWS needs none.
    """
    tags = own_tags(options.place, None)
    if provider is None:
        return PlanPart((create_provider(place.provider_arn, place.issuer, [AUDIENCE], thumbprints, tags),))
    writes = []
    if AUDIENCE not in provider.client_ids:
        writes.append(add_client_id(provider.arn, provider.client_ids, AUDIENCE))
    lower = [thumbprint.lower() for thumbprint in provider.thumbprints]
    if thumbprints and not any(thumbprint.lower() in lower for thumbprint in thumbprints):
        writes.append(set_thumbprints(provider.arn, provider.thumbprints, thumbprints))
    owner = owner_of(provider, place)
    if owner.ours:
        return PlanPart(tuple(writes))
    if not writes:
        return PlanPart(notes=(f"The provider {provider.arn} serves as it is. It belongs to {owner.what}.",))
    if owner.fixed or not options.adopt:
        return PlanPart(refusals=(foreign(f"provider {provider.arn}", owner, writes),))
    return PlanPart((tag_provider(provider.arn, tags), *writes))
