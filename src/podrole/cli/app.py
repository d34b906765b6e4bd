"""The commands and their options. What each does is in the module that it imports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from podrole.cli.policy.commands import policy_app
from podrole.cli.webhook.commands import webhook_app
from podrole.cli.world_options import with_world_settings
from podrole.world.settings import WorldSettings

DEFAULT_DIRECTORY = Path(".podrole")

app = typer.Typer(
    name="podrole",
    help="How a Kubernetes pod gets an AWS identity: the whole path real, checkable and explained on one machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

cluster_app = typer.Typer(name="cluster", help="Operate the running world's cluster.", no_args_is_help=True)

app.add_typer(policy_app)
app.add_typer(webhook_app)
app.add_typer(cluster_app)

Directory = Annotated[Path, typer.Option("--dir", envvar="PODROLE_DIR", help="The world's directory.")]
JSON = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


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
    """How a Kubernetes pod gets an AWS identity: the whole path real, checkable and explained on one machine."""


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the world running at the end.")] = False,
    pod_identity: Annotated[
        bool, typer.Option("--pod-identity", help="With an EKS Pod Identity association instead of an annotation.")
    ] = False,
    as_json: JSON = False,
) -> None:
    """Run the walkthrough: a pod without an identity, the set-up, the pod with one, and the refusals."""
    from podrole.cli.demo.command import run

    raise typer.Exit(run(keep=keep, pod_identity=pod_identity, as_json=as_json))


@app.command()
@with_world_settings
def up(
    directory: Directory = DEFAULT_DIRECTORY,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Go on in the background.")] = False,
    *,
    settings: WorldSettings,
) -> None:
    """Start the local AWS, the cluster and the webhook, all on loopback."""
    from podrole.cli.up import run

    raise typer.Exit(run(directory, settings, detach=detach))


@app.command()
def down(directory: Directory = DEFAULT_DIRECTORY) -> None:
    """Stop the world of a directory, pods included."""
    from podrole.cli.down import run

    raise typer.Exit(run(directory))


@app.command()
def status(directory: Directory = DEFAULT_DIRECTORY, as_json: JSON = False) -> None:
    """Say where the running world is."""
    from podrole.cli.status import run

    raise typer.Exit(run(directory, as_json=as_json))


@app.command()
def env(directory: Directory = DEFAULT_DIRECTORY) -> None:
    """Print what a shell needs to use the world: eval "$(podrole env)"."""
    from podrole.cli.env import run

    raise typer.Exit(run(directory))


@app.command()
def events(
    directory: Directory = DEFAULT_DIRECTORY,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens.")] = False,
    refused: Annotated[bool, typer.Option("--refused", help="Only what was refused or failed.")] = False,
    last: Annotated[int | None, typer.Option("--last", "-n", help="Only the last N.", min=1)] = None,
    why: Annotated[bool, typer.Option("--why", help="Under each event the evidence.")] = False,
    as_json: JSON = False,
) -> None:
    """Show one line for each AWS call and each admission: who, what, allowed or refused, and why not."""
    from podrole.cli.events import Selection, run

    raise typer.Exit(run(directory, Selection(refused, last), follow=follow, why=why, as_json=as_json))


@cluster_app.command("rotate-keys")
def rotate_keys(
    directory: Directory = DEFAULT_DIRECTORY,
    publish_for: Annotated[
        float, typer.Option(help="Seconds for which the new key is published before it signs.", min=0, max=600)
    ] = 5.0,
    as_json: JSON = False,
) -> None:
    """Sign the tokens of service accounts with a new key; those signed before stay good."""
    from podrole.cli.rotate_keys import run

    raise typer.Exit(run(directory, published_seconds=publish_for, as_json=as_json))


Kubeconfig = Annotated[Path | None, typer.Option("--kubeconfig", help="A real cluster's kubeconfig.")]
Context = Annotated[str | None, typer.Option("--context", help="A context of it.")]
Profile = Annotated[str | None, typer.Option("--profile", help="A profile of a real AWS account.")]
Region = Annotated[str | None, typer.Option("--region", help="The AWS region of a real account.")]


@app.command()
def doctor(
    target: Annotated[
        str | None, typer.Argument(metavar="[NAMESPACE/POD | NAMESPACE/serviceaccount/NAME]", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every service account, in one table.")] = False,
    can: Annotated[str | None, typer.Option("--can", help="May it do this? Such as s3:GetObject.")] = None,
    resource: Annotated[str | None, typer.Option("--resource", help="… on this ARN.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Try it with a real token, thrown away at once.")] = False,
    directory: Directory = DEFAULT_DIRECTORY,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    profile: Profile = None,
    region: Region = None,
    role: Annotated[str | None, typer.Option("--role", help="The role's ARN, where no cluster can tell.")] = None,
    issuer: Annotated[str | None, typer.Option("--issuer", help="The issuer, where no cluster can tell.")] = None,
    as_json: JSON = False,
) -> None:
    """Say why a pod has no AWS identity, link by link, and what repairs it. Exit code 0: sound, 1: broken, 2: could
    not tell."""
    from podrole.cli.doctor import Asked, run
    from podrole.cli.sources import SourceOptions

    options = SourceOptions(directory, kubeconfig, context, profile, region, role, issuer)
    raise typer.Exit(run(Asked(target, everything, can, resource, live), options, as_json=as_json))


@app.command()
def explain(
    what: Annotated[str, typer.Argument(metavar="[REQUEST-ID|last|MESSAGE|-]")] = "last",
    directory: Directory = DEFAULT_DIRECTORY,
    as_json: JSON = False,
) -> None:
    """Tell the whole story of a call: pod, token, each step of the check, each policy. "last" is the last refusal; an
    encoded authorization failure message is opened."""
    from podrole.cli.explain import Asked, run

    raise typer.Exit(run(directory, Asked(what), as_json=as_json))


token_app = typer.Typer(name="token", help="Look at a service account's token.", no_args_is_help=True)
app.add_typer(token_app)


@token_app.callback()
def token() -> None:
    """Look at a service account's token."""


