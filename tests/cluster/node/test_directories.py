"""The node's directory: the path that pods see has nothing that a shell reads in its own way."""

from __future__ import annotations

from pathlib import Path

import pytest

from podrole.cluster.node.directories import NodeDirectory

ODD = ["with space", "it's", 'a "quote"', "größe", "$HOME", "a;b", "new\nline"]


def test_a_plain_path_is_used_as_it_is(tmp_path: Path) -> None:
    directory = NodeDirectory(tmp_path / "node")
    directory.take()
    assert directory.pods == tmp_path / "node" / "pods"
    directory.release()


@pytest.mark.parametrize("name", ODD)
def test_another_path_has_a_plain_one_while_it_is_taken(tmp_path: Path, name: str) -> None:
    directory = NodeDirectory(tmp_path / name / "node")
    directory.take()
    pods = directory.pods
    assert all(character.isascii() and (character.isalnum() or character in "/._+-") for character in str(pods))
    pods.mkdir()
    assert (tmp_path / name / "node" / "pods").is_dir()
    assert pods.parent.parent.stat().st_mode & 0o777 == 0o700
    directory.release()
    assert not pods.parent.parent.exists()


def test_the_link_of_a_node_that_was_killed_is_removed_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "it's" / "node"
    killed = NodeDirectory(path)
    killed.take()
    left = killed.pods.parent.parent
    killed._lock = None  # as if the process had ended without releasing it
    directory = NodeDirectory(path)
    (path / "lock").unlink()
    directory.take()
    assert not left.exists()
    directory.release()


def test_a_recorded_link_that_leads_elsewhere_is_left_alone(tmp_path: Path) -> None:
    path, foreign = tmp_path / "it's" / "node", tmp_path / "foreign"
    path.mkdir(parents=True)
    foreign.symlink_to(tmp_path)
    (path / "link").write_text(str(foreign))
    directory = NodeDirectory(path)
    directory.take()
    assert foreign.is_symlink()
    directory.release()
