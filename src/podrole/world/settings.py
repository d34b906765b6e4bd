"""What can be set of a world, each setting declared once.

The command's options with their help and environment variables, the arguments of a detached world, the listeners and
the table in docs/world.md are all made of these fields.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from podrole.base.partitions import is_region_name
from podrole.iam.arn import is_account_id
from podrole.world.errors import BadSetting

_DESCRIPTION, _SHOWN, _METAVAR = "description", "shown", "metavar"
_NEW_ACCOUNT, _NEW_REGION = "111122223333", "us-east-1"
RUNTIMES = ("process", "container", "auto")
CLUSTER_NAME = "podrole"
"""The name of a world's EKS cluster."""


@dataclass(frozen=True, slots=True)
class Place:
    """The AWS account and region of a world."""

    account: str
    region: str


def _port(default: int, listener: str) -> int:
    field: int = dataclasses.field(
        default=default, metadata={_DESCRIPTION: f"Port of {listener}; 0: any free.", "listener": listener}
    )
    return field


def _place(of_a_new_world: str, description: str) -> str | None:
    field: str | None = dataclasses.field(
        default=None, metadata={_DESCRIPTION: f"{description} A world keeps its first one.", _SHOWN: of_a_new_world}
    )
    return field


def _flag(description: str) -> bool:
    field: bool = dataclasses.field(default=False, metadata={_DESCRIPTION: description})
    return field


def _list(metavar: str, description: str) -> tuple[str, ...]:
    field: tuple[str, ...] = dataclasses.field(
        default=(), metadata={_DESCRIPTION: f"{description} Repeatable.", _SHOWN: "none", _METAVAR: metavar}
    )
    return field


def _name(default: str, description: str) -> str:
    field: str = dataclasses.field(default=default, metadata={_DESCRIPTION: description, _METAVAR: "NAME"})
    return field


