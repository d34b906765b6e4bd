"""The commands that check and explain, and their options. What each does is in the module that it imports."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from podrole.cli.common_options import DEFAULT_DIRECTORY, JSON, Context, Directory, Kubeconfig, Profile, Region
from podrole.cli.plain_help import CommandGroup
from podrole.kube.names import is_label


def _account_id(text: str) -> str:
    if text and not re.fullmatch(r"[0-9]{12}", text):
        raise typer.BadParameter(f"{text!r} is not an AWS account id: expected 12 digits.")
    return text


def _namespace(text: str | None) -> str | None:
    if text and not is_label(text):
        raise typer.BadParameter(f"{text!r} is not a namespace: expected lower-case letters, digits and '-'.")
    return text


def _name_and_value(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE.", param_hint="--parameter")
    return name, value


def doctor(
    target: Annotated[
        str | None, typer.Argument(metavar="[NAMESPACE/POD | NAMESPACE/serviceaccount/NAME]", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Check every service account; print one table.")] = False,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", help="With --all: only this namespace.", callback=_namespace),
    ] = None,
    severity: Annotated[
        str | None, typer.Option("--severity", help="With --all: fault shows no risks and nothing sound.")
    ] = None,
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
    query = DoctorQuery(target, everything, can, resource, live, namespace, severity)
    raise typer.Exit(run(query, options, as_json=as_json))


def wait(
    target: Annotated[str, typer.Argument(metavar="NAMESPACE/[serviceaccount/]NAME", show_default=False)],
    timeout: Annotated[str, typer.Option("--timeout", help="How long to wait, such as 60s or 2m.")] = "60s",
    directory: Directory = DEFAULT_DIRECTORY,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JSON = False,
) -> None:
    """Wait until a pod that is created now would get its identity, proven by a dry run of a pod and a real exchange of
    a token. Exit code 0: it would, 1: the time is over; the doctor's code says what is missing."""
    from podrole.cli.durations import seconds_of
    from podrole.cli.setup.wait import run
    from podrole.cli.sources import SourceOptions

    seconds = seconds_of(timeout)
    if seconds is None:
        raise typer.BadParameter(f"{timeout!r} is not a duration: expected 60s, 2m or 1h.", param_hint="--timeout")
    options = SourceOptions(directory, kubeconfig, context, profile, region)
    raise typer.Exit(run(target, seconds, options, as_json=as_json))


def explain(
    what: Annotated[
        list[str] | None, typer.Argument(metavar="[REQUEST-ID|last|MESSAGE|-|CODE…]", show_default=False)
    ] = None,
    directory: Directory = DEFAULT_DIRECTORY,
    as_json: JSON = False,
) -> None:
    """Explain a call: its pod, its token, each step of the exchange, each policy. "last" is the last refused call
    (calls of podrole doctor do not count). MESSAGE is an encoded authorization failure message, which is decoded. CODE
    is a code of podrole doctor, such as PR204: what it means and how it is repaired; this needs no world."""
    from podrole.cli import explain_codes
    from podrole.cli.explain import ExplainQuery, run

    words = what or ["last"]
    if explain_codes.are_codes(words):
        raise typer.Exit(explain_codes.run(words, as_json=as_json))
    if len(words) > 1:
        raise typer.BadParameter("Give one request id, or codes of podrole doctor, such as PR204 PR601.")
    raise typer.Exit(run(directory, ExplainQuery(words[0]), as_json=as_json))


def console(
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="The port on loopback; 0 is any free one.")
    ] = 4580,
    allow_repair: Annotated[
        bool, typer.Option("--allow-repair", help="Let the page run the doctor's commands, after a confirmation.")
    ] = False,
    directory: Directory = DEFAULT_DIRECTORY,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    profile: Profile = None,
    region: Region = None,
    until_end_of_input: Annotated[bool, typer.Option("--until-end-of-input", hidden=True)] = False,
) -> None:
    """Serve a page on this machine that shows each chain from service account to role, and the calls as they happen.
    It shows the world, or a real cluster and account."""
    from podrole.cli.console import run
    from podrole.cli.sources import SourceOptions

    options = SourceOptions(directory, kubeconfig, context, profile, region)
    raise typer.Exit(run(options, port, allow_repair=allow_repair, until_end_of_input=until_end_of_input))


token_app = typer.Typer(cls=CommandGroup, name="token", help="Inspect a service account's token.", no_args_is_help=True)


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


def check(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files, or folders of YAML and JSON.")],
    output: Annotated[str, typer.Option("--format", "-f", help="text, json, sarif or github.")] = "text",
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="The namespace of manifests that have none.", callback=_namespace)
    ] = "",
    account: Annotated[
        str,
        typer.Option("--account", help="The AWS account id, if the files name several or none.", callback=_account_id),
    ] = "",
    issuer: Annotated[str, typer.Option("--issuer", help="The cluster's issuer, if the files do not name it.")] = "",
    region: Annotated[str, typer.Option("--region", help="The region in which templates are deployed.")] = "",
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", metavar="NAME=VALUE", help="A parameter of a template.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Risks fail too.")] = False,
    hook: Annotated[
        bool,
        typer.Option("--hook", help="Pass over files that are not about identities, as in a pre-commit hook."),
    ] = False,
) -> None:
    """Check files before they are applied: manifests (render Helm and Kustomize first), trust and permission policies,
    Terraform plans and states, CloudFormation, eksctl, ACK, Crossplane. Exit code 0: no fault, 1: a fault, 2: a file
    could not be read, or there was nothing to check."""
    from podrole.cli.check import run
    from podrole.doctor.files.reading import CheckOptions

    parameters = dict(_name_and_value(pair) for pair in parameter or ())
    options = CheckOptions(namespace, account, issuer, region, parameters, hook)
    raise typer.Exit(run(paths, options, output, strict=strict))


def add_diagnosis_commands(app: typer.Typer) -> None:
    """Add the commands that check and explain to podrole's."""
    app.command()(doctor)
    app.command()(wait)
    app.command()(explain)
    app.command()(console)
    app.add_typer(token_app)
    app.command()(check)
