"""Write src/podrole/aws/data/services.json: how each AWS service is recognized, and where moto simulates it.

Generated from the pinned botocore's models and moto's index; ``tests/aws/test_catalogue.py`` fails when it is out of
date. Usage: python scripts/service_table.py [--check]
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import botocore
from moto.backend_index import backend_url_patterns

TARGET = Path(__file__).parent.parent / "src" / "podrole" / "aws" / "data" / "services.json"
# Where moto expects a service at another name than its usual endpoint.
OTHER_HOSTS = {
    "dynamodbstreams": "streams.dynamodb.{region}.amazonaws.com",
    "iot-data": "data.iot.{region}.amazonaws.com",
    "kinesis-video-archived-media": "b-1.kinesisvideo.{region}.amazonaws.com",
    "s3control": "{account}.s3-control.{region}.amazonaws.com",
}


# moto takes their addresses for those of another service, which it has instead: a call that was authorized for them
# would be executed as one of the other service, or as nothing.
NOT_SIMULATED = {
    "cloudhsm": "cloudhsmv2",
    "connectcampaignsv2": "connectcampaigns",
    "connectscheduling": "connect",
    "greengrassv2": "greengrass",
    "kinesis-video-media": "kinesisvideo",
    "kinesis-video-signaling": "kinesisvideo",
    "kinesis-video-webrtc-storage": "kinesisvideo",
    "kinesisanalytics": "kinesisanalyticsv2",
    "lambda-core": "awslambda",
    "lambda-microvms": "awslambda",
    "lambda-web": "awslambda",
    "pinpoint-email": "ses",
    "resiliencehubv2": "resiliencehub",
    "s3files": "s3",
    "s3outposts": "s3",
    "simpledbv2": "sdb",
}
# Services that moto has at the address, and mostly in the package, of another.
AT_ANOTHER = {
    "apigatewayv2": "apigateway",
    "docdb": "rds",
    "lambda": "awslambda",
    "neptune": "rds",
    "opensearch": "es",
    "timestream-write": "timestreamwrite",
}


def table() -> dict[str, dict[str, Any]]:
    """Return one entry for each service of botocore, by its botocore name."""
    services = {}
    data = Path(botocore.__file__).parent / "data"
    for model in sorted(data.glob("*/*/service-2.json.gz")):
        name = model.parent.parent.name
        metadata = json.loads(gzip.decompress(model.read_bytes()))["metadata"]
        services[name] = {  # the newest version of a service comes last
            "version": metadata["apiVersion"],
            "protocols": metadata.get("protocols") or [metadata["protocol"]],
            "signing": metadata.get("signingName") or metadata["endpointPrefix"],
            "prefix": metadata["endpointPrefix"],
            "target": metadata.get("targetPrefix"),
            "namespace": metadata.get("xmlNamespace"),
            "moto": moto_host(name, metadata["endpointPrefix"]),
        }
    return services


def moto_host(name: str, prefix: str) -> str | None:
    """Return the host name under which moto answers for a service, None where it simulates nothing of it."""
    if name in NOT_SIMULATED:
        return None
    for template in (
        OTHER_HOSTS.get(name),
        f"{prefix}.{{region}}.amazonaws.com",
        f"{prefix}.amazonaws.com",
        f"{prefix}.{{region}}.api.aws",
    ):
        if template is None:
            continue
        url = "https://" + template.format(region="us-east-1", account="123456789012") + "/"
        if any(pattern.match(url) for _, pattern in backend_url_patterns):
            return template
    return None


def main() -> int:
    text = "{\n" + ",\n".join(f" {json.dumps(name)}: {json.dumps(entry)}" for name, entry in table().items()) + "\n}\n"
    if "--check" in sys.argv:
        return int(TARGET.read_text() != text)
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
