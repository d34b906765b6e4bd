"""Calls every operation of a service once, and says what came of each: through podrole, or by moto alone.

Run as a program it does so with moto alone, in a process of its own, for the services that are its arguments.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from support.minimal_input import ACCOUNT, REGION, in_order, minimal_input

FAILED = "failed"
"""The code of a call that ended with an exception of moto, or with InternalFailure."""

Outcome = dict[str, Any]
"""``status``, ``code`` (of an error) and ``texts``: those of the input that the answer has."""


def sweep(client: Any, keep_out: frozenset[str] = frozenset()) -> Iterator[tuple[str, Outcome]]:
    """Call every operation of a client's service. ``keep_out`` are operations that are left out."""
    model = client.meta.service_model
    methods = client.meta.method_to_api_mapping
    by_operation = {operation: method for method, operation in methods.items()}
    for name in in_order(model.operation_names):
        operation = model.operation_model(name)
        if name in keep_out or name not in by_operation or operation.has_event_stream_input:
            continue
        given = minimal_input(operation)
        with contextlib.redirect_stdout(io.StringIO()):
            outcome = _outcome(getattr(client, by_operation[name]), given)
        yield name, outcome


def _outcome(call: Any, given: dict[str, Any]) -> Outcome:
    try:
        answer = call(**given)
    except ClientError as problem:
        error = problem.response["Error"]
        status = problem.response["ResponseMetadata"].get("HTTPStatusCode", 0)
        is_failure = error["Code"] in ("InternalFailure", "InternalError") or status == 500
        return {
            "status": status,
            "code": FAILED if is_failure else error["Code"],
            "why": str(error.get("Message"))[:200],
        }
    except BotoCoreError as problem:  # the input, or the answer, is not what botocore takes
        return {"status": 0, "code": type(problem).__name__, "why": str(problem)[:200]}
    except NotImplementedError as problem:
        return {"status": 501, "code": "NotImplemented", "why": str(problem)[:200]}
    except Exception as problem:  # noqa: BLE001 - moto's own
        return {"status": 500, "code": FAILED, "why": f"{type(problem).__name__}: {problem}"[:200]}
    metadata = answer.pop("ResponseMetadata", {})
    texts = sorted({text for text in _texts(answer) if "sweep" in text.lower()})
    return {"status": metadata.get("HTTPStatusCode", 200), "code": "", "texts": texts}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str):
        yield value


def client_config() -> Config:
    return Config(
        retries={"max_attempts": 0, "mode": "standard"},
        read_timeout=60,
        inject_host_prefix=False,
        s3={"addressing_style": "path"},
    )


def main(services: list[str]) -> None:
    os.environ.update(
        MOTO_ACCOUNT_ID=ACCOUNT, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_DEFAULT_REGION=REGION
    )
    # moto does not know every address of its services; what it lets through ends here, not on the network.
    os.environ.update(dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"), NO_PROXY="")
    from moto import mock_aws

    with mock_aws():
        for service in services:
            client = boto3.client(service, region_name=REGION, config=client_config())
            for operation, outcome in sweep(client):
                print(json.dumps([service, operation, outcome]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
