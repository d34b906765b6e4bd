"""How fast STS exchanges tokens and verifies signatures, beside other local AWSs that verify nothing.

Run it with ``python benchmarks/sts.py``; ``--compare`` also measures moto_server 5.2.5 and ministack 1.5.33 in the same
run, each in a virtual environment that is made for it and removed. A whole world runs (``podrole up``); the account has
1,000 roles and a pod's tokens come from its cluster, RSA-2048, 50 of them in turn; each exchange verifies one, weighs
the trust policy and is logged. ``wrk`` makes the load (``apt-get install wrk``), over keep-alive connections, and
shares the machine's cores. ``--memory`` makes 100,000 exchanges and says what they left in memory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from podrole.cli.env import variables
from podrole.world.state import WorldDirectory

ACCOUNT, REGION, ROLES, TOKENS = "111122223333", "us-east-1", 1_000, 50
SUBJECT = "system:serviceaccount:default:inventory"
PEERS = {
    "moto_server 5.2.5": ("moto[server]==5.2.5", ["moto_server", "-p", "{port}"], {}),
    "ministack 1.5.33": ("ministack==1.5.33", ["ministack"], {"GATEWAY_PORT": "{port}"}),
}
SCRIPT = """
local bodies, each, number = {}, {}, 0
for line in io.lines("{bodies}") do bodies[#bodies + 1] = line end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
{headers}
request = function()
  number = number % #bodies + 1
  return wrk.format(nil, nil, each[number], bodies[number])
end
done = function(summary, latency, requests)
  print(string.format("RESULT %f %f %f %d", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    summary.errors.status + summary.errors.read + summary.errors.timeout))
end
"""


@dataclass(frozen=True)
class AWS:
    """A server under load."""

    url: str
    pid: int
    key_id: str = "AKIAIOSFODNN7EXAMPLE"
    secret: str = "x" * 40

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=self.key_id,
            aws_secret_access_key=self.secret,
            config=Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=60),
        )

    def signed(self, service: str, body: str) -> dict[str, str]:
        """Return the headers of a signed form; the same for 15 minutes."""
        request = AWSRequest("POST", self.url + "/", {"Content-Type": _FORM}, body)
        SigV4Auth(Credentials(self.key_id, self.secret), service, REGION).add_auth(request)
        return {name: value for name, value in request.headers.items() if name != "Content-Type"}

    def memory(self) -> float:
        """Return the resident memory in MB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


_FORM = "application/x-www-form-urlencoded; charset=utf-8"


@dataclass(frozen=True)
class Load:
    """What wrk saw: requests a second, and latencies in milliseconds."""

    rate: float
    median: float
    p99: float


def wrk(aws: AWS, bodies: list[str], headers: dict[str, str], *, connections: int, seconds: int) -> Load:
    """Put load on a server. Ends the program where an answer is an error."""
    lines = "\n".join(f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items())
    return _run(aws, bodies, lines, connections=connections, seconds=seconds)


def wrk_each(aws: AWS, bodies: list[str], headers: list[dict[str, str]], *, connections: int, seconds: int) -> Load:
    """Put load on a server, each body with headers of its own. Ends the program where an answer is an error."""

    def table(of_one: dict[str, str]) -> str:
        members = {"Content-Type": _FORM, **of_one}.items()
        return "{" + ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in members) + "}"

    lines = "\n".join(f"each[{number}] = {table(one)}" for number, one in enumerate(headers, 1))
    return _run(aws, bodies, lines, connections=connections, seconds=seconds)


def _run(aws: AWS, bodies: list[str], lines: str, *, connections: int, seconds: int) -> Load:
    with tempfile.TemporaryDirectory() as directory:
        listed, script = Path(directory, "bodies"), Path(directory, "load.lua")
        listed.write_text("\n".join(bodies) + "\n")
        script.write_text(SCRIPT.replace("{bodies}", str(listed)).replace("{headers}", lines))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), aws.url]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate, median, p99, errors = printed.partition("RESULT ")[2].split()
    if int(errors):
        raise SystemExit(f"{errors} answers were errors:\n{printed}")
    return Load(float(rate), float(median), float(p99))


@contextlib.contextmanager
def world(directory: Path) -> Iterator[tuple[AWS, list[str]]]:
    """Run a world whose account is set up, and mint the tokens."""
    podrole = [sys.executable, "-m", "podrole"]
    place = directory / ".podrole"
    ports = ["--aws-port", "0", "--cluster-port", "0"]
    subprocess.run([*podrole, "up", "--detach", "--dir", str(place), *ports], check=True, capture_output=True)
    try:
        found = WorldDirectory(place)
        running, exported = found.running(), variables(found)
        aws = AWS(running.aws_url, running.pid, exported["AWS_ACCESS_KEY_ID"], exported["AWS_SECRET_ACCESS_KEY"])
        iam = aws.client("iam")
        iam.create_open_id_connect_provider(
            Url=running.issuer, ClientIDList=["sts.amazonaws.com"], ThumbprintList=[running.thumbprint]
        )
        make_roles(iam, running.issuer.removeprefix("https://"))
        yield aws, cluster_tokens(json.loads(found.kubeconfig.read_text()))
    finally:
        subprocess.run([*podrole, "down", "--dir", str(place)], check=False, capture_output=True)


