"""docs/eksctl.md says of each member what podrole does with it, and of each well-known policy what it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from podrole.cli.app import app
from podrole.setup.eksctl_file import read_cluster_config
from podrole.setup.errors import InvalidSetup
from podrole.setup.well_known_policies import WELL_KNOWN_NAMES, well_known_policy

PAGE = (Path(__file__).parents[2] / "docs" / "eksctl.md").read_text()
ROWS = {name for row in re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)}
FILE = """\
apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata: {zz: 1, name: shop}
iam:
  zz: 1
  serviceAccounts: [{zz: 1, metadata: {name: a, zz: 1}, attachPolicyARNs: []}]
  podIdentityAssociations: [{zz: 1, namespace: a, serviceAccountName: a, permissionPolicyARNs: []}]
"""


def known_members() -> list[str]:
    """Return every member that the reader knows, as it lists them for an unknown one."""
    with pytest.raises(InvalidSetup) as refused:
        read_cluster_config(FILE, "file")
    found = re.findall(r"is not a member of (\S+): expected one of (.*)", refused.value.what)
    assert len(found) == 5
    paths = [f"{path}.{name}" for path, names in found for name in names.split(", ")]
    return [re.sub(r"iam\.\w+\[0\]\.", "", path) for path in paths]


def options_of_the_set_up() -> set[str]:
    """Return every option of the commands that eksctl has too, and of ``apply``."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group
    groups = [commands[name].commands for name in ("create", "get", "update", "delete", "utils")]
    used = [commands["apply"], *(command for group in groups for command in group.values())]
    return {name for command in used for parameter in command.params for name in parameter.opts}


def test_every_flag_that_is_the_same_exists() -> None:
    rows = re.findall(r"^\| (`-.*?) \| same", PAGE, re.MULTILINE)
    flags = {flag for row in rows for flag in re.findall(r"`(-[a-z-]+)`", row)}
    assert len(flags) > 20
    assert flags - options_of_the_set_up() == set()


def test_no_flag_is_called_not_taken_over_that_exists() -> None:
    rows = re.findall(r"^\| (`-.*?) \| not taken over", PAGE, re.MULTILINE)
    flags = {flag for row in rows for flag in re.findall(r"`(-[a-z-]+)`", row)}
    assert flags & options_of_the_set_up() == set()


@pytest.mark.parametrize("member", known_members())
def test_every_member_has_a_row(member: str) -> None:
    lists = ("iam.serviceAccounts", "iam.podIdentityAssociations", "metadata")
    assert member in ROWS or (member in lists and f"`{member}" in PAGE)


@pytest.mark.parametrize("name", WELL_KNOWN_NAMES)
def test_every_well_known_policy_has_a_row(name: str) -> None:
    (row,) = re.findall(rf"^\| `{name}` \|.*$", PAGE, re.MULTILINE)
    assert all(managed.rpartition("/")[2] in row for managed in well_known_policy(name).managed_names)


def test_the_example_of_errors_is_true() -> None:
    text = """\
apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata: {name: shop}
iam:
  serviceAccounts:
  - metadata:
      name: inventory
    attachPolicyARNs: []
    rolename: x
    tags: {cost: 1}
  - metadata: {name: b}
    attachPolicy:
      Version: 2012-10-17
      Statement:
      - Effect: Alow
        Action: s3:*
        Resource: "*"
"""
    with pytest.raises(InvalidSetup) as refused:
        read_cluster_config(text, "cluster.yaml")
    assert refused.value.what in PAGE
