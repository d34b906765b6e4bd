"""The commands about an issuer that change nothing: what AWS reads, and what its API server must be told."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from podrole.cli.issuer.options import thumbprint_of

DEFAULT_DIRECTORY = Path(".podrole")


class Distribution(StrEnum):
    """How the cluster was installed."""

    KUBEADM = "kubeadm"
    K3S = "k3s"
    RKE2 = "rke2"
    TALOS = "talos"
    KOPS = "kops"
    KIND = "kind"


def verify(
    url: Annotated[
        str | None, typer.Argument(metavar="[URL]", help="The issuer; without it the cluster's.", show_default=False)
    ] = None,
    token: Annotated[
        str | None,
        typer.Option("--token", metavar="FILE", help="Also verify a token as STS does (- for stdin)."),
    ] = None,
    thumbprint: Annotated[
        list[str] | None,
        typer.Option(
            "--thumbprint", metavar="HEX", help="A thumbprint of the provider. Repeatable.", parser=thumbprint_of
        ),
    ] = None,
    directory: Annotated[
        Path, typer.Option("--dir", envvar="PODROLE_DIR", help="The directory of the world.")
    ] = DEFAULT_DIRECTORY,
    kubeconfig: Annotated[Path | None, typer.Option("--kubeconfig", help="A real cluster's kubeconfig.")] = None,
    context: Annotated[str | None, typer.Option("--context", help="A context of the kubeconfig.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Fetch an issuer's documents as STS does, and say what STS would say. Exit code 0: sound, 1: broken, 2: could not
    be checked."""
    from podrole.cli.issuer.verifying import IssuerQuery, run
    from podrole.cli.sources import SourceOptions

    options = SourceOptions(directory, kubeconfig, context)
    raise typer.Exit(run(IssuerQuery(url, token, tuple(thumbprint or ())), options, as_json=as_json))


def flags(
    distribution: Annotated[Distribution, typer.Option("--distro", help="How the cluster was installed.")],
    url: Annotated[str, typer.Option("--issuer", metavar="URL", help="The issuer that AWS will read.")],
    old_issuer: Annotated[
        str | None,
        typer.Option(
            "--old-issuer", metavar="URL", help="The issuer of today, which stays accepted; else the distribution's."
        ),
    ] = None,
    prepare: Annotated[
        bool,
        typer.Option(
            "--prepare",
            help="The first of two rounds on several API servers: each accepts the new issuer, the old one signs.",
        ),
    ] = False,
    api_audience: Annotated[
        list[str] | None,
        typer.Option(
            "--api-audience", help="An audience that the API server accepts today; else the distribution's. Repeatable."
        ),
    ] = None,
    key_file: Annotated[
        list[str] | None,
        typer.Option(
            "--key-file",
            metavar="PATH",
            help="A further public key that the API server accepts: a path on its machine. Repeatable.",
        ),
    ] = None,
    signing_key_file: Annotated[
        str | None,
        typer.Option("--signing-key-file", metavar="PATH", help="The private key that signs: a path on its machine."),
    ] = None,
    jwks_uri: Annotated[
        str | None,
        typer.Option(
            "--jwks-uri", metavar="URL", help="The keys' address, if the API server's own document is published."
        ),
    ] = None,
) -> None:
    """Print the API server's flags as the distribution's configuration, ready to paste. Changes nothing."""
    from podrole.issuer.distributions import IssuerFlags, render

    asked = IssuerFlags(
        url, old_issuer, prepare, tuple(api_audience or ()), tuple(key_file or ()), signing_key_file, jwks_uri
    )
    typer.echo(render(distribution.value, asked), nl=False)


def add_reading_commands(app: typer.Typer) -> None:
    """Add the commands to an app."""
    app.command()(verify)
    app.command()(flags)
