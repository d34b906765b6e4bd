"""The result of a real attempt (``--live``): a token of the cluster, exchanged with the real STS."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podrole.base.user_agents import DOCTOR
from podrole.doctor.facts.pods import PodFacts
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.sources.cluster import Object
from podrole.doctor.sources.sources import ExchangeAnswer, Sources
from podrole.doctor.unknown import UnknownFact, read, read_async
from podrole.oidc.errors import TokenRefused
from podrole.oidc.token import parse_token


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What was obtained. Each part is UnknownFact, with the words of the refusal, if it was refused.

    ``token`` holds header and claims, never the signature. ``exchange`` is None if there was no role or no STS to try
    it with. ``identity`` is the ARN that GetCallerIdentity answered. ``admitted`` is the pod as the cluster would
    admit it. ``skew`` is how far the cluster's clock is ahead of AWS's, in seconds.
    """

    token: Mapping[str, Any] | UnknownFact
    exchange: ExchangeAnswer | UnknownFact | None = None
    identity: str | UnknownFact | None = None
    admitted: Object | UnknownFact | None = None
    skew: float | None = None


async def read_live(
    sources: Sources,
    target: DoctorTarget,
    pods: tuple[PodFacts, ...] | UnknownFact,
    *,
    audience: str,
    role_arn: str | None,
    session_name: str,
) -> LiveFacts:
    """Have the cluster admit a new pod as a dry run and issue a token, and exchange that token with the real STS."""
    cluster = sources.cluster
    admitted = await read_async(cluster.admit(_new_pod(target, pods)))
    before = sources.clock()
    issued = await read_async(cluster.request_token(target.namespace, target.service_account, audience))
    if isinstance(issued, UnknownFact):
        return LiveFacts(issued, admitted=admitted)
    try:
        parsed = parse_token(issued.token)
    except TokenRefused as why:
        return LiveFacts(UnknownFact(why.what, why.got), admitted=admitted)
    shown = {"header": dict(parsed.header), "claims": dict(parsed.payload)}
    issued_at = parsed.payload.get("iat")
    skew = float(issued_at) - before if isinstance(issued_at, int) else None
    sts = sources.sts
    if role_arn is None or sts is None:
        return LiveFacts(shown, skew=skew, admitted=admitted)
    exchanged = await asyncio.to_thread(read, lambda: sts.assume(role_arn, issued.token, session_name))
    if isinstance(exchanged, UnknownFact):
        return LiveFacts(shown, exchanged, skew=skew, admitted=admitted)
    if exchanged.time is not None and skew is not None:
        skew += before - exchanged.time  # AWS's clock counts, not ours
    identity = await asyncio.to_thread(read, lambda: sts.caller_arn(exchanged))
    return LiveFacts(shown, exchanged, identity, skew=skew, admitted=admitted)


def _new_pod(target: DoctorTarget, pods: tuple[PodFacts, ...] | UnknownFact) -> Object:
    """Return a pod like those of the service account, for the cluster to admit as a dry run."""
    known = () if isinstance(pods, UnknownFact) else pods
    labels = known[0].manifest.get("metadata", {}).get("labels") if known else None
    metadata: Object = {"generateName": f"{DOCTOR}-", "namespace": target.namespace}
    if labels:
        metadata["labels"] = labels
    spec = {
        "serviceAccountName": target.service_account,
        "containers": [{"name": "probe", "image": "busybox"}],
        "restartPolicy": "Never",
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
