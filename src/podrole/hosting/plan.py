"""Plans what serves an issuer on AWS: a pure function of what is wanted and what is there.

What has podrole's tag for this issuer is podrole's; nothing else is changed. The bucket is closed before anything lies
in it, and its policy lets a distribution in only when there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from podrole.hosting.distribution import wanted_config
from podrole.hosting.wanted import (
    BLOCKS,
    ISSUER_NAME,
    POLICY_BLOCKS,
    FoundBucket,
    FoundDistribution,
    HostedIssuer,
    HostingFound,
)
from podrole.hosting.writes import (
    OWNERSHIP,
    create_bucket,
    create_control,
    create_distribution,
    set_blocks,
    set_ownership,
    set_policy,
)
from podrole.setup.group import PlanPart, PlanRefusal
from podrole.setup.policy_text import edited, new_document, statements_of

NOT_YET = "the distribution's, once it is made"


@dataclass(frozen=True, slots=True)
class HostingPlan:
    """What is to be written, in order, or why nothing is. ``url`` is the issuer's, None until CloudFront names it."""

    part: PlanPart
    url: str | None


def plan_hosting(wanted: HostedIssuer, existing: HostingFound) -> HostingPlan:
    """Return the writes that make the issuer's documents readable at its URL; none if they are."""
    distribution = None if wanted.public else _own_distribution(wanted, existing)
    url = _url(wanted, distribution)
    refusal = _refusal(wanted, existing, distribution, url)
    if refusal is not None:
        return HostingPlan(PlanPart(refusals=(refusal,)), url)
    writes = []
    bucket = existing.bucket
    blocks = frozenset(BLOCKS) - (POLICY_BLOCKS if wanted.public else frozenset())
    if bucket is None:
        writes.append(create_bucket(wanted))
        bucket = FoundBucket(wanted.region, wanted.tags, frozenset(BLOCKS), OWNERSHIP, None)
    if bucket.ownership != OWNERSHIP:
        writes.append(set_ownership(wanted, bucket.ownership))
    if bucket.blocks != blocks:
        writes.append(set_blocks(wanted, bucket.blocks, blocks))
    if not wanted.public and distribution is None:
        if existing.control is None:
            writes.append(create_control(wanted))
        writes.append(create_distribution(wanted, existing.control or ""))
    arn = NOT_YET if distribution is None else distribution.arn
    policy = policy_with(wanted, bucket.policy, arn)
    if policy != bucket.policy:
        writes.append(set_policy(wanted, bucket.policy, policy))
    return HostingPlan(PlanPart(tuple(writes), notes=_notes(wanted, distribution)), url)


def policy_with(wanted: HostedIssuer, text: str | None, distribution: str) -> str:
    """Return the bucket's policy with podrole's statement for this prefix; every other byte of it stays."""
    statement: dict[str, Any] = {
        "Sid": wanted.statement_id,
        "Effect": "Allow",
        "Principal": "*" if wanted.public else {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": wanted.documents,
    }
    if not wanted.public:
        statement["Condition"] = {"StringEquals": {"aws:SourceArn": distribution}}
    if text is None:
        return new_document([statement])
    placed = statements_of(text)
    own = [index for index, entry in enumerate(placed) if entry.value.get("Sid") == wanted.statement_id]
    if any(placed[index].value == statement for index in own):
        return text
    return edited(text, {own[0]: statement}) or text if own else edited(text, {}, [statement]) or text


def _own_distribution(wanted: HostedIssuer, existing: HostingFound) -> FoundDistribution | None:
    own = [distribution for distribution in existing.distributions if distribution.tags.get(ISSUER_NAME) == wanted.name]
    return own[0] if own else None


def _url(wanted: HostedIssuer, distribution: FoundDistribution | None) -> str | None:
    if wanted.public:
        return wanted.url(wanted.bucket_host)
    return None if distribution is None else wanted.url(distribution.host)


def _refusal(
    wanted: HostedIssuer, existing: HostingFound, distribution: FoundDistribution | None, url: str | None
) -> PlanRefusal | None:
    if existing.name_is_taken:
        return PlanRefusal(
            f"Bucket {wanted.bucket} belongs to another account, or is hidden from this user: names of buckets are "
            "taken once in the world.",
            "choose another name, or add s3:ListBucket on the bucket to see whose it is",
        )
    refusal = None if existing.bucket is None else _not_ours(wanted, existing.bucket)
    if refusal is None and existing.issuer is not None and existing.issuer != url:
        refusal = PlanRefusal(
            f"The documents in {wanted.place} are of the issuer {existing.issuer}, which is served "
            f"in another way{'' if url is None else f' than {url}'}.",
            f"--issuer {existing.issuer} keeps it; for another issuer choose another prefix or bucket",
        )
    if refusal is None and wanted.public and existing.account_blocks & POLICY_BLOCKS:
        refusal = PlanRefusal(
            f"Block Public Access of account {wanted.account} forbids public buckets: "
            f"{', '.join(sorted(existing.account_blocks & POLICY_BLOCKS))}.",
            "leave --public-bucket out: CloudFront serves a private bucket",
        )
    if refusal is None and distribution is not None:
        refusal = _changed(distribution, existing.control)
    return refusal


def _not_ours(wanted: HostedIssuer, bucket: FoundBucket) -> PlanRefusal | None:
    owner = bucket.tags.get(ISSUER_NAME)
    if owner is None:
        return PlanRefusal(
            f"Bucket {wanted.bucket} belongs to somebody else: it has no tag {ISSUER_NAME}.",
            "choose another bucket; or serve this one yourself and name its URL with --issuer",
        )
    if owner != wanted.name:
        return PlanRefusal(
            f"Bucket {wanted.bucket} belongs to the issuer {owner}.",
            f"choose another bucket, or --name {owner} with another prefix",
        )
    try:
        statements_of(bucket.policy or '{"Statement": []}')
    except ValueError:
        return PlanRefusal(f"The policy of bucket {wanted.bucket} cannot be read.", "look at it, and repair it")
    return None


def _changed(distribution: FoundDistribution, control: str | None) -> PlanRefusal | None:
    """Refuse a distribution of podrole's that somebody changed so that it does not serve the documents as they are."""
    differing = {
        name: (value, distribution.config.get(name))
        for name, value in wanted_config(control or "").items()
        if distribution.config.get(name) != value
    }
    if not differing:
        return None
    differences = ", ".join(f"{name} is {actual!r} instead of {value!r}" for name, (value, actual) in differing.items())
    return PlanRefusal(
        f"CloudFront distribution {distribution.id} of podrole's was changed: {differences}.",
        "change it back in CloudFront; or choose another bucket for a new issuer",
    )


def _notes(wanted: HostedIssuer, distribution: FoundDistribution | None) -> tuple[str, ...]:
    if wanted.public:
        return ("Everybody may read the two documents in the bucket; nothing else in it becomes public.",)
    if distribution is None:
        return ("CloudFront names the issuer's host when it makes the distribution.",)
    if distribution.status != "Deployed":
        deploying = f"CloudFront is still deploying distribution {distribution.id}, which takes some minutes"
        return (f"{deploying}; podrole issuer verify says when AWS can read the issuer.",)
    return ()
