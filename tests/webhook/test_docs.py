"""docs/webhook.md is complete: what can be set, seen or met stands in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from podrole.webhook import scan
from podrole.webhook.flags.table import FLAGS
from podrole.webhook.metrics import DESCRIBED
from podrole.webhook.patch import mutation
from podrole.webhook.serving import app
from podrole.webhook.settings import REQUIRE_LABEL, SKIP_LABEL

DOCS = (Path(__file__).parents[2] / "docs" / "webhook.md").read_text()


def test_every_flag_is_in_the_tables_with_its_default() -> None:
    for flag in FLAGS:
        name = f"-{flag.name}" if len(flag.name) == 1 else f"--{flag.name}"
        if flag.origin == "no effect":
            assert f"`{name}" in DOCS, name
        else:
            default = f"`{flag.default}`" if flag.default else ""
            assert re.search(rf"^\| `{re.escape(name)}` \| {re.escape(default)} ?\|", DOCS, re.M), name


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
