"""``podrole doctor --all``, and the command's exit codes, JSON and invalid targets."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support.broken_world import NAMESPACE, BrokenWorld
from support.faults import a_profile, healthy, no_condition_on_the_subject
from support.world import running_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokenWorld]:
    """A world with a sound pod, a broken one, a trust policy that allows too much, and an unused service account."""
    with running_world(tmp_path_factory.mktemp("survey")) as running:
        found = BrokenWorld(running)
        found.provider()
        found.create_namespace(NAMESPACE)
        healthy(found, "sound")
        found.pod("sound", "sound", command=["sleep", "600"])
        a_profile(found, "broken")
        no_condition_on_the_subject(found, "open")
        healthy(found, "unused")
        yield found
        found.close()


def doctor(world: BrokenWorld, *words: str) -> tuple[int, str, str]:
    done = world.running.run("podrole", "doctor", *words)
    return done.returncode, done.stdout, done.stderr


def test_table_has_a_line_for_every_service_account(world: BrokenWorld) -> None:
    code, told, _ = doctor(world, "--all")
    assert code == 1
    lines = {tuple(line.split()[:2]): line for line in told.splitlines() if line.startswith(NAMESPACE)}
    assert "sound" in lines[NAMESPACE, "sound"].split()[3]
    assert "PR302" in lines[NAMESPACE, "broken"]
    assert "PR651" in lines[NAMESPACE, "open"]
    assert "PR654" in lines[NAMESPACE, "unused"]
    assert "no role" in lines[NAMESPACE, "default"]
    assert "Trust policies that allow too much:" in told
    assert told.rstrip().endswith(f"podrole doctor {NAMESPACE}/serviceaccount/broken")
    assert "\033" not in told


def test_json_has_every_service_account(world: BrokenWorld) -> None:
    code, told, _ = doctor(world, "--all", "--json")
    assert code == 1
    found = {one["name"]: one for one in json.loads(told)["serviceAccounts"] if one["namespace"] == NAMESPACE}
    assert found["broken"]["state"] == "broken"
    assert [one["code"] for one in found["unused"]["findings"]] == ["PR654"]
    assert found["sound"]["findings"] == []


def test_remedy_of_an_unused_service_account_removes_its_role(world: BrokenWorld) -> None:
    _, told, _ = doctor(world, "--all", "--json")
    found = {one["name"]: one for one in json.loads(told)["serviceAccounts"] if one["namespace"] == NAMESPACE}
    command = found["unused"]["findings"][0]["remedy"]["byHand"][0]
    world.running.ok(*command.split())
    _, after, _ = doctor(world, "--all", "--json")
    found = {one["name"]: one for one in json.loads(after)["serviceAccounts"] if one["namespace"] == NAMESPACE}
    assert (found["unused"]["state"], found["unused"]["findings"]) == ("no role", [])


def test_exit_code_is_zero_for_a_sound_pod_and_one_for_a_broken_one(world: BrokenWorld) -> None:
    code, told, _ = doctor(world, f"{NAMESPACE}/sound")
    assert code == 0
    assert "do this next: nothing; every link holds" in told
    assert f"in the cluster of the world in {world.directory} and AWS account {world.account}" in told
    code, told, _ = doctor(world, f"{NAMESPACE}/broken")
    assert code == 1
    assert "PR302" in told
    assert f"then check:   podrole doctor {NAMESPACE}/broken" in told
    code, told, _ = doctor(world, f"{NAMESPACE}/broken", "--json")
    found = json.loads(told)
    assert (code, found["next"], found["exitCode"]) == (1, "PR302", 1)
    shell = found["links"][2]["findings"][0]["remedy"]["commands"][0]["shell"]
    assert shell.startswith("kubectl get pod broken")


def test_exit_code_is_two_if_a_link_could_not_be_checked(world: BrokenWorld) -> None:
    held = doctor(world, f"{NAMESPACE}/sound", "--can", "no action")
    assert held[0] == 2
    assert "could not be checked" in held[1] or "cannot be evaluated" in held[1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([f"{NAMESPACE}/soumd"], f"did you mean {NAMESPACE}/sound?"),
        (["nowhere/sound"], "There is no namespace nowhere."),
        ([f"{NAMESPACE}/unused"], f"{NAMESPACE}/serviceaccount/unused"),
        (["sound"], "NAMESPACE/POD"),
        ([], "podrole doctor --all"),
        ([f"{NAMESPACE}/sound", "--all"], "podrole doctor --all"),
        ([f"{NAMESPACE}/sound", "--resource", "*"], "--can"),
    ],
)
def test_invalid_target_is_explained(world: BrokenWorld, words: list[str], expected: str) -> None:
    code, _, told = doctor(world, *words)
    assert code == 2
    assert expected in told
    assert "Traceback" not in told
