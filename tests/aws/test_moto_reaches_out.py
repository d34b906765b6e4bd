"""Each module of moto that could open a connection, run a program or sleep is known, with the reason why it may."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from podrole.aws.emulator import long_polls
from podrole.aws.emulator.outgoing import REPLACEMENTS
from support.imports import imports_below

pytestmark = pytest.mark.services

REACHING_OUT = {
    "aiohttp",
    "boto3",
    "docker",
    "ftplib",
    "http",
    "httpx",
    "paramiko",
    "requests",
    "smtplib",
    "socket",
    "subprocess",
    "urllib",
    "urllib3",
}
HARMLESS = (
    "boto3.Session",  # for the names of regions
    "boto3.dynamodb.types",
    "http.HTTPStatus",
    "http.client.responses",
    "requests.PreparedRequest",
    "requests.models.PreparedRequest",
    "requests.structures",
    "urllib.parse",
)
NOT_IMPORTED = ("moto_proxy", "moto_server", "moto_api", "proxy.py", "server.py")
"""moto's own servers and their recorder."""

_NO_ENDPOINT = "only a request to a deployed API leads there, and podrole has no endpoint for one"
_NOT_CONFIGURED = "moto's setting execute_state_machine is off"
REVIEWED = {
    "apigateway/integration_parsers/aws_parser.py": _NO_ENDPOINT,
    "apigateway/integration_parsers/http_parser.py": _NO_ENDPOINT,
    "apigateway/integration_parsers/unknown_parser.py": _NO_ENDPOINT,
    "apigateway/models.py": _NO_ENDPOINT,
    "batch/models.py": "replaced: Job.start",
    "batch_simple/models.py": "moto's setting batch.use_docker is on",
    "core/authorization.py": "a type",
    "core/models.py": "its mocks are not started",
    "events/models.py": "replaced: requests",
    "firehose/models.py": "replaced: requests",
    "iam/config.py": "boto3.Session for the names of regions",
    "awslambda/models.py": "replaced: LambdaFunction._invoke_lambda",
    "sns/models.py": "replaced: requests",
    "stepfunctions/parser/asl/component/state/exec/state_task/service/state_task_service_api_gateway.py": (
        _NOT_CONFIGURED
    ),
    "stepfunctions/parser/asl/component/state/exec/state_task/service/state_task_service_glue.py": _NOT_CONFIGURED,
    "stepfunctions/parser/asl/utils/boto_client.py": _NOT_CONFIGURED,
    "swf/models/__init__.py": "replaced: sleep",
    "utilities/docker_utilities.py": "functions and jobs are not run, and nothing else uses it",
}


def moto_directory() -> Path:
    spec = importlib.util.find_spec("moto")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def can_reach_out(name: str) -> bool:
    return name == "time.sleep" or (name.partition(".")[0] in REACHING_OUT and not name.startswith(HARMLESS))


def test_every_module_of_moto_that_could_reach_out_is_reviewed() -> None:
    reaching = {
        name
        for name, imported in imports_below(moto_directory()).items()
        if not name.startswith(NOT_IMPORTED) and any(map(can_reach_out, imported))
    }
    assert reaching == REVIEWED.keys(), "review what is new, remove what is gone"


def test_what_the_review_says_is_replaced_is_replaced() -> None:
    said = {
        "moto." + name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name, reason in REVIEWED.items()
        if reason.startswith("replaced")
    }
    assert said <= REPLACEMENTS.keys() | long_polls.REPLACEMENTS.keys()


def test_state_machines_are_not_executed() -> None:
    from moto.core.config import default_user_config

    assert default_user_config["stepfunctions"]["execute_state_machine"] is False
