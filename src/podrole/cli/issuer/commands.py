"""``podrole issuer``: the issuer of a self-managed cluster."""

from __future__ import annotations

import typer

from podrole.cli.issuer.publish_commands import add_publish_commands
from podrole.cli.issuer.reading_commands import add_reading_commands
from podrole.cli.plain_help import CommandGroup
from podrole.cli.setup.options import SetupOptions, changes_a_set_up

issuer_app = typer.Typer(
    cls=CommandGroup,
    name="issuer",
    help="Publish the issuer of a self-managed cluster, and rotate its keys without losing a token.",
    no_args_is_help=True,
)
add_publish_commands(issuer_app)
add_reading_commands(issuer_app)


@issuer_app.command("provider")
@changes_a_set_up
def provider(*, options: SetupOptions) -> None:
    """Make the cluster's issuer an OpenID Connect provider of the account (utils associate-iam-oidc-provider)."""
    from podrole.cli.setup.requests import associate_provider

    code = associate_provider(options)
    if code == 0 and not options.as_json:
        typer.echo("\nNext: podrole create iamserviceaccount gives a service account a role (see its --help).")
    raise typer.Exit(code)
