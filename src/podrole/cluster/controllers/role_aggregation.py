"""ClusterRoles that gather others' rules are kept up to date (``aggregationRule``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podrole.cluster.authorization.aggregation import aggregated_rules
from podrole.cluster.authorization.bootstrap import AGGREGATION_CONTROLLER
from podrole.cluster.controllers.controller import Controller, Key, KeysOf
from podrole.cluster.core.client import WatchEvent

_ROLES = "clusterroles.rbac.authorization.k8s.io"


def _all(_: WatchEvent) -> Iterable[Key]:
    """Any role may be aggregated by any other, so a change of one is about all of them."""
    return [("", "")]


class RoleAggregationController(Controller):
    """Writes the rules of ClusterRoles that gather them."""

    name = AGGREGATION_CONTROLLER

    def watched(self) -> Mapping[str, KeysOf]:
        return {_ROLES: _all}

    async def reconcile(self, _: Key) -> None:
        roles = await self.client.list(_ROLES)
        for role in roles:
            rules = aggregated_rules(role, roles)
            if rules is not None and rules != (role.get("rules") or []):
                await self.client.update(_ROLES, None, role["metadata"]["name"], {**role, "rules": rules})
