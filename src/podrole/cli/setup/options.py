"""The options that the commands of the set-up share, each declared once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from podrole.cli.option_groups import SharedOption, with_options
from podrole.kube.names import is_label, is_subdomain

if TYPE_CHECKING:
    from podrole.setup.wanted import ServiceAccountName

_CLUSTER = re.compile(r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}")


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """Where a set-up works, and how far it goes. ``directory`` is a world's; the four after ``cluster`` choose real
    places."""

    directory: Path = Path(".podrole")
    cluster: str | None = None
    kubeconfig: Path | None = None
    context: str | None = None
    profile: str | None = None
    region: str | None = None
    approve: bool = False
    adopt: bool = False
    as_json: bool = False


def _cluster_name(text: str | None) -> str | None:
    if text is not None and not _CLUSTER.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is not a cluster's name: expected letters, digits, '-' and '_'.")
    return text


_PLACE: Mapping[str, Any] = {
    "cluster": Annotated[
        str | None, typer.Option("--cluster", "-c", help="The cluster's name.", callback=_cluster_name)
    ],
    "directory": Annotated[Path, typer.Option("--dir", envvar="PODROLE_DIR", help="The directory of the world.")],
    "kubeconfig": Annotated[Path | None, typer.Option("--kubeconfig", help="A real cluster's kubeconfig.")],
    "context": Annotated[str | None, typer.Option("--context", help="A context of the kubeconfig.")],
    "profile": Annotated[str | None, typer.Option("--profile", "-p", help="The AWS profile of a real account.")],
    "region": Annotated[str | None, typer.Option("--region", "-r", help="The AWS region of a real account.")],
    "as_json": Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")],
}
_CHANGE: Mapping[str, Any] = {
    "approve": Annotated[bool, typer.Option("--approve", help="Make the changes. Without it they are only shown.")],
    "adopt": Annotated[bool, typer.Option("--adopt", help="Take over what somebody else made.")],
}


def changes_a_set_up(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of ``SetupOptions``, which its parameter ``options`` gets."""
    return with_options(command, _shared({**_CHANGE, **_PLACE}), SetupOptions)


def reads_a_set_up(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that changes nothing the options that choose the place."""
    return with_options(command, _shared(_PLACE), SetupOptions)


def _shared(options: Mapping[str, Any]) -> dict[str, SharedOption]:
    return {name: SharedOption(kind, getattr(SetupOptions(), name)) for name, kind in options.items()}


def key_values(texts: list[str] | None, option: str) -> dict[str, str]:
    """Return ``KEY=VALUE`` pairs, several in one word separated by commas, as eksctl takes them."""
    pairs: dict[str, str] = {}
    for pair in listed(texts):
        key, sign, value = pair.partition("=")
        if not key or not sign:
            raise typer.BadParameter(f"{pair!r} is not KEY=VALUE.", param_hint=option)
        pairs[key] = value
    return pairs


def listed(texts: list[str] | None) -> tuple[str, ...]:
    """Return values that were given one by one, or several in one word separated by commas."""
    return tuple(dict.fromkeys(part for text in texts or () for part in text.split(",") if part))


def service_account(namespace: str, name: str) -> ServiceAccountName:
    """Return the service account that two options name."""
    if not is_label(namespace):
        problem = f"{namespace!r} is not a namespace: expected lower-case letters, digits and '-'."
        raise typer.BadParameter(problem, param_hint="--namespace")
    if not is_subdomain(name):
        problem = f"{name!r} is not a service account: expected lower-case letters, digits, '-' and '.'."
        raise typer.BadParameter(problem, param_hint="--name")
    from podrole.setup.wanted import ServiceAccountName  # only where a command runs: podrole --help needs none of it

    return ServiceAccountName(namespace, name)
