"""The commands on images and their options. What each does is in the module that it imports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from podrole.cli.common_options import DEFAULT_DIRECTORY, JSON, Directory
from podrole.cli.plain_help import CommandGroup

images_app = typer.Typer(
    cls=CommandGroup,
    name="images",
    help="Load images from this machine for the pods of a world that runs containers (--runtime container).",
    no_args_is_help=True,
)


@images_app.command()
def load(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="An archive of docker save or podman save, also compressed; a folder with an OCI image layout; "
            "or a folder with a Dockerfile or Containerfile, which is built.",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="NAME", help="The name by which pods use it. An archive may have names of its own."
        ),
    ] = None,
    directory: Directory = DEFAULT_DIRECTORY,
) -> None:
    """Load images into the container engine of the running world, or build one, and print the names for pods."""
    from podrole.cli.images.load import run

    raise typer.Exit(run(directory, source, name))


@images_app.command("list")
def list_(directory: Directory = DEFAULT_DIRECTORY, as_json: JSON = False) -> None:
    """Show the images that the container engine of the running world has: pods use them without a registry."""
    from podrole.cli.images.listing import run

    raise typer.Exit(run(directory, as_json=as_json))
