"""The options that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_DIRECTORY = Path(".podrole")


def _directory(text: str | Path) -> Path:
    if not str(text).strip():
        raise typer.BadParameter("It is empty: expected a directory.")
    return Path(text)


Directory = Annotated[
    Path,
    typer.Option(
        "--dir", envvar="PODROLE_DIR", parser=_directory, metavar="DIRECTORY", help="The directory of the world."
    ),
]
JSON = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Kubeconfig = Annotated[Path | None, typer.Option("--kubeconfig", metavar="FILE", help="A real cluster's kubeconfig.")]
Context = Annotated[str | None, typer.Option("--context", metavar="NAME", help="A context of the kubeconfig.")]
Profile = Annotated[
    str | None, typer.Option("--profile", "-p", metavar="NAME", help="The AWS profile of a real account.")
]
Region = Annotated[str | None, typer.Option("--region", "-r", metavar="NAME", help="The AWS region of a real account.")]
