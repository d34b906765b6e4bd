"""Which files of a folder an engine gets to build an image from."""

from __future__ import annotations

import io
import os
import socket
import tarfile
from pathlib import Path

import pytest

from podrole.cluster.node.runtimes.container.build_context import (
    IgnoreRules,
    context_files,
    read_rules,
    write_context,
)


@pytest.mark.parametrize(
    ("pattern", "path", "ignored"),
    [
        ("node_modules", "node_modules", True),
        ("node_modules", "node_modules/x/y.js", True),
        ("node_modules", "sub/node_modules", False),
        ("/node_modules/", "node_modules", True),
        ("**/node_modules", "sub/node_modules/x", True),
        ("**/node_modules", "node_modules", True),
        ("*.log", "a.log", True),
        ("*.log", "sub/a.log", False),
        ("**/*.log", "sub/deep/a.log", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**", "a/x/y", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("[^a-c]x", "dx", True),
        (r"a\*", "a*", True),
        (r"a\*", "ab", False),
        ("a.b", "axb", False),
        ("[open", "[open", True),
        ("./x/../y", "y", True),
        ("# note", "# note", False),
        ("   ", "x", False),
    ],
)
def test_pattern_leaves_out_what_docker_leaves_out(pattern: str, path: str, ignored: bool) -> None:
    assert IgnoreRules([pattern]).ignores(path) is ignored


def test_last_matching_pattern_decides() -> None:
    rules = IgnoreRules(["docs", "!docs/keep.md", "docs/keep.md/never"])
    assert [rules.ignores(path) for path in ("docs", "docs/a", "docs/keep.md")] == [True, True, False]
    assert rules.has_exceptions
    assert not IgnoreRules(["docs"]).has_exceptions


def test_range_that_cannot_be_one_is_named() -> None:
    with pytest.raises(ValueError, match=r"'\[z-a\]'"):
        IgnoreRules(["[z-a]"])


def names(folder: Path) -> list[str]:
    return sorted(context_files(folder, read_rules(folder)))


def test_folder_is_sent_without_what_is_ignored_but_with_its_dockerfile(tmp_path: Path) -> None:
    for path in ("a.py", "venv/lib/x", "docs/no", "docs/keep.md", "Dockerfile"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    assert "venv/lib/x" in names(tmp_path)
    (tmp_path / ".dockerignore").write_text("venv\ndocs\n!docs/keep.md\nDockerfile\n.dockerignore\n")
    assert names(tmp_path) == [".dockerignore", "Dockerfile", "a.py", "docs/keep.md"]
    (tmp_path / ".containerignore").write_text("*\n")
    assert names(tmp_path) == [".containerignore", ".dockerignore", "Dockerfile"]


def test_archive_has_files_of_root_links_as_links_and_no_sockets(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/run.sh").write_text("echo")
    (folder / "sub/run.sh").chmod(0o750)
    os.link(folder / "sub/run.sh", folder / "again.sh")
    (folder / "out").symlink_to("/etc/passwd")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "s"))
    written = io.BytesIO()
    write_context(folder, names(folder), written)
    listener.close()
    written.seek(0)
    with tarfile.open(fileobj=written) as tar:
        members = {member.name: member for member in tar}
        assert set(members) == {"sub", "sub/run.sh", "again.sh", "out"}
        assert {(member.uid, member.gid, member.uname) for member in members.values()} == {(0, 0, "")}
        assert members["sub/run.sh"].mode == 0o750
        assert (members["out"].issym(), members["out"].linkname) == (True, "/etc/passwd")
        content = tar.extractfile("again.sh")
        assert content is not None
        assert content.read() == b"echo"


@pytest.mark.parametrize(
    ("pattern", "path", "ignored"),
    [
        ("*a*a*a*b", "xaxaxab", True),
        ("*a*a*a*b", "xaxaxab/below", True),
        ("*a*a*a*b", "xaxa/xab", False),
        ("**/x/**/y/**/*.t*", "x/y/z.txt", True),
        ("**/x/**/y/**/*.t*", "1/x/2/3/y/z.txt", True),
        ("**/x/**/y/**/*.t*", "1/xx/2/3/y/z.txt", False),
        ("**a**b**c**[de]", "1a/2b/3c/4e", True),
        ("**a**b**c**[de]", "1a/2b/3c/4f", False),
        ("*a" * 30 + "b", "a" * 150, False),
        ("**a" * 30 + "b", "a/" * 150, False),
        ("**/*" * 30 + "b", "a/" * 150, False),
    ],
)
def test_many_wildcards_take_little_time(pattern: str, path: str, ignored: bool) -> None:
    assert IgnoreRules([pattern]).ignores(path) is ignored
