"""The commands on a world and their options. What each does is in the module that it imports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from podrole.cli.common_options import DEFAULT_DIRECTORY, JSON, Directory
from podrole.cli.plain_help import CommandGroup, StackedCommand
from podrole.cli.shells import ShellLanguage
from podrole.cli.world_options import with_world_settings
from podrole.world.settings import WorldSettings

cluster_app = typer.Typer(
    cls=CommandGroup, name="cluster", help="Operate the cluster of the running world.", no_args_is_help=True
)


@with_world_settings
def up(
    directory: Directory = DEFAULT_DIRECTORY,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Run in the background; podrole down stops it.")
    ] = False,
    init: Annotated[
        Path | None,
        typer.Option(
            "--init",
            metavar="FOLDER",
            help="A folder whose *.sh are run and whose *.yaml are applied once, in the order of their names.",
            exists=True,
            file_okay=False,
            readable=True,
            resolve_path=True,
        ),
    ] = None,
    console: Annotated[
        bool, typer.Option("--console", help="Also serve the page of podrole console, until the world stops.")
    ] = False,
    *,
    settings: WorldSettings,
) -> None:
    """Start a world: the local AWS, the cluster and the webhook, all on loopback. Ctrl-C stops it. The next start goes
    on where it was."""
    from podrole.cli.up import run

    if console and detach:
        raise typer.BadParameter(
            "It needs the foreground; podrole console shows a world that runs in the background.",
            param_hint="--console",
        )
    raise typer.Exit(run(directory, settings, detach=detach, init=init, with_console=console))


def down(directory: Directory = DEFAULT_DIRECTORY) -> None:
    """Stop the running world and its pods."""
    from podrole.cli.down import run

    raise typer.Exit(run(directory))


def reset(directory: Directory = DEFAULT_DIRECTORY) -> None:
    """Empty a stopped world. Its keys and its administrator's credentials stay."""
    from podrole.cli.state import reset as run

    raise typer.Exit(run(directory))


state_app = typer.Typer(
    cls=CommandGroup, name="state", help="Carry a world's state to another directory.", no_args_is_help=True
)


@state_app.command()
def save(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write. It will hold credentials.")],
    directory: Directory = DEFAULT_DIRECTORY,
) -> None:
    """Save the state of a stopped world in one file, with its keys and credentials."""
    from podrole.cli.state import save as run

    raise typer.Exit(run(directory, file))


@state_app.command()
def load(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of podrole state save.")],
    directory: Directory = DEFAULT_DIRECTORY,
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete the state of the world that is there already.")
    ] = False,
) -> None:
    """Give a stopped world the state of a file. Nothing in the file is executed."""
    from podrole.cli.state import load as run

    raise typer.Exit(run(directory, file, replace=replace))


def status(directory: Directory = DEFAULT_DIRECTORY, as_json: JSON = False) -> None:
    """Show the addresses of the running world."""
    from podrole.cli.status import run

    raise typer.Exit(run(directory, as_json=as_json))


def env(
    directory: Directory = DEFAULT_DIRECTORY,
    shell: Annotated[
        ShellLanguage, typer.Option("--shell", help="The shell: sh (also bash and zsh), fish or powershell.")
    ] = ShellLanguage.SH,
    unset: Annotated[bool, typer.Option("--unset", help="Give the shell back what it had before.")] = False,
) -> None:
    """Print the variables with which a shell uses the world: eval "$(podrole env)"."""
    from podrole.cli.env import run

    raise typer.Exit(run(directory, shell, unset=unset))


def run_command(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="The command and its arguments, after --.")],
    directory: Directory = DEFAULT_DIRECTORY,
) -> None:
    """Run one command with the variables of podrole env: podrole run -- aws sts get-caller-identity."""
    from podrole.cli.run import run

    raise typer.Exit(run(directory, command))


def events(
    directory: Directory = DEFAULT_DIRECTORY,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new events.")] = False,
    refused: Annotated[bool, typer.Option("--refused", help="Only what was refused or failed.")] = False,
    last: Annotated[int | None, typer.Option("--last", "-n", help="Only the last N events.", min=1)] = None,
    why: Annotated[bool, typer.Option("--why", help="Print the evidence below each event.")] = False,
    as_json: JSON = False,
) -> None:
    """Show one line for each AWS call and each admission: who, what, allowed or refused, and why not."""
    from podrole.cli.events import Selection, run

    raise typer.Exit(run(directory, Selection(refused, last), follow=follow, why=why, as_json=as_json))


@cluster_app.command("rotate-keys")
def rotate_keys(
    directory: Directory = DEFAULT_DIRECTORY,
    publish_for: Annotated[
        float, typer.Option(help="How many seconds the new key is published before it signs.", min=0, max=600)
    ] = 5.0,
    as_json: JSON = False,
) -> None:
    """Sign service-account tokens with a new key. Tokens that were signed before stay valid."""
    from podrole.cli.rotate_keys import run

    raise typer.Exit(run(directory, published_seconds=publish_for, as_json=as_json))


def add_world_commands(app: typer.Typer) -> None:
    """Add the commands on a world to podrole's."""
    app.command(cls=StackedCommand)(up)
    app.command()(down)
    app.command()(reset)
    app.add_typer(state_app)
    app.command()(status)
    app.command()(env)
    unparsed = {"ignore_unknown_options": True, "allow_interspersed_args": False}
    app.command("run", context_settings=unparsed)(run_command)
    app.command()(events)
