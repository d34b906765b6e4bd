"""The options of ``podrole policy``. Exit codes: 0 all allowed (or valid), 1 something denied (or invalid), 2 bad
input."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from podrole.cli.plain_help import CommandGroup

policy_app = typer.Typer(
    cls=CommandGroup,
    name="policy",
    help="Evaluate, simulate and validate IAM policies. Exit codes: 0 all allowed or valid, 1 something denied or "
    "invalid, 2 bad input.",
    no_args_is_help=True,
)

JSON = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


@policy_app.command()
def evaluate(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="JSON or JSON Lines; - is standard input.")],
    as_json: JSON = False,
) -> None:
    """Evaluate the cases in files, offline. A case is a request and every policy that applies to it.

    Condition keys that the request may have are listed in its member "unknown"; a decision that they can change is
    "Depends".
    """
    from podrole.cli.policy.evaluate import run

    raise typer.Exit(run(files, as_json=as_json))


@policy_app.command()
def validate(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Policy documents, JSON; - is standard input.")],
    stored_as: Annotated[
        str,
        typer.Option(
            "--as",
            help="What AWS is to store it as: managed, inline (of a role), trust, resource, session, scp, rcp, "
            "endpoint, or auto: trust or resource with a Principal, managed without.",
        ),
    ] = "auto",
    partition: Annotated[
        str, typer.Option(help="The account's partition: aws, aws-cn, aws-us-gov, …; any if it is not given.")
    ] = "",
    as_json: JSON = False,
) -> None:
    """Say whether AWS stores a policy document; if not, print each fault with its JSON path and line."""
    from podrole.cli.policy.validate import run

    raise typer.Exit(run(files, stored_as=stored_as, partition=partition, as_json=as_json))


@policy_app.command()
def simulate(
    action: Annotated[list[str], typer.Option("--action", help="An action, such as s3:GetObject; repeatable.")],
    role: Annotated[str, typer.Option("--role", help="The role's name or ARN.")] = "",
    user: Annotated[str, typer.Option("--user", help="The user's name or ARN.")] = "",
    resource: Annotated[list[str] | None, typer.Option("--resource", help="A resource's ARN; repeatable.")] = None,
    context: Annotated[
        list[str] | None, typer.Option("--context", help="A condition key as KEY=VALUE; repeatable.")
    ] = None,
    directory: Annotated[Path, typer.Option("--dir", envvar="PODROLE_DIR", help="The directory of the world.")] = Path(
        ".podrole"
    ),
    as_json: JSON = False,
) -> None:
    """Simulate in the running world what a role or user may do."""
    from podrole.cli.policy.simulate import SimulationQuery, run

    query = SimulationQuery(role, user, tuple(action), tuple(resource or ()), tuple(context or ()))
    raise typer.Exit(run(directory, query, as_json=as_json))
