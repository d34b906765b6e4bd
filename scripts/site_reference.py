"""Write the reference pages of the documentation site from the program: commands, annotations, events, Python API.

`docs/conf.py` calls it at every build; the pages are not committed. `python scripts/site_reference.py FOLDER` writes
them alone.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import typer.main

import podrole.testing
from podrole.base.events import Event
from podrole.cli.app import app
from podrole.doctor.facts.history import EXCHANGES
from podrole.webhook.identity.annotations import ANNOTATIONS, ROLE_ARN

_PREFIX = "eks.amazonaws.com"
_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([\w./-]+?)(?:/)?(?:#[\w-]+)?\)")


def write(folder: Path) -> None:
    """Write every page into a folder. Pages that are the same already are left alone, so that a build is quick."""
    folder.mkdir(exist_ok=True)
    pages = {"commands": commands(), "annotations": annotations(), "events": events(), "python": python()}
    for name, lines in pages.items():
        path, text = folder / f"{name}.md", "\n".join(lines) + "\n"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def without_outside_links(text: str) -> str:
    """Return a page whose links to files of the repository outside the site name the file instead."""

    def named(link: re.Match[str]) -> str:
        if link[2] == "README.md":
            return f"[{link[1]}](install.md)"
        return link[1] if link[1].strip("`") == link[2] else f"{link[1]} (`{link[2]}` in the repository)"

    return _OUTSIDE.sub(named, text)


def commands() -> Iterator[str]:
    """Yield the page of commands: each with its own help."""
    yield "# Commands"
    yield ""
    yield "What `podrole COMMAND --help` prints, for every command."
    for path, command in _commands(typer.main.get_command(app), ["podrole"]):
        if getattr(command, "commands", None):
            continue
        yield ""
        yield f"## {' '.join(path)}"
        yield ""
        yield "```text"
        context = command.make_context(" ".join(path), [], resilient_parsing=True, max_content_width=100)
        yield command.get_help(context).rstrip()
        yield "```"


def _commands(command: Any, path: list[str]) -> Iterator[tuple[list[str], Any]]:
    yield path, command
    for name, below in sorted(getattr(command, "commands", {}).items()):
        if not below.hidden:
            yield from _commands(below, [*path, name])


def annotations() -> Iterator[str]:
    """Yield the page of the webhook's annotations."""
    yield "# Annotations"
    yield ""
    yield (
        "The webhook reads these annotations of a service account, or of a pod where that is said. "
        f"`{_PREFIX}/` is the prefix unless `--annotation-prefix` says another. "
        "[Binding roles](../webhook.md#binding-roles) has the rules."
    )
    for one in ANNOTATIONS:
        yield ""
        yield f"## {_PREFIX}/{one.name}"
        yield ""
        yield f"Value\n: {one.value}"
        yield ""
        yield f"Effect\n: {one.effect}"
        yield ""
        yield f"Without it\n: {one.default}"
        yield ""
        on = [
            name for name, is_there in (("service account", bool(one.binding_field)), ("pod", one.on_pod)) if is_there
        ]
        yield f"On\n: {' and '.join(on)}" + (", where the pod's wins" if len(on) > 1 else "")
        if one.config_map_field:
            yield ""
            yield f"In the ConfigMap\n: `{one.config_map_field}`"
        yield ""
        since = f"since {one.upstream}" if one.upstream else "does not read it"
        yield f"Amazon's webhook\n: {since}"
    yield ""
    yield f"A service account needs `{_PREFIX}/{ROLE_ARN.name}`; all others are optional."


def events() -> Iterator[str]:
    """Yield the page of the event log."""
    yield "# Events"
    yield ""
    yield (
        "`podrole events --json` prints one JSON object for each AWS call and each admission; the world's directory "
        "keeps them in `events.jsonl`. "
        "Members that have nothing to say are left out."
    )
    yield ""
    yield inspect.cleandoc(Event.__doc__ or "")
    yield ""
    yield "| member | type |"
    yield "|---|---|"
    for name, kind in get_type_hints(Event).items():
        if name in Event.__struct_fields__:
            shown = re.sub(r"typing\.|<class '(\w+)'>", r"\1", str(kind)).replace("|", "or")
            yield f"| `{name}` | {shown} |"
    yield ""
    yield "## Steps of an exchange"
    yield ""
    yield "The explanation of a refused exchange has the steps that `held` and the `step` that failed, in this order:"
    for operation, steps in EXCHANGES.items():
        yield ""
        yield f"`{operation}`\n: {', '.join(step.value for step in steps)}"


def python() -> Iterator[str]:
    """Yield the page of the Python API."""
    yield "# Python API"
    yield ""
    yield "Public is what stands here. [Tests with pytest](../pytest.md) explains the use, and documents the fixtures."
    yield ""
    yield "## podrole.testing"
    for name in podrole.testing.__all__:
        found = getattr(podrole.testing, name)
        kind = "autoexception" if issubclass(found, BaseException) else "autoclass"
        yield ""
        yield f"### {name}"
        yield ""
        yield "```{eval-rst}"
        yield f".. {kind}:: {found.__module__}.{name}"
        yield "   :members:"
        yield "```"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