@token_app.command()
def decode(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A file with the token, or - for standard input.")],
    verify: Annotated[bool, typer.Option("--verify", help="Check it as STS would, step by step.")] = False,
    audience: Annotated[
        str, typer.Option("--audience", help="The audience that is expected, where no provider tells.")
    ] = "sts.amazonaws.com",
    directory: Directory = DEFAULT_DIRECTORY,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    profile: Profile = None,
    region: Region = None,
    role: Annotated[str | None, typer.Option("--role", help="Ask for this role too: its ARN.")] = None,
    issuer: Annotated[str | None, typer.Option("--issuer", help="Verify with what this issuer publishes.")] = None,
    as_json: JSON = False,
) -> None:
    """Show a token's header and claims, never its signature; with --verify say what STS would say to it: in the world,
    to an issuer's published keys, or to a cluster's own. Exit code 0: good, 1: refused, 2: could not tell."""
    from podrole.cli.sources import SourceOptions
    from podrole.cli.token import Asked, run

    options = SourceOptions(directory, kubeconfig, context, profile, region, role, issuer)
    raise typer.Exit(run(Asked(file, verify, audience), options, as_json=as_json))


@app.command()
def check(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files, or folders of YAML and JSON.")],
    output: Annotated[str, typer.Option("--format", "-f", help="text, json, sarif or github.")] = "text",
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Of manifests that name no namespace.")
    ] = "default",
    account: Annotated[str, typer.Option("--account", help="The AWS account's number, where the files vary.")] = "",
    issuer: Annotated[str, typer.Option("--issuer", help="The cluster's issuer, where the files do not tell.")] = "",
    region: Annotated[str, typer.Option("--region", help="The region that templates are for.")] = "",
) -> None:
    """Check files before they are applied: manifests (render Helm and Kustomize first), trust and permission policies,
    terraform show -json, CloudFormation. Exit code 0: nothing wrong, 1: a fault, 2: could not read."""
    from podrole.cli.check import run
    from podrole.doctor.files.check import CheckOptions

    raise typer.Exit(run(paths, CheckOptions(namespace, account, issuer, region), output))
