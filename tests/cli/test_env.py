"""podrole env and podrole run: the environment of a shell that uses a world."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from podrole.world.proxy import EARLIER
from support.world import PODROLE, RunningWorld, clean_environment, podrole, podrole_here, run, running_world

COMMAND = shlex.quote(PODROLE)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWorld]:
    with running_world(tmp_path_factory.mktemp("env")) as running:
        yield running


SHELLS = [
    pytest.param(
        [shell, *flags], marks=pytest.mark.skipif(shutil.which(shell) is None, reason=f"needs {shell}"), id=shell
    )
    for shell, *flags in (["sh"], ["bash", "--norc"], ["zsh", "-f"], ["fish", "--no-config"])
]
BEFORE = {
    "HTTPS_PROXY": "http://me:p'w@proxy.example:3128",
    "NO_PROXY": "intranet.example,.amazonaws.com,*,com,10.0.0.0/8",
    "AWS_PROFILE": "it's production",
    "AWS_SESSION_TOKEN": "a token",
    "AWS_ENDPOINT_URL_SQS": "http://elsewhere.example",
    "AWS_REGION": "eu-central-1",
    "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/x",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere",
}


def without_proxies(**more: str) -> dict[str, str]:
    kept = clean_environment(**more)
    names = ("https_proxy", "http_proxy", "no_proxy", "aws_ca_bundle", "node_extra_ca_certs")
    return {name: value for name, value in kept.items() if name.lower() not in names or name in more}


def evaluate(shell: list[str], world: RunningWorld, script: str, **before: str) -> dict[str, str]:
    """Return the environment of a shell after a script; $ENV is the code of podrole env."""
    language = ["--shell", "fish"] if shell[0] == "fish" else []
    marked = "; ".join(f"{name}" for name in (script, "env -0"))
    words = {
        "ENV": f"{COMMAND} env {' '.join(language)}",
        "UNSET": f"{COMMAND} env --unset {' '.join(language)}",
    }
    for name, command in words.items():
        marked = marked.replace(name, f"{command} | source" if language else f'eval "$({command})"')
    done = run(*shell, "-c", marked, cwd=world.directory, env=without_proxies(**before))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return dict(entry.split("=", 1) for entry in done.stdout.split("\0") if "=" in entry)


@pytest.mark.parametrize("shell", SHELLS)
def test_shell_gets_all_that_leads_to_the_world_and_nothing_that_interferes(
    shell: list[str], world: RunningWorld
) -> None:
    seen = evaluate(shell, world, "ENV", **BEFORE)
    url = str(world.description["aws_url"])
    directory = world.directory / ".podrole"
    expected = {
        "PODROLE_DIR": str(directory),
        "KUBECONFIG": str(directory / "kubeconfig"),
        "AWS_ENDPOINT_URL": url.replace("http:", "https:"),
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_ENDPOINT_URL_S3_CONTROL": "https://s3-control.podrole.invalid",
        "AWS_CA_BUNDLE": str(directory / "ca-bundle.crt"),
        "NODE_EXTRA_CA_CERTS": str(directory / "ca-bundle.crt"),
        **dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), url),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost,::1,intranet.example,10.0.0.0/8"),
    }
    assert {name: seen.get(name) for name in expected} == expected
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_SQS", "AWS_ROLE_ARN"} & seen.keys()
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" not in seen
    assert "a token" not in seen[EARLIER]


@pytest.mark.parametrize(
    ("shell", "before", "script"),
    [
        (["sh"], {}, "ENV; UNSET"),
        (["sh"], BEFORE, "ENV; ENV; UNSET"),
        (["sh"], BEFORE, "UNSET"),
        pytest.param(["zsh", "-f"], BEFORE, "ENV; UNSET", marks=SHELLS[2].marks),
        pytest.param(["fish", "--no-config"], BEFORE, "ENV; ENV; UNSET", marks=SHELLS[3].marks),
    ],
)
def test_shell_gets_back_what_it_had_except_credentials(
    shell: list[str], world: RunningWorld, before: dict[str, str], script: str
) -> None:
    unlike = {"PATH", "_", "PWD", "SHLVL", "OLDPWD"}
    after = evaluate(shell, world, script, **before)
    untouched = evaluate(shell, world, "true", **before)
    lost = {"AWS_SESSION_TOKEN"} if "ENV;" in script else set()
    assert {name: value for name, value in after.items() if name not in unlike} == {
        name: value for name, value in untouched.items() if name not in unlike | lost
    }


@pytest.mark.parametrize("shell", SHELLS[1:])
def test_interactive_shell_uses_the_proxy_only_while_the_world_runs(shell: list[str], tmp_path: Path) -> None:
    before = "" if shell[0] == "zsh" else "http://proxy.example:3128"
    language = " --shell fish" if shell[0] == "fish" else ""
    evaluated = f"{COMMAND} env{language} | source" if language else f'eval "$({COMMAND} env)"'
    given = without_proxies(**({"HTTPS_PROXY": before} if before else {}), TERM="dumb", HOME=str(tmp_path))
    with running_world(tmp_path) as world:
        url = str(world.description["aws_url"])
        say = 'echo "proxy=$HTTPS_PROXY code=$?"' if not language else 'echo "proxy=$HTTPS_PROXY code=$status"'
        prompt = ["emit fish_prompt"] if language else []  # fish shows no prompt where there is no terminal
        lines = [evaluated, "false", say, f"kill -9 {world.pid}", "sleep 0.5", *prompt, "true", say, "false", say]
        script = "\n".join([*lines, "exit 0", ""])
        done = subprocess.run(
            [*shell, "-i"],
            cwd=tmp_path,
            env=given,
            input=script,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    said = [line[line.index("proxy=") :] for line in done.stdout.splitlines() if "proxy=" in line and "$" not in line]
    assert said == [f"proxy={url} code=1", f"proxy={before} code=0", f"proxy={before} code=1"], done.stderr


def test_pod_gets_what_leads_to_the_local_aws(world: RunningWorld) -> None:
    words = ["kubectl", "run", "shower", "--image=busybox", "--restart=Never", "--quiet", "--attach", "--", "env"]
    seen = dict(line.split("=", 1) for line in world.ok(*words).splitlines() if "=" in line)
    url = str(world.description["aws_url"])
    bundle = str(world.directory / ".podrole" / "ca-bundle.crt")
    expected = {
        "AWS_ENDPOINT_URL": url.replace("http:", "https:"),
        "HTTPS_PROXY": url,
        "https_proxy": url,
        "HTTP_PROXY": url,
        "NO_PROXY": "127.0.0.1,localhost,::1",
        "AWS_CA_BUNDLE": bundle,
        "NODE_EXTRA_CA_CERTS": bundle,
    }
    assert {name: seen.get(name) for name in expected} == expected


def test_issuers_name_leads_to_the_cluster(world: RunningWorld) -> None:
    issuer = str(world.description["issuer"])
    script = f"""
