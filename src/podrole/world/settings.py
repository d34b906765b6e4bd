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

_DESCRIPTION = "description"


def _port(default: int, listener: str) -> int:
    field: int = dataclasses.field(
        default=default, metadata={_DESCRIPTION: f"Port of {listener}; 0: any free.", "listener": listener}
    )
    return field


def _text(default: str, description: str) -> str:
    field: str = dataclasses.field(default=default, metadata={_DESCRIPTION: description})
    return field


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """The settings of a world. Raises BadSetting for an account or region that cannot be one."""

    aws_port: int = _port(4566, "the local AWS")
    cluster_port: int = _port(6443, "the cluster")
    webhook_port: int = _port(0, "the webhook")
    issuer_port: int = _port(0, "the cluster's issuer")
    pod_identity_port: int = _port(0, "the EKS Pod Identity agent")
    account: str = _text("111122223333", "The AWS account id, 12 digits.")
    region: str = _text("us-east-1", "The AWS region.")

    def __post_init__(self) -> None:
        if not is_account_id(self.account):
            raise BadSetting("--account is not an AWS account id.", got=repr(self.account), expected="12 digits")
        if not is_region_name(self.region):
            raise BadSetting("--region is not an AWS region.", got=repr(self.region), expected="such as us-east-1")

    def arguments(self) -> list[str]:
        """Return the settings as they would be typed after ``podrole up``."""
        return [word for setting in SETTINGS for word in (setting.option, str(getattr(self, setting.name)))]


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of ``WorldSettings``. ``listener`` is what listens on the port, empty for other settings."""

    name: str
    default: Any
    description: str
    listener: str

    @property
    def option(self) -> str:
        """The option of ``podrole up``."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable that is read where the option is not given."""
        return "PODROLE_" + self.name.upper()


def _settings() -> Iterator[Setting]:
    for field in dataclasses.fields(WorldSettings):
        yield Setting(field.name, field.default, field.metadata[_DESCRIPTION], field.metadata.get("listener", ""))


SETTINGS = tuple(_settings())
"""All settings, in the order of the fields."""

BY_NAME = {setting.name: setting for setting in SETTINGS}


def settings_table() -> str:
    """Return the settings as the Markdown table of docs/world.md."""
    rows = [
        f"| `{setting.option}` | `{setting.variable}` | {setting.default} | {setting.description} |"
        for setting in SETTINGS
    ]
    return "\n".join(["| option | environment variable | default | |", "|---|---|---|---|", *rows])
