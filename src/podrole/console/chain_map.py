"""A drawing of the chains: service accounts on the left, roles on the right, a line for each that has a role.

Only places are worked out here; the template draws. Roles stand beside the service accounts that have them, so that
most lines are level.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from podrole.console.addresses import chain_url, role_url
from podrole.doctor.survey import AccountState, SurveyRow

WIDTH = 900
ROW_HEIGHT = 26
_TOP = 30
_LEFT, _RIGHT = 10, 520


@dataclass(frozen=True, slots=True)
class MapNode:
    """A service account or a role. ``x`` and ``y`` are where its text begins."""

    label: str
    link: str
    x: int
    y: int
    state: AccountState | None = None


@dataclass(frozen=True, slots=True)
class MapLine:
    """A chain, from a service account to its role; ``name`` is the service account's."""

    name: str
    role_arn: str
    y1: int
    y2: int
    state: AccountState


@dataclass(frozen=True, slots=True)
class ChainMap:
    """All that is drawn. ``without_role`` service accounts are left out: they have no chain."""

    accounts: tuple[MapNode, ...]
    roles: tuple[MapNode, ...]
    lines: tuple[MapLine, ...]
    width: int
    height: int
    without_role: int


def chain_map(rows: Iterable[SurveyRow]) -> ChainMap:
    """Return where each service account and role stands. Rows of one role stand together."""
    everything = list(rows)
    bound = [row for row in everything if row.role_arn]
    first_of: dict[str | None, int] = {}
    for position, row in enumerate(bound):
        first_of.setdefault(row.role_arn, position)
    bound.sort(key=lambda row: first_of[row.role_arn])
    accounts, lines = [], []
    roles: dict[str, MapNode] = {}
    for position, row in enumerate(bound):
        arn, target = row.role_arn or "", row.target
        y = _TOP + ROW_HEIGHT * position
        name = f"{target.namespace}/{target.service_account}"
        accounts.append(MapNode(name, chain_url(target.namespace, target.service_account), _LEFT, y, row.state))
        role = roles.setdefault(arn, MapNode(arn, role_url(arn), _RIGHT, y))
        lines.append(MapLine(name, arn, y, role.y, row.state))
    height = _TOP + ROW_HEIGHT * max(len(accounts), 1)
    return ChainMap(tuple(accounts), tuple(roles.values()), tuple(lines), WIDTH, height, len(everything) - len(bound))
