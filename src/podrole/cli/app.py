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
    help="How a Kubernetes pod gets an AWS identity: the whole path real, checkable and explained on one machine. "
    "A world, in these commands, is the local AWS, cluster and webhook that podrole up starts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

cluster_app = typer.Typer(name="cluster", help="Operate the cluster of the running world.", no_args_is_help=True)

app.add_typer(policy_app)
app.add_typer(webhook_app)
app.add_typer(cluster_app)

Directory = Annotated[Path, typer.Option("--dir", envvar="PODROLE_DIR", help="The directory of the world.")]
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
    """How a Kubernetes pod gets an AWS identity: the whole path real, checkable and explained on one machine.

    A world, in these commands, is the local AWS, cluster and webhook that podrole up starts.
    """


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the world running at the end.")] = False,
    pod_identity: Annotated[
        bool, typer.Option("--pod-identity", help="Use an EKS Pod Identity association instead of an annotation.")
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
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Run in the background; podrole down stops it.")
    ] = False,
    init: Annotated[
        Path | None,
        typer.Option(
            "--init",
            help="A folder whose *.sh are run and whose *.yaml are applied once, in the order of their names.",
            exists=True,
            file_okay=False,
            readable=True,
            resolve_path=True,
        ),
    ] = None,
    *,
    settings: WorldSettings,
) -> None:
    """Start a world: the local AWS, the cluster and the webhook, all on loopback. Ctrl-C stops it. The next start goes
    on where it was."""
    from podrole.cli.up import run

    raise typer.Exit(run(directory, settings, detach=detach, init=init))


@app.command()
def down(directory: Directory = DEFAULT_DIRECTORY) -> None:
    """Stop the running world and its pods."""
    from podrole.cli.down import run

    raise typer.Exit(run(directory))


@app.command()
def reset(directory: Directory = DEFAULT_DIRECTORY) -> None:
    """Empty a stopped world. Its keys and its administrator's credentials stay."""
    from podrole.cli.state import reset as run

    raise typer.Exit(run(directory))


state_app = typer.Typer(name="state", help="Carry a world's state to another directory.", no_args_is_help=True)
app.add_typer(state_app)


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


@app.command()
def status(directory: Directory = DEFAULT_DIRECTORY, as_json: JSON = False) -> None:
    """Show the addresses of the running world."""
    from podrole.cli.status import run

    raise typer.Exit(run(directory, as_json=as_json))


@app.command()
def env(directory: Directory = DEFAULT_DIRECTORY) -> None:
    """Print the variables with which a shell uses the world: eval "$(podrole env)"."""
    from podrole.cli.env import run

    raise typer.Exit(run(directory))


@app.command()
def events(
    directory: Directory = DEFAULT_DIRECTORY,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new events.")] = False,
    refused: Annotated[bool, typer.Option("--refused", help="Only events that were refused or failed.")] = False,
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


Kubeconfig = Annotated[Path | None, typer.Option("--kubeconfig", help="A real cluster's kubeconfig.")]
Context = Annotated[str | None, typer.Option("--context", help="A context of the kubeconfig.")]
Profile = Annotated[str | None, typer.Option("--profile", help="The AWS profile of a real account.")]
Region = Annotated[str | None, typer.Option("--region", help="The AWS region of a real account.")]


@app.command()
def doctor(
    target: Annotated[
        str | None, typer.Argument(metavar="[NAMESPACE/POD | NAMESPACE/serviceaccount/NAME]", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Check every service account; print one table.")] = False,
    can: Annotated[
        str | None, typer.Option("--can", help="Also check whether this action is allowed, such as s3:GetObject.")
    ] = None,
    resource: Annotated[str | None, typer.Option("--resource", help="The ARN that --can is about.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Also try the exchange with a real, short-lived token.")] = False,
    directory: Directory = DEFAULT_DIRECTORY,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    profile: Profile = None,
    region: Region = None,
    role: Annotated[str | None, typer.Option("--role", help="The role's ARN, if no cluster can be asked.")] = None,
    issuer: Annotated[
        str | None, typer.Option("--issuer", help="The issuer's URL, if no cluster can be asked.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Check each link between a pod and its AWS identity, and say how to repair it. Exit code 0: every link holds, 1:
    a link is broken, 2: something could not be checked."""
    from podrole.cli.doctor import DoctorQuery, run
    from podrole.cli.sources import SourceOptions

    options = SourceOptions(directory, kubeconfig, context, profile, region, role, issuer)
    raise typer.Exit(run(DoctorQuery(target, everything, can, resource, live), options, as_json=as_json))


@app.command()
def explain(
    what: Annotated[str, typer.Argument(metavar="[REQUEST-ID|last|MESSAGE|-]")] = "last",
    directory: Directory = DEFAULT_DIRECTORY,
    as_json: JSON = False,
) -> None:
    """Explain a call: its pod, its token, each step of the exchange, each policy. "last" is the last refusal. MESSAGE
    is an encoded authorization failure message, which is decoded."""
    from podrole.cli.explain import ExplainQuery, run

    raise typer.Exit(run(directory, ExplainQuery(what), as_json=as_json))


token_app = typer.Typer(name="token", help="Inspect a service account's token.", no_args_is_help=True)
app.add_typer(token_app)


@token_app.callback()
def token() -> None:
    """Inspect a service account's token."""


@token_app.command()
def decode(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A file with the token, or - for standard input.")],
    verify: Annotated[bool, typer.Option("--verify", help="Also verify it as STS does, step by step.")] = False,
    audience: Annotated[
        str, typer.Option("--audience", help="The expected audience, if no provider says it.")
    ] = "sts.amazonaws.com",
    directory: Directory = DEFAULT_DIRECTORY,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    profile: Profile = None,
    region: Region = None,
    role: Annotated[
        str | None, typer.Option("--role", help="Also check whether it may assume the role with this ARN.")
    ] = None,
    issuer: Annotated[
        str | None, typer.Option("--issuer", help="Verify with the keys that this issuer publishes.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Show a token's header and claims, but not its signature. --verify checks it as STS does: against the world, the
    keys that an issuer publishes, or a cluster. Exit code 0: valid, 1: refused, 2: could not be checked."""
    from podrole.cli.sources import SourceOptions
    from podrole.cli.token import TokenQuery, run

    options = SourceOptions(directory, kubeconfig, context, profile, region, role, issuer)
    raise typer.Exit(run(TokenQuery(file, verify, audience), options, as_json=as_json))


@app.command()
def check(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files, or folders of YAML and JSON.")],
    output: Annotated[str, typer.Option("--format", "-f", help="text, json, sarif or github.")] = "text",
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="The namespace of manifests that have none.")
    ] = "default",
    account: Annotated[
        str, typer.Option("--account", help="The AWS account id, if the files name several or none.")
    ] = "",
    issuer: Annotated[str, typer.Option("--issuer", help="The cluster's issuer, if the files do not name it.")] = "",
    region: Annotated[str, typer.Option("--region", help="The region in which templates are deployed.")] = "",
) -> None:
    """Check files before they are applied: manifests (render Helm and Kustomize first), trust and permission policies,
    terraform show -json, CloudFormation. Exit code 0: no fault, 1: a fault, 2: a file could not be read."""
    from podrole.cli.check import run
    from podrole.doctor.files.check import CheckOptions

    raise typer.Exit(run(paths, CheckOptions(namespace, account, issuer, region), output))
