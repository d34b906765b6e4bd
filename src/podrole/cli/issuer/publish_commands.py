"""``podrole issuer init``, ``publish`` and ``rotate`` with their options."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from podrole.base.errors import PodroleError
from podrole.base.extras import ExtraMissing
from podrole.cli.durations import seconds_of
from podrole.cli.issuer.options import asks_the_cluster, thumbprint_of, uses_documents
from podrole.cli.plain_help import CommandGroup
from podrole.cli.terminal import complain, harmless
from podrole.issuer.errors import InvalidIssuer
from podrole.issuer.limits import MAX_SECONDS
from podrole.kube.names import is_label

if TYPE_CHECKING:
    from podrole.cli.issuer.places import IssuerOptions

NOT_DONE, BAD_INPUT = 1, 2

rotate_app = typer.Typer(
    cls=CommandGroup,
    name="rotate",
    help="Change the key that signs service-account tokens, step by step.",
    no_args_is_help=True,
)


def _duration(text: str) -> float:
    seconds = seconds_of(text)
    if seconds is None:
        raise typer.BadParameter(f"{text!r} is not a duration: expected 60s, 2m or 1h.")
    if seconds > MAX_SECONDS:
        raise typer.BadParameter(f"{text!r} is too long.")
    return seconds


def _cluster(text: str) -> str:
    if not is_label(text):
        raise typer.BadParameter(f"{text!r} is not a cluster's name: expected lower-case letters, digits and '-'.")
    return text


def _name(text: str | None) -> str | None:
    if text is not None and not is_label(text):
        raise typer.BadParameter(f"{text!r} is not an issuer's name: expected lower-case letters, digits and '-'.")
    return text


Cluster = Annotated[
    str, typer.Option("--cluster", "-c", help="The cluster's name in the issuer's record.", callback=_cluster)
]


def _ended(run: Callable[[], int], options: IssuerOptions) -> typer.Exit:
    """Return the end of a command: 0 done, 1 refused or not possible, 2 bad input."""
    try:
        return typer.Exit(run())
    except PodroleError as problem:
        from podrole.cli.issuer.next_steps import explained

        complain(harmless(explained(problem, options)))
        return typer.Exit(BAD_INPUT if isinstance(problem, InvalidIssuer | ExtraMissing) else NOT_DONE)


@uses_documents
def init(
    name: Annotated[
        str | None,
        typer.Option("--name", help="The issuer's name, in the tags of what is made.", callback=_name),
    ] = None,
    issuer: Annotated[
        str | None,
        typer.Option("--issuer", help="The issuer's URL, if you serve the documents yourself: nothing is made then."),
    ] = None,
    cloudfront: Annotated[
        bool | None,
        typer.Option(
            "--cloudfront/--public-bucket",
            help="What serves the bucket that is made: a CloudFront distribution, or S3 to everybody.",
            show_default="--cloudfront",
        ),
    ] = None,
    cache: Annotated[
        str | None,
        typer.Option(
            "--cache",
            help="How long a cache may serve an old document.",
            show_default="1h; 5m if podrole makes the bucket",
        ),
    ] = None,
    lifetime: Annotated[
        str | None, typer.Option("--longest-token", help="How long a token lives at most.", show_default="24h")
    ] = None,
    approve: Annotated[
        bool, typer.Option("--approve", help="Make the changes. Without it they are only shown.")
    ] = False,
    *,
    options: IssuerOptions,
) -> None:
    """Make an issuer: its documents in a folder or a bucket that you serve, or a bucket and what serves it.

    Exit code 0: done, or nothing to do; 1: refused; 2: bad input; 3: changes are pending, without --approve.
    """
    from podrole.cli.issuer.initializing import WantedIssuer
    from podrole.cli.issuer.initializing import init as run

    cached = None if cache is None else math.ceil(_duration(cache))
    longest = None if lifetime is None else math.ceil(_duration(lifetime))
    wanted = WantedIssuer(name, issuer, cloudfront, cached, longest, approve)
    raise _ended(lambda: run(wanted, options), options)


@asks_the_cluster
def publish(
    cluster: Cluster,
    from_cluster: Annotated[bool, typer.Option("--from-cluster", help="The keys that the API servers show.")] = False,
    key: Annotated[
        list[Path] | None, typer.Option("--key", help="A public key in PEM, such as sa.pub; repeatable.")
    ] = None,
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild",
            help="Rebuild a lost record. Published keys that the record lacks become this cluster's; those that sign "
            "nothing stay published for the lifetime of the longest token.",
        ),
    ] = False,
    *,
    options: IssuerOptions,
) -> None:
    """Publish the keys that a cluster signs with. Other keys that are published stay."""
    from podrole.cli.issuer.publishing import publish_keys, rebuild_record

    if rebuild and (key or not from_cluster):
        raise typer.BadParameter(
            "it asks the API servers: expected --from-cluster, without --key", param_hint="--rebuild"
        )
    if rebuild:
        raise _ended(lambda: rebuild_record(cluster, options), options)
    files = list(key or ())
    raise _ended(
        lambda: publish_keys(cluster, files, options, from_cluster=from_cluster, as_json=options.as_json), options
    )


@rotate_app.command("start")
@asks_the_cluster
def rotate_start(
    cluster: Cluster,
    key: Annotated[
        Path, typer.Option("--key", help="The file of the new private key; made if missing, with .pub beside it.")
    ],
    *,
    options: IssuerOptions,
) -> None:
    """Publish the next key. It signs nothing yet.

    Refused while this machine's clock differs by more than a minute from the API servers' clock, or, if no API server
    is asked, from S3's.
    """
    from podrole.cli.issuer.rotating import rotate_start as run

    raise _ended(lambda: run(cluster, key, options, as_json=options.as_json), options)


@rotate_app.command("status")
@uses_documents
def rotate_status(*, options: IssuerOptions) -> None:
    """Show every key with its state, and when the next step is possible."""
    from podrole.cli.issuer.rotating import rotate_status as run

    raise _ended(lambda: run(options, as_json=options.as_json), options)


@rotate_app.command("promote")
@asks_the_cluster
def rotate_promote(
    cluster: Cluster,
    wait: Annotated[str, typer.Option("--wait", help="How long to wait until the API servers have switched.")] = "0s",
    thumbprint: Annotated[
        list[str] | None,
        typer.Option(
            "--thumbprint", metavar="HEX", help="A thumbprint of the provider. Repeatable.", parser=thumbprint_of
        ),
    ] = None,
    *,
    options: IssuerOptions,
) -> None:
    """Say what to switch on which API server, and record that all sign with the next key. Refused while a cache may
    still serve the old keys, and while an API server does not accept the new key or signs with the old one."""
    from podrole.cli.issuer.places import aws_view
    from podrole.cli.issuer.rotating import rotate_promote as run

    seconds = _duration(wait)
    raise _ended(
        lambda: run(cluster, seconds, options, aws_view(options, thumbprint or ()), as_json=options.as_json), options
    )


@rotate_app.command("finish")
@asks_the_cluster
def rotate_finish(cluster: Cluster, *, options: IssuerOptions) -> None:
    """Take the old key out of the documents. Refused until the longest token that it signed has expired."""
    from podrole.cli.issuer.rotating import rotate_finish as run

    raise _ended(lambda: run(cluster, options, as_json=options.as_json), options)


@rotate_app.command("abort")
@asks_the_cluster
def rotate_abort(cluster: Cluster, *, options: IssuerOptions) -> None:
    """Return to the old key. Before the promotion, the new key is withdrawn. After it, run promote once more."""
    from podrole.cli.issuer.rotating import rotate_abort as run

    raise _ended(lambda: run(cluster, options, as_json=options.as_json), options)


def add_publish_commands(app: typer.Typer) -> None:
    """Add the commands to ``podrole issuer``."""
    app.command()(init)
    app.command()(publish)
    app.add_typer(rotate_app)
