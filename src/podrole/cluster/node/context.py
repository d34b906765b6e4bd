"""What all parts of a node share."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from podrole.cluster.core.client import ClusterClient
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.timing import Time
from podrole.cluster.node.directories import NodeDirectory
from podrole.cluster.node.runtime import Runtime
from podrole.cluster.node.settings import NodeSettings


@dataclass(frozen=True, slots=True)
class NodeContext:
    """What all parts of a node share. ``resources`` are the node's allocatable quantities.

    ``randomness`` returns a number from 0 to 1, by which the times of token requests are spread.
    """

    client: ClusterClient
    recorder: EventRecorder
    time: Time
    settings: NodeSettings
    runtime: Runtime
    directory: NodeDirectory
    resources: Mapping[str, str]
    randomness: Callable[[], float] = random.random
