"""The subcommands of ``podrole webhook``. Their flags are the webhook's, in the form of Go programs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from podrole.cli.plain_help import CommandGroup


class _Group(CommandGroup):
    """A command line that begins with a flag is the webhook's own, ``--help`` included."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        is_word = bool(args) and not args[0].startswith("-")  # a command, or a misspelt one
        return super().parse_args(ctx, args if is_word else ["run", *args])


webhook_app = typer.Typer(
    name="webhook",
    cls=_Group,
    help="Run the webhook for a cluster of your own, in place of the EKS pod identity webhook; "
    "scan pods; print manifests.",
)

_AS_THEY_ARE: dict[str, Any] = {
    "ignore_unknown_options": True,
    "allow_interspersed_args": False,
    "help_option_names": [],
}
Flags = Annotated[list[str] | None, typer.Argument(metavar="[FLAGS]")]


@webhook_app.command(hidden=True, context_settings=_AS_THEY_ARE)
def run(flags: Flags = None) -> None:
    """Run the webhook."""
    from podrole.cli.webhook.run import run

    raise typer.Exit(run(flags or []))


@webhook_app.command(context_settings=_AS_THEY_ARE)
def scan(flags: Flags = None) -> None:
    """List running pods that lack the identity their service account is bound to."""
    from podrole.cli.webhook.scan import run

    raise typer.Exit(run(flags or []))


@webhook_app.command(context_settings=_AS_THEY_ARE)
def manifests(flags: Flags = None) -> None:
    """Print the manifests that install the webhook, for kubectl apply -f -."""
    from podrole.cli.webhook.manifests import run

    raise typer.Exit(run(flags or []))