import json, os, ssl
from urllib.request import urlopen
trust = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
print(json.load(urlopen("{issuer}/.well-known/openid-configuration", context=trust))["issuer"])
"""
    assert world.ok(sys.executable, "-c", script).strip() == issuer


def test_run_becomes_the_command_in_the_worlds_environment(world: RunningWorld) -> None:
    environment = without_proxies(**BEFORE)
    done = podrole("run", "--", "sh", "-c", "env; exit 7", cwd=world.directory, env=environment)
    assert done.returncode == 7
    assert f"AWS_ENDPOINT_URL=https{str(world.description['aws_url']).removeprefix('http')}" in done.stdout.splitlines()
    assert "AWS_PROFILE=" not in done.stdout.replace(done.stdout.partition(f"{EARLIER}=")[2].partition("\n")[0], "")
    identity = podrole("run", "aws", "sts", "get-caller-identity", cwd=world.directory, env=environment)
    assert json.loads(identity.stdout)["Arn"].endswith(":user/admin")


@pytest.mark.parametrize(("command", "code"), [("no-such-program", 127), ("/etc/passwd", 127)])
def test_run_of_what_is_not_a_program_says_so(world: RunningWorld, command: str, code: int) -> None:
    done = podrole("run", "--", command, cwd=world.directory)
    assert (done.returncode, done.stdout) == (code, "")
    assert command in done.stderr


def test_unset_needs_no_world(tmp_path: Path) -> None:
    assert podrole_here("env", "--unset", cwd=tmp_path).stdout == ""
    given = {
        **without_proxies(),
        EARLIER: json.dumps({"HTTPS_PROXY": "http://x:1"}),
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    assert "export HTTPS_PROXY=http://x:1\n" in podrole_here("env", "--unset", cwd=tmp_path, env=given).stdout


def test_bundle_has_the_authorities_of_the_system_and_of_the_environment(tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text("-----BEGIN CERTIFICATE-----\nb3RoZXI=\n-----END CERTIFICATE-----\n")
    os.environ["NODE_EXTRA_CA_CERTS"], before = str(other), os.environ.get("NODE_EXTRA_CA_CERTS")
    try:
        with running_world(tmp_path):
            bundle = (tmp_path / ".podrole" / "ca-bundle.crt").read_text()
    finally:
        if before is None:
            del os.environ["NODE_EXTRA_CA_CERTS"]
        else:
            os.environ["NODE_EXTRA_CA_CERTS"] = before
    assert bundle.startswith((tmp_path / ".podrole" / "ca.crt").read_text())
    assert "b3RoZXI=" in bundle
    assert bundle.count("BEGIN CERTIFICATE") > 50


@pytest.mark.parametrize("value", ["socks5://x:1", "http://user:secret-word@:x", "http://u:secret-word@h:port"])
def test_proxy_that_cannot_be_used_stops_the_start_without_showing_its_password(tmp_path: Path, value: str) -> None:
    done = podrole("up", "--aws-port", "0", cwd=tmp_path, env=without_proxies(HTTPS_PROXY=value))
    assert done.returncode == 1
    assert "HTTPS_PROXY is not the URL of an HTTP proxy" in done.stderr
    assert "secret-word" not in done.stderr + done.stdout
