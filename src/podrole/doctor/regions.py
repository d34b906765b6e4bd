"""AWS's regions, as botocore knows them."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib.resources import files


@functools.cache
def regions() -> Mapping[str, str]:
    """Return the regions with their partitions. Read once, when somebody asks."""
    document = json.loads(files("botocore").joinpath("data", "partitions.json").read_bytes())
    return {
        region: partition["id"]
        for partition in document["partitions"]
        for region in partition["regions"]
        if not region.endswith("-global")  # stands for services without regions; no client works in it
    }
