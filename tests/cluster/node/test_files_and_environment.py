"""What a process of a pod gets to see: its variables, its files, and nothing of the person who started podrole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.core.errors import StatusError
from support.engine import both_runtimes, both_runtimes_in_soak
from support.isolation import both_ways, isolated_only, not_isolated

CONTAINER_HOME = "/root"
"""The home directory of most images."""

TOKEN = {"serviceAccountToken": {"path": "token", "audience": "sts.amazonaws.com", "expirationSeconds": 3600}}
TOKENS = {"name": "t", "projected": {"sources": [TOKEN]}}
ONLY_THOSE = {"automountServiceAccountToken": False}
MOUNTED = {"volumeMounts": [{"name": "t", "mountPath": "/var/run/secrets/aws"}]}
SHOW = "import os, json; print(json.dumps(dict(os.environ)))"


def on_this_machine(path: str) -> bool:
    return Path(path).exists()


async def environment(run_pod: Any, finished: Any, log_of: Any, **container: Any) -> dict[str, str]:
    command = {"image": "python:3", "command": ["python", "-c", SHOW]}
    await run_pod(container=command | container)
    await finished()
    made: dict[str, str] = json.loads(await log_of())
    return made


@both_ways
async def test_process_gets_no_variable_of_the_users_shell(
    run_pod: Any, finished: Any, log_of: Any, monkeypatch: pytest.MonkeyPatch, directory: Path, isolated: bool
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "KUBECONFIG", "HTTPS_PROXY", "PYTHONPATH", "SSH_AUTH_SOCK"):
        monkeypatch.setenv(name, "the person's")
    seen = await environment(run_pod, finished, log_of)
    # LC_CTYPE is Python's own doing, PEP 538.
    own = {"HOME", "HOSTNAME", "LANG", "PATH", "PODROLE_CONTAINER_ID"}
    assert seen["HOSTNAME"] == "p"
    if isolated:
        assert set(seen) - {"LC_CTYPE"} == own
        assert seen["HOME"] == CONTAINER_HOME
        return
    assert set(seen) - {"LC_CTYPE"} == own | {"TMPDIR"}
    assert Path(seen["HOME"]).is_relative_to(directory)
    assert Path(seen["TMPDIR"]).is_relative_to(directory)


@not_isolated
async def test_a_home_outside_the_pod_is_replaced_by_the_pods_own(
    run_pod: Any, finished: Any, log_of: Any, directory: Path
) -> None:
    env = [
        {"name": "HOME", "value": "/home/person"},
        {"name": "CREDENTIALS", "value": f"{CONTAINER_HOME}/.aws/credentials"},
    ]
    seen = await environment(run_pod, finished, log_of, env=env)
    assert Path(seen["HOME"]).is_relative_to(directory)
    assert Path(seen["CREDENTIALS"]).is_relative_to(directory)


async def test_pod_ip_is_set_at_the_start(run_pod: Any, finished: Any, log_of: Any) -> None:
    env = [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    assert (await environment(run_pod, finished, log_of, env=env))["IP"] == "127.0.0.1"


@both_runtimes_in_soak
async def test_variable_of_the_container_overrides_that_of_the_node(
    make_node: Any, run_pod: Any, finished: Any, cluster: Any
) -> None:
    from podrole.cluster.core.node_api import LogOptions

    given = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_REGION": "eu-west-1", "CA": "/tmp/ca.pem"}
    async with make_node(environment=given) as node:
        await run_pod(
            'echo "$AWS_ENDPOINT_URL $AWS_REGION $CA"', container={"env": [{"name": "AWS_REGION", "value": "x"}]}
        )
        pod = await finished()
        text = b"".join([part async for part in await node.logs(pod, "c", LogOptions())])
    assert text == b"http://127.0.0.1:4566 x /tmp/ca.pem\n"


@isolated_only
async def test_a_home_that_is_set_is_the_pods_own(run_pod: Any, finished: Any, log_of: Any, directory: Path) -> None:
    await run_pod('touch "$HOME/here" ~/there', container={"env": [{"name": "HOME", "value": "/home/person"}]})
    pod = await finished()
    assert await log_of() == ""
    home = directory / "pods" / pod["metadata"]["uid"] / "containers" / "c" / "home"
    assert {path.name for path in home.iterdir()} == {"here", "there"}
    assert not on_this_machine("/home/person")


@not_isolated
async def test_a_path_under_a_mount_leads_to_the_pods_own_file(
    run_pod: Any, finished: Any, log_of: Any, directory: Path, cluster: Any
) -> None:
    env = [{"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/var/run/secrets/aws/token"}]
    script = "cat $AWS_WEB_IDENTITY_TOKEN_FILE /var/run/secrets/aws/token; echo; echo $AWS_WEB_IDENTITY_TOKEN_FILE"
    await run_pod(script, container=MOUNTED | {"env": env}, volumes=[TOKENS], **ONLY_THOSE)
    pod = await finished()
    tokens, path = (await log_of()).splitlines()
    assert tokens == cluster.tokens[0] * 2
    assert path == str(directory / "pods" / pod["metadata"]["uid"] / "volumes" / "t" / "token")


@both_runtimes
async def test_token_is_bound_to_the_pod(run_pod: Any, finished: Any, cluster: Any, log_of: Any) -> None:
    await cluster.create("serviceaccounts", "default", {"metadata": {"name": "sa"}})
    more = {"volumes": [TOKENS], "serviceAccountName": "sa", **ONLY_THOSE}
    made = await run_pod("ls -lL /var/run/secrets/aws/token", container=MOUNTED, **more)
    await finished()
    uid = made["metadata"]["uid"]
    assert cluster.token_requests == [
        {
            "namespace": "default",
            "account": "sa",
            "audiences": ["sts.amazonaws.com"],
            "expirationSeconds": 3600,
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": uid},
        }
    ]
    assert (await log_of()).startswith("-rw-------")


@both_runtimes
async def test_a_token_is_renewed_at_four_fifths_of_its_life(
    run_pod: Any, running: Any, time: Any, directory: Path, eventually: Any, cluster: Any, node: Any
) -> None:
    made = await run_pod("exec sleep 1000", container=MOUNTED, volumes=[TOKENS], **ONLY_THOSE)
    await running()
    file = directory / "pods" / made["metadata"]["uid"] / "volumes" / "t" / "token"
    first = file.read_text()
    for _ in range(47):  # minute by minute, as the volumes are looked at
        time.turn(60)
        await eventually(lambda: time.waiting())
    assert file.read_text() == cluster.tokens[0]
    time.turn(60)
    await eventually(lambda: file.read_text() == cluster.tokens[-1] != first)
    assert len(cluster.token_requests) == 2


@both_runtimes_in_soak
async def test_token_that_cannot_be_renewed_stays_and_is_requested_again(
    run_pod: Any, running: Any, time: Any, directory: Path, eventually: Any, cluster: Any, node: Any
) -> None:
    from podrole.cluster.core.errors import unavailable

    made = await run_pod("exec sleep 1000", container=MOUNTED, volumes=[TOKENS], **ONLY_THOSE)
    await running()
    file = directory / "pods" / made["metadata"]["uid"] / "volumes" / "t" / "token"
    first = file.read_text()
    cluster.refuse_tokens = unavailable("no keys today")
    time.turn(3000)

    message = 'MountVolume.SetUp failed for volume "t" : failed to fetch token: no keys today'
    await cluster.until_event("p", "FailedMount", message)
    assert file.read_text() == cluster.tokens[0]
    cluster.refuse_tokens = None
    time.turn(10)
    await eventually(lambda: file.read_text() == cluster.tokens[-1] != first)


@both_runtimes_in_soak
async def test_a_changed_config_map_reaches_the_running_pod(
    run_pod: Any, running: Any, time: Any, directory: Path, eventually: Any, cluster: Any, node: Any
) -> None:
    await cluster.create("configmaps", "default", {"metadata": {"name": "cm"}, "data": {"a": "1"}})
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v"}, {"name": "v", "mountPath": "/once", "subPath": "a"}]}
    made = await run_pod("exec sleep 1000", container=mount, volumes=[{"name": "v", "configMap": {"name": "cm"}}])
    await running()
    pod = directory / "pods" / made["metadata"]["uid"]
    await cluster.merge_patch("configmaps", "default", "cm", {"data": {"a": "2"}})
    time.turn(60)
    await eventually(lambda: (pod / "volumes/v/a").read_text() == "2")
    assert (pod / "containers/c/subpaths/1").read_text() == "1"


@not_isolated
async def test_the_working_directory_is_inside_the_pod(
    run_pod: Any, finished: Any, log_of: Any, directory: Path
) -> None:
    await run_pod("pwd; touch here", container={"workingDir": "/app/src"})
    pod = await finished()
    where = (await log_of()).strip()
    assert Path(where).parts[-3:] == ("work", "app", "src")
    assert Path(where).is_relative_to(directory / "pods" / pod["metadata"]["uid"])


@isolated_only
@pytest.mark.parametrize("path", ["/app/src", "/srv", "/var/lib/podrole-test/app"])
async def test_a_working_directory_is_at_its_path_and_made_if_it_is_missing(
    run_pod: Any, finished: Any, log_of: Any, path: str
) -> None:
    was_there = on_this_machine(path)
    await run_pod("pwd; touch here; ls", container={"workingDir": path})
    await finished()
    assert await log_of() == f"{path}\nhere\n"
    assert on_this_machine(path) == was_there
    assert not on_this_machine(f"{path}/here")


@both_ways
async def test_a_working_directory_under_a_mount_is_that_volume(
    run_pod: Any, finished: Any, log_of: Any, directory: Path
) -> None:
    mount = {"workingDir": "/v/sub", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    await run_pod("touch here; ls -d $PWD", container=mount, volumes=[{"name": "v", "emptyDir": {}}])
    pod = await finished()
    assert (await log_of()).strip().endswith("/v/sub")
    assert (directory / "pods" / pod["metadata"]["uid"] / "volumes/v/sub/here").exists()


async def test_directory_of_a_pod_is_private(run_pod: Any, running: Any, directory: Path, node: Any) -> None:
    made = await run_pod("exec sleep 1000")
    await running()
    for path in (directory, directory / "pods" / made["metadata"]["uid"]):
        assert path.stat().st_mode & 0o777 == 0o700


async def waiting(cluster: Any, state_of: Any) -> Any:
    def stuck(pod: Any) -> bool:
        return bool(pod["status"].get("containerStatuses")) and "message" in state_of(pod)[1]

    return state_of(await cluster.until("pods", "default", "p", stuck))[1]


@not_isolated
async def test_path_of_another_pods_directory_is_refused(
    node: Any, run_pod: Any, running: Any, cluster: Any, state_of: Any, directory: Path
) -> None:
    victim = await run_pod("exec sleep 1000", name="victim", container=MOUNTED, volumes=[TOKENS])
    await running("victim")
    token = directory / "pods" / victim["metadata"]["uid"] / "volumes" / "t" / "token"
    assert token.exists()
    await run_pod("cat $FILE", container={"env": [{"name": "FILE", "value": str(token)}]})
    fields = await waiting(cluster, state_of)
    assert fields == {"reason": "CreateContainerConfigError", "message": "FILE leads to the directory of another pod"}
    assert token.read_text() not in json.dumps(await cluster.list("events"))


@both_ways
async def test_dots_in_a_path_do_not_reach_another_pod(
    node: Any, run_pod: Any, running: Any, finished: Any, log_of: Any
) -> None:
    victim = await run_pod("exec sleep 1000", name="victim", container=MOUNTED, volumes=[TOKENS])
    await running("victim")
    path = f"/v/../../../{victim['metadata']['uid']}/volumes/t/token"
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v"}], "command": ["cat", path]}
    await run_pod(container=mount, volumes=[{"name": "v"}])
    assert (await finished())["status"]["phase"] == "Failed"
    assert "No such file" in await log_of()


@both_ways
@pytest.mark.parametrize("path", ["/", "/a/..", "//"])
async def test_a_mount_at_the_root_is_refused(node: Any, run_pod: Any, cluster: Any, state_of: Any, path: str) -> None:
    await run_pod("true", container={"volumeMounts": [{"name": "v", "mountPath": path}]}, volumes=[{"name": "v"}])
    assert "would stand for every file of this machine" in (await waiting(cluster, state_of))["message"]


@both_runtimes_in_soak
@pytest.mark.parametrize("sub_path", ["/etc", "../../other", "a/../../b"])
async def test_a_sub_path_may_not_leave_its_volume(
    node: Any, run_pod: Any, cluster: Any, state_of: Any, sub_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": sub_path}]}
    with pytest.raises(StatusError, match="subPath: Invalid value"):
        await run_pod("true", container=mount, volumes=[{"name": "v"}])
    # Nor does the node rely on what the API has checked.
    monkeypatch.setattr("podrole.cluster.validation.pods._mounts", lambda *_: [])
    await run_pod("true", container=mount, volumes=[{"name": "v"}])
    assert "must be relative and without '..'" in (await waiting(cluster, state_of))["message"]


@both_runtimes_in_soak
async def test_sub_path_through_a_planted_symlink_is_refused(
    node: Any, run_pod: Any, cluster: Any, state_of: Any
) -> None:
    plant = {
        "name": "i",
        "image": "busybox",
        "command": ["ln", "-s", "/etc", "/v/out"],
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    }
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "out"}]}
    await run_pod("ls /v", container=mount, initContainers=[plant], volumes=[{"name": "v"}])
    assert "leads out of the volume" in (await waiting(cluster, state_of))["message"]


async def test_removal_of_a_pod_does_not_follow_planted_symlinks(
    node: Any, run_pod: Any, running: Any, cluster: Any, tmp_path: Path, eventually: Any, directory: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").write_text("mine")
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    script = "mkdir /v/locked; touch /v/locked/x; chmod 0 /v/locked; exec sleep 1000"
    made = await run_pod(script, container=mount, volumes=[{"name": "v"}])
    await running()
    volume = directory / "pods" / made["metadata"]["uid"] / "volumes" / "v"
    await eventually((volume / "locked").exists)
    (volume / "out").symlink_to(outside)
    await cluster.delete("pods", "default", "p")
    await eventually(lambda: not list((directory / "pods").iterdir()))
    assert (outside / "keep").read_text() == "mine"