def make_roles(iam: Any, issuer: str) -> None:
    """Make the roles; the last is the one that the tokens are for."""
    equals = {f"{issuer}:sub": SUBJECT, f"{issuer}:aud": "sts.amazonaws.com"}
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": equals},
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    for number in range(ROLES):
        iam.create_role(RoleName=f"role-{number}", AssumeRolePolicyDocument=trust)


def cluster_tokens(kubeconfig: dict[str, Any]) -> list[str]:
    """Ask the cluster for the tokens of a service account."""
    import base64
    import ssl

    cluster = kubeconfig["clusters"][0]["cluster"]
    trust = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    bearer = kubeconfig["users"][0]["user"]["token"]

    def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
        request = urllib.request.Request(cluster["server"] + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, context=trust) as answer:
            return dict(json.load(answer))

    accounts = "/api/v1/namespaces/default/serviceaccounts"
    post(accounts, {"metadata": {"name": "inventory"}})
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
    spec = {"audiences": ["sts.amazonaws.com"], "expirationSeconds": 3_600}
    return [post(f"{accounts}/inventory/token", {**request, "spec": spec})["status"]["token"] for _ in range(TOKENS)]


@contextlib.contextmanager
def peer(name: str, directory: Path) -> Iterator[AWS]:
    """Run another local AWS, installed for the occasion."""
    requirement, command, environment = PEERS[name]
    place = directory / name.split(maxsplit=1)[0]
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    subprocess.run([str(place / "bin" / "pip"), "install", "--quiet", requirement], check=True, stderr=subprocess.PIPE)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    process = subprocess.Popen(
        [str(place / "bin" / command[0]), *(word.format(port=port) for word in command[1:])],
        env={**os.environ, **{key: value.format(port=port) for key, value in environment.items()}},
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    aws = AWS(f"http://127.0.0.1:{port}", process.pid)
    try:
        for _ in range(300):
            with contextlib.suppress(Exception):
                make_roles(aws.client("iam"), "issuer.example.com")
                break
            time.sleep(0.1)
        yield aws
    finally:
        process.terminate()
        process.wait()


def exchange_bodies(tokens: list[str]) -> list[str]:
    """Return the forms of the exchanges."""
    common = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleSessionName": "benchmark"}
    role = f"arn:aws:iam::{ACCOUNT}:role/role-{ROLES - 1}"
    return [urlencode({**common, "RoleArn": role, "WebIdentityToken": token}) for token in tokens]


CASES = {
    "AssumeRoleWithWebIdentity": ("sts", ""),
    "GetCallerIdentity": ("sts", "Action=GetCallerIdentity&Version=2011-06-15"),
    "DescribeInstances": ("ec2", "Action=DescribeInstances&Version=2016-11-15"),
}


def measure(aws: AWS, tokens: list[str], *, connections: int, seconds: int, rounds: int) -> dict[str, Load]:
    """Return the round of the median rate of each case."""
    found = {}
    for case, (service, body) in CASES.items():
        bodies = [body] if body else exchange_bodies(tokens)
        headers = aws.signed(service, body) if body else {}
        wrk(aws, bodies, headers, connections=connections, seconds=2)  # warm
        runs = [wrk(aws, bodies, headers, connections=connections, seconds=seconds) for _ in range(rounds)]
        found[case] = _median(runs)
    return found


def _median(runs: list[Load]) -> Load:
    return sorted(runs, key=lambda load: load.rate)[len(runs) // 2]


def memory(aws: AWS, tokens: list[str], connections: int) -> None:
    """Print the memory before and after 100,000 exchanges."""
    bodies, done, before = exchange_bodies(tokens), 0.0, aws.memory()
    print(f"memory: {before:.0f} MB", end="", flush=True)
    while done < 100_000:
        done += wrk(aws, bodies, {}, connections=connections, seconds=10).rate * 10
    print(f" before, {aws.memory():.0f} MB after {done:,.0f} exchanges")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compare", action="store_true", help="measure moto_server and ministack too")
    parser.add_argument("--memory", action="store_true", help="make 100,000 exchanges and look at the memory")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: apt-get install wrk")
    how = {"connections": given.connections, "seconds": given.seconds, "rounds": given.rounds}
    results: dict[str, dict[str, Load]] = {}
    with tempfile.TemporaryDirectory() as directory:
        with world(Path(directory)) as (aws, tokens):
            if given.memory:
                memory(aws, tokens, given.connections)
            results["podrole"] = measure(aws, tokens, **how)
        for name in PEERS if given.compare else ():
            with peer(name, Path(directory)) as other:
                results[name] = measure(other, tokens, **how)
    for case in CASES:
        print(f"\n{case}, {given.connections} connections")
        for name, loads in results.items():
            load = loads[case]
            ratio = results["podrole"][case].rate / load.rate
            beside = "" if name == "podrole" else f"   podrole does {ratio:.1f} x"
            print(f"  {name:18} {load.rate:8,.0f}/s   median {load.median:6.1f} ms   p99 {load.p99:6.1f} ms{beside}")


if __name__ == "__main__":
    main()