def _file(description: str) -> str | None:
    field: str | None = dataclasses.field(
        default=None, metadata={_DESCRIPTION: description, _SHOWN: "the world's own", _METAVAR: "FILE"}
    )
    return field


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """The settings of a world. Raises BadSetting for an account or region that cannot be one.

    ``account`` and ``region`` are None for those that the world has already, or those of a new world.
    """

    aws_port: int = _port(4566, "the local AWS")
    cluster_port: int = _port(6443, "the cluster")
    webhook_port: int = _port(0, "the webhook")
    issuer_port: int = _port(0, "the cluster's issuer")
    pod_identity_port: int = _port(0, "the EKS Pod Identity agent")
    account: str | None = _place(_NEW_ACCOUNT, "The AWS account id, 12 digits.")
    region: str | None = _place(_NEW_REGION, "The AWS region.")
    ephemeral: bool = _flag("Keep nothing: the world begins empty and is gone when it stops.")
    deliver_anywhere: bool = _flag(
        "Let SNS and Firehose send HTTP requests to any host; otherwise to this machine only (loopback)."
    )

    no_internet: bool = _flag("Let the proxy reach no host but AWS's names, which the local AWS answers, and loopback.")
    no_node: bool = _flag("Run no pods: they stay Pending. Without Linux a world never has a node.")
    runtime: str = _name("process", "How pods run: process, container, or auto for containers where an engine answers.")
    image: tuple[str, ...] = _list(
        "NAME=FOLDER",
        "An image of your own code: containers use what its Dockerfile builds, processes run in it.",
    )
    allow_host_path: tuple[str, ...] = _list("DIR", "A folder of this machine that hostPath volumes may be in.")
    service_account_issuer: tuple[str, ...] = _list(
        "URL", "The cluster's issuer in place of its own; the first signs, all are accepted."
    )
    service_account_signing_key_file: str | None = _file("The private key that signs the cluster's tokens.")
    service_account_key_file: tuple[str, ...] = _list("FILE", "A further public key that the cluster accepts.")
    serve_issuer: tuple[str, ...] = _list("dir:FOLDER", "Serve the folder's documents to AWS under their issuer's URL.")
    issuer_map: tuple[str, ...] = _list("HOST=ADDRESS:PORT", "Where AWS finds an issuer's host on this machine.")

    def __post_init__(self) -> None:
        if self.account is not None and not is_account_id(self.account):
            raise BadSetting("--account is not an AWS account id.", got=repr(self.account), expected="12 digits")
        if self.region is not None and not is_region_name(self.region):
            raise BadSetting("--region is not an AWS region.", got=repr(self.region), expected="such as us-east-1")
        if self.runtime not in RUNTIMES:
            raise BadSetting(
                "--runtime is not a way to run pods.", got=repr(self.runtime), expected=" or ".join(RUNTIMES)
            )
        if self.no_node and self.runtime != "process":
            raise BadSetting(
                "--no-node and --runtime contradict each other: without a node nothing runs pods.",
                got=f"--no-node --runtime {self.runtime}",
                next_step="leave one of them out",
            )
        if self.no_node and self.image:
            raise BadSetting(
                "--no-node and --image contradict each other: without a node nothing runs an image.",
                got=f"--no-node --image {self.image[0]}",
                next_step="leave one of them out",
            )

    def place(self, kept: Place | None) -> Place:
        """Return the account and region of the world. ``kept`` are those of its first start, None at the first.

        Raises BadSetting if the settings name others: every ARN and the issuer's URL depend on them.
        """
        if kept is None:
            return Place(self.account or _NEW_ACCOUNT, self.region or _NEW_REGION)
        for option, wanted, stored in (
            ("--account", self.account, kept.account),
            ("--region", self.region, kept.region),
        ):
            if wanted not in (None, stored):
                raise BadSetting(
                    f"{option} is not that of this world, which keeps the one of its first start.",
                    got=str(wanted),
                    expected=stored,
                    next_step=f"leave {option} out, empty the world with podrole reset, or choose another --dir",
                )
        return kept

    def arguments(self) -> list[str]:
        """Return the settings as they would be typed after ``podrole up``."""
        return [word for setting in SETTINGS for word in setting.words(getattr(self, setting.name))]


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of ``WorldSettings``.

    ``shown`` is the default as it is shown: that of a new world. ``listener`` is what listens on the port, empty for
    other settings. ``metavar`` stands for the value of a setting that has no default.
    """

    name: str
    default: Any
    shown: str
    description: str
    listener: str
    metavar: str | None

    @property
    def option(self) -> str:
        """The option of ``podrole up``."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable that is read where the option is not given."""
        return "PODROLE_" + self.name.upper()

    def words(self, value: Any) -> list[str]:
        """Return the words that give it this value on a command line."""
        if value is None or value is False:
            return []
        if self.name == "runtime" and value == self.default:
            return []
        if isinstance(value, tuple):
            return [word for item in value for word in (self.option, item)]
        return [self.option] if value is True else [self.option, str(value)]


def _settings() -> Iterator[Setting]:
    for field in dataclasses.fields(WorldSettings):
        shown = "no" if field.default is False else str(field.metadata.get(_SHOWN, field.default))
        listener = field.metadata.get("listener", "")
        metavar = field.metadata.get(_METAVAR)
        yield Setting(field.name, field.default, shown, field.metadata[_DESCRIPTION], listener, metavar)


SETTINGS = tuple(_settings())
"""All settings, in the order of the fields."""

BY_NAME = {setting.name: setting for setting in SETTINGS}


def settings_table() -> str:
    """Return the settings as the Markdown table of docs/world.md."""
    rows = [
        f"| `{setting.option}` | `{setting.variable}` | {setting.shown} | {setting.description} |"
        for setting in SETTINGS
    ]
    return "\n".join(["| option | environment variable | default | |", "|---|---|---|---|", *rows])
