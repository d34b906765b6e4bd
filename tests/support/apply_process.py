"""Processes that set two service accounts up in a world, and end as ``kill -9`` ends them at one of their writes.

``python apply_process.py KUBECONFIG WHEN NUMBER …`` runs one process after the other, one for each number: ``WHEN`` is
``writing`` (before the write) or ``written``. With number 0 a process runs to its end. Each prints a line: how many
writes it made, or the signal that ended it. AWS's variables lead to the world.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from podrole.doctor.sources.aws_session import Access
from podrole.kube.connection import from_kubeconfig
from podrole.setup.apply import Applying, Replan
from podrole.setup.aws_account import AWSAccount
from podrole.setup.group import GroupFound, PlanOptions, RoleGroup
from podrole.setup.kubernetes_cluster import KubernetesSetupCluster
from podrole.setup.place import read_place
from podrole.setup.plan import plan_group
from podrole.setup.plan_provider import plan_provider
from podrole.setup.progress import Progress
from podrole.setup.seams import SetupAccount, SetupCluster
from podrole.setup.wanted import ServiceAccountName, SetupPlace, WantedAssociation, WantedRole, WantedServiceAccount
from podrole.setup.writes import PlannedWrite
from podrole.sts.circumstances import Circumstances

READS = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}'
ROLE = WantedRole(managed=("arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess",), inline={"podrole-reads": READS})
BY_TOKEN, BY_AGENT = ServiceAccountName("shop", "inventory"), ServiceAccountName("shop", "orders")


async def run(kubeconfig: Path, number: int, when: str) -> int:
    """Apply; return how many writes were made."""
    account = AWSAccount(Access())
    cluster = KubernetesSetupCluster(from_kubeconfig([kubeconfig]))
    place = await read_place(cluster, account, "podrole")
    seen = 0

    def progress(event: Progress) -> None:
        nonlocal seen
        if event.step == when:
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    applying = Applying(cluster, account, progress)
    results = [*await applying.run([_provider(place, account)]), *await applying.run([_role(place, cluster, account)])]
    await cluster.close()
    account.close()
    for result in results:
        if result.error is not None:
            raise result.error
    return sum(len(result.writes) for result in results)


def _provider(place: SetupPlace, account: SetupAccount) -> Replan[object]:
    async def read() -> object:
        return await asyncio.to_thread(account.provider, place.provider_arn)

    def plan(found: object) -> Sequence[PlannedWrite]:
        return plan_provider(place, found, (), PlanOptions(place)).writes  # type: ignore[arg-type]

    return Replan("provider", read, plan)


def _role(place: SetupPlace, cluster: SetupCluster, account: SetupAccount) -> Replan[GroupFound]:
    group = RoleGroup(
        place.role_arn("shop"), ROLE, (WantedServiceAccount(BY_TOKEN, ROLE),), (WantedAssociation(BY_AGENT, ROLE),)
    )
    at = Circumstances(now=time.time(), source_ip="192.0.2.1", region=place.region, secure_transport=True)

    async def read() -> GroupFound:
        there = await cluster.service_account(BY_TOKEN)
        association = account.association(place.cluster, BY_AGENT)
        return GroupFound(
            provider=account.provider(place.provider_arn),
            role=account.role("shop"),
            namespaces=frozenset({"shop"} if await cluster.has_namespace("shop") else ()),
            service_accounts={BY_TOKEN: there} if there else {},
            associations={BY_AGENT: association} if association else {},
            agent=account.has_pod_identity_agent(place.cluster),
        )

    def plan(found: GroupFound) -> Sequence[PlannedWrite]:
        part = plan_group(place, group, found, PlanOptions(place), at)
        assert not part.refusals, part.refusals
        return part.writes

    return Replan("shop", read, plan)


def main(kubeconfig: Path, when: str, numbers: Sequence[int]) -> None:
    """Run the processes. They are forked, because to import everything takes longer than a run."""
    for number in numbers:
        child = os.fork()
        if child == 0:
            print(asyncio.run(run(kubeconfig, number, when)), flush=True)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code > 0:
            sys.exit(code)
        if code < 0:
            print(code, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], [int(number) for number in sys.argv[3:]])
