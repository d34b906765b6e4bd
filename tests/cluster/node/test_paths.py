"""The path rule: what is rewritten, what is not, and that nothing leads out of a mount."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.cluster.node.runtime import Mount, normalise
from podrole.cluster.node.runtimes.process.paths import PathRule

RULE = PathRule(
    [
        Mount("/data", "/node/pods/1/volumes/data"),
        Mount("/data/deep", "/node/pods/1/volumes/deep"),
        Mount("/var/run/secrets/tokens", "/node/pods/1/volumes/tokens"),
        Mount("/my files", "/node/pods/1/volumes/spaced"),
        Mount("/tmp", "/node/pods/1/tmp"),
    ]
)
DATA = "/node/pods/1/volumes/data"


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("/data", DATA),
        ("/data/", f"{DATA}/"),
        ("/data/x.txt", f"{DATA}/x.txt"),
        ("/data/deep/x", "/node/pods/1/volumes/deep/x"),
        ("/data/deeper", f"{DATA}/deeper"),
        ("file:///data/x", f"file://{DATA}/x"),
        ("--in=/data/a,/data/b", f"--in={DATA}/a,{DATA}/b"),
        ("/data:/bin", f"{DATA}:/bin"),
        ("@/data/x", f"@{DATA}/x"),
        ("cat '/data/x' > /data/y; ls /data", f"cat '{DATA}/x' > {DATA}/y; ls {DATA}"),
        ('{"path":"/data/x"}', f'{{"path":"{DATA}/x"}}'),
        ("/data/*.txt", f"{DATA}/*.txt"),
        ("/my files/a", "/node/pods/1/volumes/spaced/a"),
        ("/data/./a//b", f"{DATA}/a/b"),
        ("/data/a/../b", f"{DATA}/b"),
        ("/data/deep/../x", f"{DATA}/x"),
    ],
)
def test_a_path_under_a_mount_leads_to_the_pods_own_file(text: str, rewritten: str) -> None:
    assert RULE.rewrite(text) == rewritten


@pytest.mark.parametrize(
    "text",
    [
        "/database",
        "/data2/x",
        "/data-x",
        "/data.txt",
        "/data_1",
        "/data$SUFFIX",
        "/data*",
        "data/x",
        "./data",
        "../data",
        "/x/data",
        "~/data",
        "$HOME/data",
        "${HOME}/data",
        "$(pwd)/data",
        "s3://bucket/data/x",
        "https://example.com/data",
        "http://localhost:8080/data",
        "//data",
        "no path at all",
        "",
    ],
)
def test_text_that_is_not_a_path_under_a_mount_stays(text: str) -> None:
    assert RULE.rewrite(text) == text


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [("/data/../etc/passwd", "/etc/passwd"), ("/data/../../node/pods/2/x", "/node/pods/2/x"), ("/tmp/..", "/")],
)
def test_dots_that_lead_out_of_the_mount_are_resolved_as_in_a_container(text: str, rewritten: str) -> None:
    assert RULE.rewrite(text) == rewritten


def test_a_value_that_was_rewritten_is_not_rewritten_again() -> None:
    rule = PathRule([Mount("/a", "/tmp/a"), Mount("/tmp", "/a/tmp")])
    assert rule.rewrite("/a/x /tmp/x") == "/tmp/a/x /a/tmp/x"


@pytest.mark.parametrize(("path", "normal"), [("data", "/data"), ("/data/", "/data"), ("/a/../b", "/b"), ("/..", "/")])
def test_mount_path_is_normalised_like_in_the_kubelet(path: str, normal: str) -> None:
    assert normalise(path) == normal


def test_a_located_path_can_be_restored() -> None:
    located = RULE.locate("/data/deep/x")
    assert located is not None
    assert RULE.restore(located) == "/data/deep/x"
    assert RULE.restore("/elsewhere") == "/elsewhere"


@given(st.text(alphabet="ab./ -_*$'\"=:,;", max_size=30))
def test_a_rewritten_path_never_leaves_its_volume(tail: str) -> None:
    whole = RULE.rewrite("/data/" + tail.split(maxsplit=1)[0] if tail.split() else "/data")
    if whole.startswith("/node/pods/1/volumes/"):
        path = whole.split("'")[0].split('"')[0]
        for stop in "=:,;$*":
            path = path.split(stop)[0]
        assert posixpath.normpath(path).startswith("/node/pods/1/volumes/")


@given(st.text(max_size=60))
def test_text_without_a_mount_path_is_never_touched(text: str) -> None:
    if not any(mount in text for mount in ("/data", "/var/run", "/my files", "/tmp")):
        assert RULE.rewrite(text) == text


@pytest.mark.parametrize("mounted", ["/run/secrets/x", "/var/run/secrets/x", "/run", "/var/run"])
def test_run_and_var_run_are_one_directory(mounted: str) -> None:
    rule = PathRule([Mount(mounted, "/node/x")])
    other = mounted.removeprefix("/var") if mounted.startswith("/var") else f"/var{mounted}"
    assert rule.rewrite(f"cat {mounted}/token {other}/token") == "cat /node/x/token /node/x/token"
    assert rule.restore("/node/x/token") == f"{mounted}/token"


def test_what_is_mounted_at_both_paths_keeps_them_apart() -> None:
    rule = PathRule([Mount("/run/x", "/node/a"), Mount("/var/run/x", "/node/b")])
    assert rule.rewrite("/run/x/t /var/run/x/t") == "/node/a/t /node/b/t"
