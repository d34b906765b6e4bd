"""Write src/podrole/aws/data/hosts.json: which services answer at which of AWS's host names.

Generated from the pinned botocore's endpoint rules and host prefixes; ``tests/aws/test_hosts.py`` fails when it is out
of date: ``make test`` makes it for some services, ``make soak`` for all. Usage: python scripts/host_table.py [--check]
"""

from __future__ import annotations

import itertools
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError
from botocore.loaders import Loader

from podrole.aws.protocol.hosts import stem_of
from podrole.base.partitions import is_region_name

TARGET = Path(__file__).parent.parent / "src" / "podrole" / "aws" / "data" / "hosts.json"
# One region for each form of name: of the first region, any other, one of a partition with AWS's domain, and another's.
REGIONS = ("us-east-1", "eu-west-1", "us-gov-west-1", "cn-north-1", "aws-global", "aws-cn-global", "aws-us-gov-global")
FLAGS = ("UseFIPS", "UseDualStack", "UseGlobalEndpoint")
# Names of accounts and buckets, and names that the rules no longer make and AWS still answers.
FURTHER = {
    "dynamodb": ("ddb.{region}",),
    "s3control": ("s3-control",),  # podrole's own name, for every region
    "s3": ("s3-accelerate", "s3-external-1"),
    # https://docs.aws.amazon.com/general/latest/gr/sqs-service.html, "Legacy endpoints"
    "sqs": ("queue", "{region}.queue"),
}
# What answers there is not simulated; without these stems, the names would be taken for buckets'.
NOBODY = ("accesspoint.s3-global", "s3-accesspoint.{region}", "s3-object-lambda.{region}")


def table(services: Iterable[str] | None = None) -> dict[str, list[str]]:
    """Return the services (or those of these) of each stem of a host name, by their botocore names."""
    found: dict[str, set[str]] = defaultdict(set)
    loader = Loader()
    partitions = loader.load_data("partitions")
    for service in services or loader.list_available_services("service-2"):
        prefixes = sorted(_prefixes(loader.load_service_model(service, "service-2")))
        for host in _hosts(loader.load_service_model(service, "endpoint-rule-set-1"), partitions):
            for prefix in ("", *prefixes):
                stem = stem_of(prefix + host)
                if stem is not None and stem.replace("{region}", "").strip("."):
                    found[stem].add(service)
        for stem in FURTHER.get(service, ()):
            found[stem].add(service)
    found.update((stem, set()) for stem in NOBODY)
    return {stem: sorted(services) for stem, services in sorted(found.items())}


def _hosts(rules: dict[str, Any], partitions: Any) -> Iterator[str]:
    provider = EndpointProvider(rules, partitions)
    flags = [flag for flag in FLAGS if flag in rules["parameters"]]
    for region, values in itertools.product(REGIONS, itertools.product((False, True), repeat=len(flags))):
        try:
            endpoint = provider.resolve_endpoint(Region=region, **dict(zip(flags, values, strict=True)))
        except EndpointProviderError:  # no endpoint of this kind, or only of a resource
            continue
        host = urlsplit(endpoint.url).hostname or ""
        if is_region_name(region) or region not in host:  # no host is named for all regions
            yield host


def _prefixes(model: dict[str, Any]) -> set[str]:
    """Return what operations put before the host, where it does not depend on the input."""
    operations = model["operations"].values()
    found = {operation.get("endpoint", {}).get("hostPrefix", "") for operation in operations}
    return {prefix.rpartition("}")[2].lstrip(".") for prefix in found} - {""}


def main() -> int:
    rows = (f" {json.dumps(stem)}: {json.dumps(services)}" for stem, services in table().items())
    text = "{\n" + ",\n".join(rows) + "\n}\n"
    if "--check" in sys.argv:
        return int(TARGET.read_text() != text)
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
