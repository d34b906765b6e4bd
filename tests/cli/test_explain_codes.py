"""``podrole explain CODE``, and how reports lead to it: what a code means, without a world, a cluster or an account."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from podrole.doctor.report.codes import CODES
from support.world import PODROLE, clean_environment, podrole_here

SITE = "https://docs.example.com/podrole"
PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"
TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/prod"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringLike": {"oidc.example.com/prod:sub": "system:serviceaccount:*:web"}},
    },
}


def in_a_terminal(directory: Path, *words: str, **more: str) -> str:
    """Return what a command prints on a terminal."""
    ours, theirs = pty.openpty()
    environment = {"COLUMNS": "60", **clean_environment(TERM="xterm-256color"), **more}
    process = subprocess.Popen([PODROLE, *words], stdout=theirs, cwd=directory, env=environment)
    os.close(theirs)
    parts = []
    while True:
        try:
            parts.append(os.read(ours, 10_000))
        except OSError:  # the other end was closed
            break
    os.close(ours)
    process.wait(30)
    return b"".join(parts).decode().replace("\r\n", "\n")


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """A folder with a trust policy that lets pods of every namespace in (PR652)."""
    (tmp_path / "open-trust.json").write_text(json.dumps(TRUST))
    return tmp_path


@pytest.mark.parametrize("code", ["PR204", "pr204"])
def test_a_code_is_explained_with_the_text_of_the_page(tmp_path: Path, code: str) -> None:
    done = podrole_here("explain", code, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    section = PAGE.read_text().partition("\n#### PR204\n")[2].partition("\n#### ")[0]
    shown = re.search(r"\*\*(.+?)\.\*\* (.+)\n\nFound by: (.+)\n\nRepair: (.+)\n", section)
    assert shown is not None
    title, meaning, found, repair = shown.groups()
    assert done.stdout.splitlines() == [
        f"PR204 {title}",
        "  link      2 injection",
        f"  meaning   {meaning}",
        f"  found by  {found}",
        f"  repair    {repair}",
    ]


def test_every_code_is_explained_at_once(tmp_path: Path) -> None:
    done = podrole_here("explain", "--json", *CODES, cwd=tmp_path)
    assert [(one["code"], one["documentation"]) for one in json.loads(done.stdout)] == [
        (code, f"doctor.html#{code.lower()}") for code in CODES
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["PR805"], "PR805 is not a code of podrole doctor.\n  expected: one of PR801, PR802, PR803\n"),
        (["PR204", "pr1"], "PR1 is not a code of podrole doctor.\n  expected: one of PR101, PR102, "),
        (["PR999"], "PR999 is not a code of podrole doctor.\n  expected: a code from PR101 to PR803\n"),
        (["PR204", "last"], "Give one request id, or codes of podrole doctor"),
    ],
    ids=" ".join,
)
def test_what_is_not_a_code_is_refused(tmp_path: Path, words: list[str], expected: str) -> None:
    done = podrole_here("explain", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr


def test_a_report_ends_with_the_command_that_explains_its_codes(faulty: Path) -> None:
    done = podrole_here("check", ".", cwd=faulty)
    assert done.returncode == 0, "a risk is not a fault"
    *_, last = done.stdout.splitlines()
    assert re.fullmatch(r"read more: (\S*podrole) explain PR652", last)
    explained = podrole_here(*last.split()[3:], cwd=faulty)
    assert explained.stdout.startswith("PR652 Pods of other namespaces can take the role\n")


def test_a_report_without_codes_does_not_name_the_command(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text("{apiVersion: v1, kind: ServiceAccount, metadata: {name: web, namespace: shop}}")
    assert "read more" not in podrole_here("check", ".", cwd=tmp_path).stdout


def test_the_named_site_is_shown_as_addresses_where_another_program_reads(faulty: Path) -> None:
    environment = clean_environment(PODROLE_DOCS=f"{SITE}/")
    done = podrole_here("check", ".", cwd=faulty, env=environment)
    assert done.stdout.endswith(f" explain PR652\n  {SITE}/doctor.html#pr652\n")
    assert "\033" not in done.stdout
    explained = podrole_here("explain", "PR652", cwd=faulty, env=environment)
    assert explained.stdout.endswith(f"\n  page      {SITE}/doctor.html#pr652\n")


def test_codes_are_hyperlinks_on_a_terminal(faulty: Path) -> None:
    link = rf"\033\]8;;{re.escape(SITE)}/doctor\.html#pr652\033\\(?:\033\[\d+m)?PR652(?:\033\[0m)?\033\]8;;\033\\"
    told = in_a_terminal(faulty, "check", ".", PODROLE_DOCS=SITE)
    assert len(re.findall(link, told)) == 1
    assert re.search(r"^read more: \S*podrole explain PR652$", told, re.MULTILINE)
    assert re.match(link, in_a_terminal(faulty, "explain", "PR652", PODROLE_DOCS=SITE))
    assert "\033]8" not in in_a_terminal(faulty, "check", ".")


@pytest.mark.parametrize(
    ("words", "address"),
    [
        (["check", "."], "docs"),
        (["explain", "PR652"], "ftp://example.com"),
        (["explain", "PR652"], "https://"),
        (["explain", "PR652"], "https://[::1"),
        (["explain", "PR652"], "https://a b"),
        (["explain", "PR652"], "https://a/?x"),
        (["explain", "PR652"], "file:///a#b"),
        (["explain", "PR652"], "https://a\033"),
        (["doctor", "shop/web"], "docs"),
        (["doctor", "--all"], "docs"),
        (["issuer", "verify"], "docs"),
        (["console"], "docs"),
    ],
)
def test_an_address_that_is_not_a_site_is_refused(faulty: Path, words: list[str], address: str) -> None:
    done = podrole_here(*words, cwd=faulty, env=clean_environment(PODROLE_DOCS=address))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("PODROLE_DOCS is not the address of a documentation site.\n")
    assert f"got:      {address!r}" in done.stderr


def test_the_page_shows_the_real_output(tmp_path: Path) -> None:
    [words, shown] = re.findall(r"```console\n\$ podrole (explain PR\d+)\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
    assert podrole_here(*words.split(), cwd=tmp_path).stdout == shown
