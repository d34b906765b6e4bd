"""The options that the commands of the issuer share, each declared once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from podrole.cli.option_groups import SharedOption, with_options

if TYPE_CHECKING:
    from podrole.cli.issuer.places import IssuerOptions

_PLACE: Mapping[str, SharedOption] = {
    "to": SharedOption(
        Annotated[
            str,
            typer.Option(
                "--to",
                envvar="PODROLE_ISSUER",
                help="Where the documents are: dir:FOLDER, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX.",
            ),
        ]
    ),
    "directory": SharedOption(
        Annotated[Path, typer.Option("--dir", envvar="PODROLE_DIR", help="The directory of the world.")],
        Path(".podrole"),
    ),
    "profile": SharedOption(
        Annotated[str | None, typer.Option("--profile", "-p", help="The AWS profile of a real account.")], None
    ),
    "region": SharedOption(
        Annotated[str | None, typer.Option("--region", "-r", help="The AWS region of a real account.")], None
    ),
    "as_json": SharedOption(Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")], default=False),
}
_CLUSTER: Mapping[str, SharedOption] = {
    "servers": SharedOption(
        Annotated[
            list[str] | None,
            typer.Option(
                "--server", help="The address of an API server; repeat it for each. Without it: the kubeconfig's."
            ),
        ],
        None,
    ),
    "kubeconfig": SharedOption(
        Annotated[Path | None, typer.Option("--kubeconfig", help="A real cluster's kubeconfig.")], None
    ),
    "context": SharedOption(
        Annotated[str | None, typer.Option("--context", help="A context of the kubeconfig.")], None
    ),
}


def uses_documents(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that choose the place of the documents; its parameter ``options`` gets them."""
    return with_options(command, _PLACE, _options)


def asks_the_cluster(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that choose the place of the documents and the API servers."""
    return with_options(command, {**_CLUSTER, **_PLACE}, _options)


def _options(
    *,
    to: str,
    directory: Path,
    as_json: bool,
    profile: str | None,
    region: str | None,
    kubeconfig: Path | None = None,
    context: str | None = None,
    servers: list[str] | None = None,
) -> IssuerOptions:
    from podrole.cli.issuer.places import IssuerOptions  # only where a command runs: it takes long to import
    from podrole.cli.sources import SourceOptions

    sources = SourceOptions(directory, kubeconfig, context, profile, region)
    return IssuerOptions(to, sources, tuple(servers or ()), as_json)


def thumbprint_of(text: str) -> str:
    """Read the value of ``--thumbprint``."""
    if not re.fullmatch(r"[0-9A-Fa-f]{40}", text):
        raise typer.BadParameter(f"{text!r} is not a thumbprint: expected 40 hexadecimal digits.")
    return text.lower()
