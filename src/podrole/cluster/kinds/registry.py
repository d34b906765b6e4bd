"""Which kinds there are: one table, from which routing, discovery and OpenAPI follow.

Names, short names, categories, verbs and subresources are those of Kubernetes 1.36
(https://kubernetes.io/docs/reference/kubernetes-api/). To add a kind, describe it in a file of this package and name it
in ``KINDS``; tests/cluster/kinds says which parts are missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from podrole.cluster.core.resources import Resource
from podrole.cluster.kinds import rbac
from podrole.cluster.kinds.config_map import CONFIG_MAP
from podrole.cluster.kinds.cron_job import CRON_JOB
from podrole.cluster.kinds.custom_resource_definition import CUSTOM_RESOURCE_DEFINITION
from podrole.cluster.kinds.daemon_set import DAEMON_SET
from podrole.cluster.kinds.definition_status import version_order
from podrole.cluster.kinds.deployment import DEPLOYMENT
from podrole.cluster.kinds.event import EVENT
from podrole.cluster.kinds.job import JOB
from podrole.cluster.kinds.kind import Kind
from podrole.cluster.kinds.namespace import NAMESPACE
from podrole.cluster.kinds.networking import NETWORKING
from podrole.cluster.kinds.node import NODE
from podrole.cluster.kinds.pod import POD
from podrole.cluster.kinds.pod_disruption_budget import POD_DISRUPTION_BUDGET
from podrole.cluster.kinds.policies import POLICIES
from podrole.cluster.kinds.registrations import REGISTRATIONS
from podrole.cluster.kinds.replica_set import REPLICA_SET
from podrole.cluster.kinds.reviews import REVIEWS
from podrole.cluster.kinds.secret import SECRET
from podrole.cluster.kinds.service import SERVICE
from podrole.cluster.kinds.service_account import SERVICE_ACCOUNT
from podrole.cluster.kinds.stateful_set import STATEFUL_SET
from podrole.cluster.kinds.storage import STORAGE
from podrole.cluster.kinds.webhook_configurations import (
    MUTATING_WEBHOOK_CONFIGURATION,
    VALIDATING_WEBHOOK_CONFIGURATION,
)
from podrole.cluster.tables.layout import TableLayout

KINDS: tuple[Kind, ...] = (
    CONFIG_MAP,
    EVENT,
    NAMESPACE,
    NODE,
    POD,
    SECRET,
    SERVICE_ACCOUNT,
    SERVICE,
    *NETWORKING,
    *STORAGE,
    *POLICIES,
    MUTATING_WEBHOOK_CONFIGURATION,
    VALIDATING_WEBHOOK_CONFIGURATION,
    DEPLOYMENT,
    REPLICA_SET,
    DAEMON_SET,
    STATEFUL_SET,
    CRON_JOB,
    JOB,
    POD_DISRUPTION_BUDGET,
    CUSTOM_RESOURCE_DEFINITION,
    *REGISTRATIONS,
    rbac.CLUSTER_ROLE_BINDING,
    rbac.CLUSTER_ROLE,
    rbac.ROLE_BINDING,
    rbac.ROLE,
    *REVIEWS,
)
"""In the order in which discovery lists them."""

RESOURCES: tuple[Resource, ...] = tuple(kind.resource for kind in KINDS)
BY_PATH: Mapping[tuple[str, str, str], Resource] = MappingProxyType(
    {(resource.group, resource.version, resource.plural): resource for resource in RESOURCES}
)
BY_NAME: Mapping[str, Resource] = MappingProxyType({resource.qualified: resource for resource in RESOURCES})
BY_KIND: Mapping[tuple[str, str], Resource] = MappingProxyType(
    {(resource.api_version, resource.kind): resource for resource in RESOURCES}
)
_KIND_OF: Mapping[Resource, Kind] = MappingProxyType({kind.resource: kind for kind in KINDS})


def kind_of(resource: Resource) -> Kind:
    """Return the description of a resource's kind."""
    if resource.custom is not None:
        custom: Kind = resource.custom.kind
        return custom
    return _KIND_OF[resource]


def table_layout(resource: Resource) -> TableLayout:
    """Return how a stored kind is shown. Raises LookupError for a review."""
    layout = kind_of(resource).table
    if layout is None:
        raise LookupError(f"{resource.qualified} cannot be listed")
    return layout


def group_versions(custom: tuple[Resource, ...] = ()) -> list[tuple[str, str]]:
    """Return the groups with their versions, the core group first, in the order in which they are published."""
    own = dict.fromkeys((resource.group, resource.version) for resource in RESOURCES)
    groups: dict[str, set[str]] = {}
    for resource in custom:
        groups.setdefault(resource.group, set()).add(resource.version)
    return [
        *own,
        *((group, version) for group, versions in groups.items() for version in sorted(versions, key=version_order)),
    ]
