"""The ``podrole`` command: its groups of commands, and the walkthrough."""

from __future__ import annotations

import functools
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer
import typer.main

from podrole.cli.common_options import JSON
from podrole.cli.diagnosis_commands import add_diagnosis_commands
from podrole.cli.images.commands import images_app
from podrole.cli.issuer.commands import issuer_app
from podrole.cli.plain_help import CommandGroup
from podrole.cli.policy.commands import policy_app
from podrole.cli.setup.commands import add_setup_commands
from podrole.cli.webhook.commands import webhook_app
from podrole.cli.world_commands import add_world_commands, cluster_app

app = typer.Typer(
    cls=CommandGroup,
    rich_markup_mode=None,  # its table cuts the names of options that a narrow terminal has no room for
    name="podrole",
    help="How a Kubernetes pod gets an AWS identity: the whole path real, checkable and explained on one machine. "
    "A world, in these commands, is the local AWS, cluster and webhook that podrole up starts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(policy_app)
app.add_typer(webhook_app)
app.add_typer(cluster_app)
app.add_typer(images_app)
add_setup_commands(app)
app.add_typer(issuer_app)


class DemoSetup(StrEnum):
    """Whose commands set the walkthrough's identity up."""

    TOOLS = "tools"
    PODROLE = "podrole"


def _version(wanted: bool) -> None:
    if wanted:
        from podrole import __version__

        typer.echo(f"podrole {__version__}")
        raise typer.Exit


@app.callback()
def podrole(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """How a Kubernetes pod gets an AWS identity: the whole path real, checkable and explained on one machine.

    A world, in these commands, is the local AWS, cluster and webhook that podrole up starts.
    """


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the world running at the end.")] = False,
    pod_identity: Annotated[
        bool, typer.Option("--pod-identity", help="Use an EKS Pod Identity association instead of an annotation.")
    ] = False,
    region: Annotated[str, typer.Option("--region", help="The AWS region, which may be of another partition.")] = (
        "us-east-1"
    ),
    setup: Annotated[
        DemoSetup, typer.Option("--setup", help="Set up with aws and kubectl (tools), or with podrole's commands.")
    ] = DemoSetup.TOOLS,
    runtime: Annotated[
        str, typer.Option("--runtime", metavar="NAME", help="How pods run: process, container or auto.")
    ] = "process",
    as_json: JSON = False,
) -> None:
    """Run the walkthrough: a pod without an identity, the set-up, the pod with one, and the refusals."""
    from podrole.cli.demo.command import run

    by_podrole = setup is DemoSetup.PODROLE
    done = run(
        region=region, keep=keep, pod_identity=pod_identity, by_podrole=by_podrole, runtime=runtime, as_json=as_json
    )
    raise typer.Exit(done)


add_world_commands(app)
add_diagnosis_commands(app)


@functools.cache
def command_line() -> Callable[..., Any]:
    """Return ``app`` with all its commands, built once: a process may run several."""
    return typer.main.get_command(app)
