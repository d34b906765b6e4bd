"""The cluster and the account that belong together: read, and compared before anything is changed."""

from __future__ import annotations

import asyncio

from podrole.base.partitions import eks_issuer_region
from podrole.setup.errors import Refused
from podrole.setup.seams import SetupAccount, SetupCluster
from podrole.setup.wanted import SetupPlace


async def read_place(cluster: SetupCluster, account: SetupAccount, name: str) -> SetupPlace:
    """Return the place of a set-up: the cluster that ``cluster`` reaches, which EKS knows as ``name``, and the account.

    A cluster with an issuer of its own is not on EKS; then ``name`` only names it in tags.

    Raises:
        Refused: the cluster and the account do not belong together.
        CallFailed: the cluster or the account cannot be read.
    """
    issuer = await cluster.issuer()
    known = await asyncio.to_thread(account.cluster_arn_and_issuer, name)
    if known is not None and known[1] != issuer:
        raise Refused(
            f"The kubeconfig and the AWS credentials lead to two different clusters: {cluster.what} is not the EKS "
            f"cluster {name} of account {account.id} in {account.region}.",
            got=f"issuer {issuer}",
            expected=f"issuer {known[1] or 'unknown to EKS'}",
            next_step="choose the cluster with --context or --kubeconfig, the account with --profile and --region",
        )
    region = eks_issuer_region(issuer)
    if known is None and region is not None:
        raise Refused(
            f"The cluster is an EKS cluster, but account {account.id} has no cluster {name} in {account.region}.",
            got=f"issuer {issuer}",
            expected=f"a cluster of region {region} with this issuer",
            next_step="name the EKS cluster with --cluster, its account with --profile, its region with --region",
        )
    return SetupPlace(
        cluster=name,
        issuer=issuer,
        account=account.id,
        partition=account.partition,
        region=account.region,
        cluster_arn=known[0] if known is not None else None,
    )
