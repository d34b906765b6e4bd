"""The commands of everyday use, on a running world."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from support.world import PODROLE, RunningWorld, podrole, podrole_here, run, running_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWorld]:
    options = ("--account", "444455556666", "--region", "eu-central-1")
    with running_world(tmp_path_factory.mktemp("world"), *options) as running:
        yield running


def test_env_sets_the_variables_of_the_world(world: RunningWorld) -> None:
    script = f'eval "$({shlex.quote(PODROLE)} env)"; aws sts get-caller-identity --query Account; echo $KUBECONFIG'
    done = run("sh", "-c", script, cwd=world.directory)
    assert '"444455556666"' in done.stdout
    assert f"{world.directory}/.podrole/kubeconfig" in done.stdout


def test_env_adds_missing_tools_to_path(world: RunningWorld, tmp_path: Path) -> None:
    mine = tmp_path / "kubectl"
    mine.write_text("#!/bin/sh\necho mine\n")
    mine.chmod(0o755)
    script = f'eval "$({shlex.quote(PODROLE)} env)"; command -v podrole && aws --version && kubectl version --client'
    bare = {"PATH": "/usr/bin:/bin"}
    done = run("sh", "-c", script, cwd=world.directory, env=bare)
    assert done.returncode == 0, done.stderr
    assert "aws-cli/" in done.stdout
    assert "Client Version" in done.stdout
    own = run("sh", "-c", script, cwd=world.directory, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert own.stdout.endswith("mine\n")  # the person's own comes first


@pytest.mark.parametrize("place", [(), ("--dir", "it's a world/.podrole")])
def test_printed_next_command_works_from_the_current_directory(world: RunningWorld, place: tuple[str, ...]) -> None:
    bare = {"PATH": "/usr/bin:/bin"}
    free = ("--aws-port", "0", "--cluster-port", "0", "--ephemeral")
    done = run(PODROLE, "up", "--detach", *free, *place, cwd=world.directory.parent, env=bare)
    try:
        line = next(line for line in done.stdout.splitlines() if "eval " in line)
        told = run("sh", "-c", f"{line}; echo $KUBECONFIG", cwd=world.directory.parent, env=bare)
        assert told.stdout.strip().endswith("/.podrole/kubeconfig")
    finally:
        run(PODROLE, "down", *place, cwd=world.directory.parent, env=bare)


def test_the_administrators_key_is_generated(world: RunningWorld) -> None:
    assert world.environment["AWS_ACCESS_KEY_ID"].startswith("AKIA")
    assert len(world.environment["AWS_SECRET_ACCESS_KEY"]) == 40
    assert "EXAMPLE" not in world.environment["AWS_SECRET_ACCESS_KEY"]


def test_account_and_region_are_as_asked(world: RunningWorld) -> None:
    assert json.loads(world.ok("aws", "sts", "get-caller-identity"))["Account"] == "444455556666"
    issuer = world.ok("aws", "eks", "describe-cluster", "--name", "podrole", "--query", "cluster.identity.oidc.issuer")
    assert "oidc.eks.eu-central-1.amazonaws.com/id/" in issuer
    assert str(world.description["issuer"]) in issuer


def test_files_of_a_world_are_readable_only_by_their_owner(world: RunningWorld) -> None:
    state = world.directory / ".podrole"
    assert state.stat().st_mode & 0o777 == 0o700
    for file in state.iterdir():
        if file.is_file():
            assert file.stat().st_mode & 0o077 == 0, file.name


def test_events_name_caller_action_and_outcome(world: RunningWorld) -> None:
    world.client("iam").list_roles()
    with pytest.raises(ClientError):
        world.client("sts").assume_role_with_web_identity(
            RoleArn="arn:aws:iam::444455556666:role/nobody", RoleSessionName="x1", WebIdentityToken="not-a-token"
        )
    lines = podrole_here("events", cwd=world.directory).stdout.splitlines()
    assert any(" allowed iam:ListRoles by arn:aws:iam::444455556666:user/admin" in line for line in lines)
    (refused,) = podrole_here("events", "--refused", "--last", "1", cwd=world.directory).stdout.splitlines()
    assert " refused sts:AssumeRoleWithWebIdentity on arn:aws:iam::444455556666:role/nobody" in refused
    assert "InvalidIdentityToken: The token is not a valid JWT." in refused
    assert "not-a-token" not in refused


def test_events_as_json_are_one_object_per_line(world: RunningWorld) -> None:
    world.client("sts").get_caller_identity()
    lines = podrole_here("events", "--json", cwd=world.directory).stdout.splitlines()
    assert {"id", "time", "kind", "who", "what", "outcome"} <= json.loads(lines[-1]).keys()


def test_followed_events_are_printed_at_once(world: RunningWorld) -> None:
    with subprocess.Popen(
        [PODROLE, "events", "--follow", "--last", "1"], cwd=world.directory, stdout=subprocess.PIPE, text=True
    ) as following:
        assert following.stdout is not None
        following.stdout.readline()
        world.client("iam").list_users()
        for line in following.stdout:
            if "iam:ListUsers" in line:
                break
        following.terminate()


def test_closed_pipe_is_not_an_error(world: RunningWorld) -> None:
    done = run("sh", "-c", f"{shlex.quote(PODROLE)} events | head -n 1", cwd=world.directory)
    assert done.stderr == ""


def test_output_has_colours_only_on_a_terminal(world: RunningWorld) -> None:
    assert "\033" not in podrole_here("events", cwd=world.directory).stdout


def test_restart_keeps_the_credentials(tmp_path: Path) -> None:
    with running_world(tmp_path) as first:
        kept = first.environment["AWS_SECRET_ACCESS_KEY"]
        issuer = first.description["issuer"]
    with running_world(tmp_path) as second:
        assert second.environment["AWS_SECRET_ACCESS_KEY"] == kept
        assert second.description["issuer"] == issuer
        assert second.client("sts").get_caller_identity()["Arn"].endswith(":user/admin")


def test_issuer_is_fetched_by_its_public_name(world: RunningWorld) -> None:
    """What a person does with ``curl --connect-to``: the name in the certificate is the issuer's."""
    import http.client
    import socket
    import ssl

    issuer = str(world.description["issuer"])
    host = issuer.split("/")[2]
    trust = ssl.create_default_context(cafile=world.directory / ".podrole" / "ca.crt")
    with socket.create_connection(("127.0.0.1", int(str(world.description["issuer_port"])))) as raw:
        connection = http.client.HTTPSConnection(host, context=trust)
        connection.sock = trust.wrap_socket(raw, server_hostname=host)
        connection.request("GET", issuer.removeprefix(f"https://{host}") + "/.well-known/openid-configuration")
        document = json.loads(connection.getresponse().read())
        connection.close()
    assert document["issuer"] == issuer


