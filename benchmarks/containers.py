"""How fast pods start in containers: one by one, and fifty at once; and how long the world then takes to stop.

Usage: DOCKER_HOST=unix:///… python benchmarks/containers.py IMAGE [PODS]

IMAGE is present in the engine and has ``sleep``. The time of a pod is that from the answer to its creation until the
API shows it Running. Goal: 1.5 s for one pod.
"""

from __future__ import annotations

import json
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

PODROLE = Path(sys.executable).parent / "podrole"
LIMIT_SECONDS = 300
ONE_BY_ONE = 10


class API:
    """The API server of a world, as its administrator."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        self.server = config["clusters"][0]["cluster"]["server"]
        self._token = config["users"][0]["user"]["token"]
        self._tls = ssl.create_default_context()
        self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE

    def open(self, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server + path, data=data, headers=headers)
        return urllib.request.urlopen(request, context=self._tls, timeout=LIMIT_SECONDS)

    def create(self, name: str, image: str) -> None:
        container = {"name": "c", "image": image, "imagePullPolicy": "Never", "command": ["sleep", "1000"]}
        spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
        self.open("/api/v1/namespaces/default/pods", {"metadata": {"name": name}, "spec": spec}).close()

    def running(self) -> Iterator[str]:
        """Yield the names of pods as they are seen to be running."""
        with self.open("/api/v1/namespaces/default/pods?watch=true") as events:
            for line in events:
                pod = json.loads(line)["object"]
                if pod["status"].get("phase") == "Running":
                    yield pod["metadata"]["name"]


def main(image: str, pods: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        words = ["--detach", "--ephemeral", "--runtime", "container", "--aws-port", "0", "--cluster-port", "0"]
        subprocess.run([PODROLE, "up", *words], cwd=place, check=True, stdout=subprocess.DEVNULL)
        try:
            api = API(Path(place) / ".podrole/kubeconfig")
            seen = api.running()
            times = []
            for number in range(ONE_BY_ONE):
                api.create(f"one-{number}", image)
                began = time.perf_counter()
                next(name for name in seen if name == f"one-{number}")
                times.append(time.perf_counter() - began)
            median, least, most = statistics.median(times), min(times), max(times)
            print(f"one pod until it runs: {median:.2f} s ({least:.2f} to {most:.2f})")
            began = time.perf_counter()
            waiting = {f"many-{number}" for number in range(pods)}
            for name in sorted(waiting):
                api.create(name, image)
            while waiting:
                waiting.discard(next(seen))
            print(f"{pods} pods at once until all run: {time.perf_counter() - began:.1f} s")
        finally:
            began = time.perf_counter()
            subprocess.run([PODROLE, "down"], cwd=place, check=True, stdout=subprocess.DEVNULL)
            print(f"podrole down with all of them: {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 50)
