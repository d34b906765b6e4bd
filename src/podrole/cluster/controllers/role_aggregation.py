"""ClusterRoles that aggregate the rules of others (``aggregationRule``) are kept up to date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podrole.cluster.authorization.aggregation import aggregated_rules
from podrole.cluster.authorization.bootstrap import AGGREGATION_CONTROLLER
from podrole.cluster.controllers.controller import Controller, Key, KeysOf, key_of
from podrole.cluster.core.client import WatchEvent

_ROLES = "clusterroles.rbac.authorization.k8s.io"


_ALL: Key = ("", "")
"""Stands for every role: any one may be aggregated by any other."""


def _all(_: WatchEvent) -> Iterable[Key]:
    return [_ALL]


class RoleAggregationController(Controller):
    """Writes the rules of ClusterRoles that have an ``aggregationRule``."""

    name = AGGREGATION_CONTROLLER
    reconciles = _ROLES

    def watched(self) -> Mapping[str, KeysOf]:
        return {_ROLES: _all}

    async def reconcile(self, key: Key) -> None:
        roles = await self.client.list(_ROLES)
        for role in roles:
            rules = aggregated_rules(role, roles)
            if rules is None or rules == (role.get("rules") or []):
                continue
            if key == _ALL:
                self.enqueue(key_of(role))  # each by itself: one that cannot be written holds up no other
            elif key == key_of(role):
                await self.client.update(_ROLES, None, role["metadata"]["name"], {**role, "rules": rules})
