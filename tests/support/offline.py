"""A program for a network namespace of its own: a world, and clients that must not reach for anything else.

The namespace has only loopback. A name server there records every name that is looked up, and knows none. The program
prints one JSON object: the look-ups, and what each call came to. ``offline`` runs it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from podrole.aws.protocol.catalogue import services
from support.minimal_input import minimal_input
from support.world import FREE_PORTS, KUBECTL, PODROLE, clean_environment

NAMESPACES = ("unshare", "--user", "--map-root-user", "--mount", "--net")
IGNORING_ENDPOINT_URL = (
    "sqs list-queues",
    "rds describe-db-instances",
    "docdb describe-db-clusters",
    "neptune describe-db-clusters",
    "health describe-events",
)
"""Commands to services whose clients in AWS CLI 1 ignore AWS_ENDPOINT_URL."""
OTHER_COMMANDS = (
    "sts get-caller-identity",
    "iam list-users",
    "s3api list-buckets",
    "ec2 describe-vpcs",
    "dynamodb list-tables",
    "sns list-topics",
    "lambda list-functions",
    "kms list-keys",
    "logs describe-log-groups",
    "eks list-clusters",
)
_READS = re.compile(r"(List|Describe|Get|Batch|Search|Query)")
_ANSWERED = re.compile(r"An error occurred \(\w+\)")
_UP = 0x1 | 0x40  # IFF_UP, IFF_RUNNING
_SIOCSIFFLAGS = 0x8914


def offline(directory: Path, *kinds: str) -> dict[str, Any]:
    """Run the program in the namespaces, with a world in ``directory``. ``kinds`` are of boto3, cli and javascript;
    with sample boto3 and cli call some services only."""
    if "javascript" in kinds:
        node_modules()  # while there is a network
    command = [*NAMESPACES, sys.executable, str(Path(__file__)), *kinds]
    done = subprocess.run(
        command, cwd=directory, env=clean_environment(), capture_output=True, text=True, timeout=800, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def read_operation(model: Any) -> str:
    """Return the read operation of a service that needs the least."""

    def cost(name: str) -> tuple[bool, int, str]:
        shape = model.operation_model(name).input_shape
        return not _READS.match(name), len(shape.required_members) if shape is not None else 0, name

    return min((name for name in model.operation_names), key=cost)


class NameServer(threading.Thread):
    """Records what is looked up, and answers that it does not exist."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.names: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))

    def run(self) -> None:
        while True:
            query, client = self._socket.recvfrom(4096)
            labels, rest = [], query[12:]
            while rest and rest[0]:
                labels.append(rest[1 : 1 + rest[0]].decode("latin-1"))
                rest = rest[1 + rest[0] :]
            self.names.append(".".join(labels))
            self._socket.sendto(query[:2] + b"\x81\x83" + query[4:6] + bytes(6) + query[12:], client)


def only_loopback() -> NameServer:
    """Bring loopback up, and have names looked up here."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _UP))
    configuration = Path("resolv.conf")
    configuration.write_text("nameserver 127.0.0.1\noptions attempts:1 timeout:1\n")
    subprocess.run(["mount", "--bind", str(configuration), "/etc/resolv.conf"], check=True)
    server = NameServer()
    server.start()
    return server


def simulated(*, sample: bool) -> list[str]:
    """Return the names of the services that moto serves, or of every tenth of them."""
    found = [service.name for service in services().values() if service.moto is not None]
    return found[::10] if sample else found


def commands(*, sample: bool) -> tuple[str, ...]:
    """Return the commands of AWS CLI 1, or one that ignores the variable and one that does not."""
    return (IGNORING_ENDPOINT_URL[0], OTHER_COMMANDS[0]) if sample else (*IGNORING_ENDPOINT_URL, *OTHER_COMMANDS)


def boto3_calls(environment: Mapping[str, str], *, sample: bool) -> dict[str, Any]:
    """Call each service once, as a program with that environment would: operation, status and error."""
    import boto3
    from botocore.exceptions import ClientError

    os.environ.clear()
    os.environ.update(environment)
    found: dict[str, Any] = {}
    for service in simulated(sample=sample):
        client = boto3.client(service)
        operation = read_operation(client.meta.service_model)
        method = next(one for one, name in client.meta.method_to_api_mapping.items() if name == operation)
        try:
            answer = getattr(client, method)(**minimal_input(client.meta.service_model.operation_model(operation)))
            outcome = [answer["ResponseMetadata"]["HTTPStatusCode"], ""]
        except ClientError as refused:
            outcome = [refused.response["ResponseMetadata"]["HTTPStatusCode"], refused.response["Error"]["Code"]]
        except Exception as problem:  # noqa: BLE001 - reported
            outcome = [0, f"{type(problem).__name__}: {problem}"]
        found[service] = [operation, *outcome]
        client.close()
    return found


def cli_calls(environment: Mapping[str, str], *, sample: bool) -> dict[str, str]:
    """Run each command; return nothing for one that was answered, its output for another."""
    aws = str(Path(sys.executable).parent / "aws")
    found = {}
    for command in commands(sample=sample):
        done = subprocess.run(
            [aws, *command.split()], env=dict(environment), capture_output=True, text=True, check=False, timeout=120
        )
        answered = done.returncode == 0 or _ANSWERED.search(done.stderr)
        found[command] = "" if answered else done.stderr[-500:]
    return found


def javascript_calls(environment: Mapping[str, str]) -> dict[str, Any]:
    """Run the calls of the JavaScript SDK."""
    place = node_modules()
    shutil.copy(Path(__file__).parent / "javascript" / "calls.mjs", place / "calls.mjs")
    done = subprocess.run(
        ["node", "calls.mjs"],
        cwd=place,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def node_modules() -> Path:
    """Return the directory of the JavaScript SDK, which npm fetches the first time (73 MB)."""
    place = KUBECTL.parent / "javascript"
    if not (place / "node_modules").exists():
        place.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(Path(__file__).parent / "javascript" / name, place / name)
        fetch = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(fetch, cwd=place, check=True, capture_output=True, timeout=600)
    return place


def main(kinds: list[str]) -> None:
    server = only_loopback()
    subprocess.run([PODROLE, "up", "--detach", *FREE_PORTS, "--ephemeral"], check=True, stdout=subprocess.DEVNULL)
    result: dict[str, Any] = {}
    try:
        text = subprocess.run([PODROLE, "run", "--", "env", "-0"], check=True, capture_output=True, text=True).stdout
        environment = dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)
        environment["HOME"] = str(Path.cwd())
        names = {name: value for name, value in environment.items() if not name.startswith("AWS_ENDPOINT_URL")}
        before = server.names.copy()
        if "cli" in kinds:
            result["cli"] = cli_calls(environment, sample="sample" in kinds)
        if "javascript" in kinds:
            result["javascript"] = javascript_calls(environment)
        if "boto3" in kinds:
            result["endpoint"] = boto3_calls(environment, sample="sample" in kinds)
            Path(".podrole/events.jsonl").write_text("")
            result["names"] = boto3_calls(names, sample="sample" in kinds)
        result["before"] = before
        result["lookups"] = server.names
    finally:
        subprocess.run([PODROLE, "down"], check=False, stdout=subprocess.DEVNULL)
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
