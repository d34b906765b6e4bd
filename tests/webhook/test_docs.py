"""docs/webhook.md is complete: what can be set, seen or met stands in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from podrole.webhook import scan
from podrole.webhook.flags.table import FLAGS, Flag
from podrole.webhook.metrics import DESCRIBED
from podrole.webhook.patch import mutation
from podrole.webhook.serving import app
from podrole.webhook.settings import REQUIRE_LABEL, SKIP_LABEL

DOCS = (Path(__file__).parents[2] / "docs" / "webhook.md").read_text()


def test_every_flag_has_its_row() -> None:
    for flag in FLAGS:
        name = f"-{flag.name}" if len(flag.name) == 1 else f"--{flag.name}"
        if flag.origin == "no effect":
            assert f"`{name}" in DOCS, name
        else:
            assert documented(flag) in DOCS, f"docs/webhook.md lacks this row:\n{documented(flag)}"


def documented(flag: Flag) -> str:
    """The flag's row of the table, with flags, variables and values in code style."""
    name = f"-{flag.name}" if len(flag.name) == 1 else f"--{flag.name}"
    default = f"`{flag.default}` " if flag.default else ""
    code = r"--[a-z-]*[a-z](?:=\S+)?|[A-Z]+_[A-Z_]+(?:=\w+)?|/debug/\S+|<name>[^\s:,]*|pod-identity-webhook"
    effect = re.sub(code, lambda found: f"`{found[0]}`", flag.effect).replace("`,", ",")
    return f"| `{name}` | {default}| {effect} |"


def test_every_metric_is_named() -> None:
    for name, described in DESCRIBED.items():
        labels = f"{{{','.join(described.labels)}}}"
        assert f"`{name}`" in DOCS or f"`{name}{labels}`" in DOCS, name


def test_every_outcome_is_explained() -> None:
    for reason in get_args(mutation.Reason):
        assert reason == "not-a-container" or f"| `{reason}` |" in DOCS, reason
    for finding in get_args(scan.Reason):
        assert f"`{finding}`" in DOCS, finding


def test_labels_and_paths_are_named() -> None:
    for name in (SKIP_LABEL, REQUIRE_LABEL, *app_paths()):
        assert name in DOCS, name


def app_paths() -> tuple[str, ...]:
    source = Path(app.__file__).read_text()
    return tuple(re.findall(r'path == "(/[a-z]+)"', source))


def test_links_within_the_page_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", DOCS, re.M)
    }
    for target in re.findall(r"\]\(#([^)]+)\)", DOCS):
        assert target in headings, target
