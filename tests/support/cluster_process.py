"""A cluster with controllers and a node over a journal, as a program that a test can stop or kill.

Run as ``python -m support.cluster_process DIRECTORY``: makes the objects that standard input has as JSON
(``[resource, namespace, body]`` each), waits until each pod has the phase that its annotation ``phase`` names, deletes
the pods that are annotated so, prints what it has as JSON, and runs until SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from podrole.base.journal import Journal
from podrole.cluster.assembly.server import Cluster
from podrole.cluster.core.users import ADMINISTRATOR
from podrole.cluster.store.durable import DurableStore
from podrole.oidc.keys import SigningKey
from support.cluster import everything, make_cluster


def open_cluster(directory: Path, journal: Journal, **more: Any) -> Cluster:
    """Return a cluster of the objects and the key in ``directory``."""
    path = directory / "key.pem"
    if not path.exists():
        path.write_bytes(SigningKey.generate().to_pem())
    return make_cluster(store=DurableStore(journal), keys=[SigningKey.from_pem(path.read_bytes())], **more)


async def main(directory: Path, objects: list[Any]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    journal = Journal(directory / "state.db")
    cluster = open_cluster(directory, journal)
    async with cluster, everything(directory / "node")(cluster):
        client = cluster.client(ADMINISTRATOR)
        async for event in client.watch("configmaps", "default"):
            if event.type == "ADDED":  # a pod's own token volume needs it
                break
        for resource, namespace, body in objects:
            await client.create(resource, namespace, body)
        pods = await until_as_annotated(client)
        for pod in pods:
            if pod["metadata"]["annotations"].get("deleted"):
                await client.delete("pods", "default", pod["metadata"]["name"])
        token = await client.create_token("default", "default", {"expirationSeconds": 3600})
        pods = await client.list("pods", "default")
        said = {"pods": {pod["metadata"]["name"]: pod for pod in pods}, "token": token["status"]["token"]}
        print(json.dumps(said | {"revision": cluster.store.revision}), flush=True)
        await stop.wait()
    journal.close()


async def until_as_annotated(client: Any) -> list[Any]:
    while True:
        pods = await client.list("pods", "default")
        phases = [(pod["status"]["phase"], pod["metadata"]["annotations"]["phase"]) for pod in pods]
        if len(pods) >= 9 and all(phase == wanted for phase, wanted in phases):
            return list(pods)
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), json.load(sys.stdin)))
