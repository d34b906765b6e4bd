"""How many writes IAM takes a second: with the journal, whose answers leave once they are on disk, and in memory.

Run it with ``python benchmarks/iam.py``. Two worlds run one after the other, ``podrole up`` and ``podrole up
--ephemeral``. The load is PutRolePolicy on 1,000 roles in turn, with another document each time, and CreateUser with a
new name each time (only with the journal: in memory the names would not last a second). A signature is verified, the
call authorized, the document parsed, the change written. ``wrk`` makes the load (``apt-get install wrk``) and shares
the machine's cores; every answer must be a success.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

from podrole.cli.env import variables
from podrole.world.state import WorldDirectory
from sts import AWS, Load, wrk_each

ROLES, USERS = 1_000, 4_500
"""An account has at most 5,000 users."""

_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
    }
)
_DOCUMENT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::%s/*"},
            {
                "Effect": "Deny",
                "Action": "s3:*",
                "Resource": "*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    }
)


@contextlib.contextmanager
def world(directory: Path, *options: str) -> Iterator[AWS]:
    """Run a world with 1,000 roles."""
    podrole = [sys.executable, "-m", "podrole"]
    place = directory / ".podrole"
    command = [*podrole, "up", "--detach", "--dir", str(place), "--aws-port", "0", "--cluster-port", "0", *options]
    subprocess.run(command, check=True, capture_output=True)
    try:
        found = WorldDirectory(place)
        running, exported = found.running(), variables(found)
        aws = AWS(running.aws_url, running.pid, exported["AWS_ACCESS_KEY_ID"], exported["AWS_SECRET_ACCESS_KEY"])
        iam = aws.client("iam")
        with ThreadPoolExecutor(4) as pool:
            names = (f"role-{number}" for number in range(ROLES))
            list(pool.map(lambda name: iam.create_role(RoleName=name, AssumeRolePolicyDocument=_TRUST), names))
        yield aws
    finally:
        subprocess.run([*podrole, "down", "--dir", str(place)], check=False, capture_output=True)


def put_bodies() -> list[str]:
    """Return a PutRolePolicy for each role, and another one that changes it."""
    common = {"Action": "PutRolePolicy", "Version": "2010-05-08", "PolicyName": "own"}
    return [
        urlencode({**common, "RoleName": f"role-{number}", "PolicyDocument": _DOCUMENT % bucket})
        for bucket in ("inventory", "orders")
        for number in range(ROLES)
    ]


def create_bodies() -> list[str]:
    """Return a CreateUser for each user."""
    common = {"Action": "CreateUser", "Version": "2010-05-08"}
    return [urlencode({**common, "UserName": f"user-{number}"}) for number in range(USERS)]


def put(aws: AWS, *, connections: int, seconds: int, rounds: int) -> Load:
    """Return the round of the median rate of PutRolePolicy."""
    bodies = put_bodies()
    signed = [aws.signed("iam", body) for body in bodies]
    wrk_each(aws, bodies, signed, connections=connections, seconds=2)  # warm
    runs = [wrk_each(aws, bodies, signed, connections=connections, seconds=seconds) for _ in range(rounds)]
    return sorted(runs, key=lambda load: load.rate)[len(runs) // 2]


def create(aws: AWS, *, connections: int) -> Load:
    """Return the one second of CreateUser that there are names for."""
    bodies = create_bodies()
    return wrk_each(aws, bodies, [aws.signed("iam", body) for body in bodies], connections=connections, seconds=1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: apt-get install wrk")
    for title, options in (("journal", []), ("memory", ["--ephemeral"])):
        with tempfile.TemporaryDirectory() as directory, world(Path(directory), *options) as aws:
            found = {"PutRolePolicy": put(aws, **vars(given))}
            if title == "journal":
                found["CreateUser"] = create(aws, connections=given.connections)
            for case, load in found.items():
                print(f"{case:14} {title:8} {load.rate:8,.0f}/s  p50 {load.median:.1f} ms  p99 {load.p99:.1f} ms")


if __name__ == "__main__":
    main()