@pytest.mark.parametrize("words", [(), ("--help",), ("up", "--help"), ("demo", "--help"), ("events", "--help")])
def test_help_of_each_command(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = (podrole if words == ("--help",) else podrole_here)(*words, cwd=tmp_path)
    assert "Usage: podrole" in done.stdout + done.stderr


STARTED = """
import sys
from podrole.cli import main
try:
    main(["status"])
except SystemExit:
    print([name for name in ("pydantic", "botocore", "moto", "httpx2", "uvicorn") if name in sys.modules])
"""


def test_command_starts_without_what_takes_long_to_import(tmp_path: Path) -> None:
    done = run(sys.executable, "-c", STARTED, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version(tmp_path: Path) -> None:
    assert podrole("--version", cwd=tmp_path).stdout.startswith("podrole ")


def test_policy_simulate_asks_the_running_world(world: RunningWorld) -> None:
    asked = ("policy", "simulate", "--user", "admin", "--action", "s3:GetObject", "--action", "ec2:RunInstances")
    done = podrole_here(*asked, cwd=world.directory)
    assert done.returncode == 0
    assert [line.split()[:2] for line in done.stdout.splitlines() if not line.startswith(" ")] == [
        ["allowed", "s3:GetObject"],
        ["allowed", "ec2:RunInstances"],
    ]
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    world.client("iam").create_role(RoleName="idle", AssumeRolePolicyDocument=document)
    done = podrole_here(
        "policy", "simulate", "--role", "idle", "--action", "s3:GetObject", "--json", cwd=world.directory
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["EvalDecision"] == "implicitDeny"
    done = podrole_here("policy", "simulate", "--role", "nobody", "--action", "s3:GetObject", cwd=world.directory)
    assert done.returncode == 2
    assert "nobody" in done.stderr
