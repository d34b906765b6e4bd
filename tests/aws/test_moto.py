"""What podrole relies on in moto below its documented interface, in one place.

A test that fails here with a new moto names the part that changed; podrole.aws.emulator uses it.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from podrole.aws.emulator.backends import backend, backends
from podrole.aws.emulator.facts import READERS
from support.aws import ACCOUNT, REGION, LocalAWS

pytestmark = pytest.mark.services

FUNCTIONS: dict[str, list[str]] = {
    "moto.core.base_backend.BaseBackend.reset": ["self"],
    "moto.core.botocore_stubber.BotocoreStubber.process_request": ["self", "request"],
    "moto.core.request.normalize_request": ["request"],
    "moto.core.routing.get_service_router": ["service_name"],
    "moto.cloudformation.models.Stack._add_stack_event": [
        "self",
        "resource_status",
        "resource_status_reason",
        "resource_properties",
    ],
    "moto.cloudformation.models.Stack._parse_template": ["self"],
    "moto.cloudformation.models.Stack.create_resources": ["self"],
    "moto.cloudformation.models.Stack.delete": ["self"],
    "moto.cloudformation.models.Stack.update": ["self", "template", "role_arn", "parameters", "tags"],
    "moto.cloudformation.parsing.OutputMap.__init__": ["self", "resources", "template", "stack_id"],
    "moto.cloudformation.parsing.ResourceMap.delete": ["self"],
    "moto.cloudformation.parsing.ResourceMap.update": ["self", "template", "parameters"],
    "moto.cloudformation.parsing.get_model_list": [],
    "moto.cloudformation.parsing.get_model_map": [],
    "moto.iam.models.InstanceProfile.__init__": [
        "self",
        "account_id",
        "region_name",
        "instance_profile_id",
        "name",
        "path",
        "roles",
        "tags",
    ],
    "moto.iam.models.Role.__init__": [
        "self",
        "account_id",
        "partition",
        "role_id",
        "name",
        "assume_role_policy_document",
        "path",
        "permissions_boundary",
        "description",
        "tags",
        "max_session_duration",
        "linked_service",
    ],
    "moto.awslambda.models.LambdaFunction._invoke_lambda": ["self", "event"],
    "moto.events.models.Rule.send_to_targets": ["self", "original_event", "transform_input"],
    "moto.logs.models.LogStream._send_log_events": ["self", "service", "destination_arn", "filter_name", "log_events"],
    "moto.sqs.models.SQSBackend.receive_message": [
        "self",
        "queue_name",
        "count",
        "wait_seconds_timeout",
        "visibility_timeout",
        "message_attribute_names",
    ],
    "moto.kms.utils._deserialize_ciphertext_blob": ["ciphertext_blob"],
    "moto.ec2.models.launch_templates.LaunchTemplate.get_version": ["self", "num"],
    "moto.s3.notifications.send_event": ["account_id", "event_name", "bucket", "key"],
    "moto.s3.notifications.send_test_event": ["account_id", "bucket"],
    "moto.sns.models.SNSBackend.publish": [
        "self",
        "message",
        "arn",
        "phone_number",
        "subject",
        "message_attributes",
        "group_id",
        "deduplication_id",
        "message_structure",
    ],
    "moto.sqs.models.SQSBackend.send_message": [
        "self",
        "queue_name",
        "message_body",
        "message_attributes",
        "delay_seconds",
        "deduplication_id",
        "group_id",
        "system_attributes",
        "validate_group_id",
    ],
    "moto.s3.models.PublicAccessBlock.__init__": [
        "self",
        "block_public_acls",
        "ignore_public_acls",
        "block_public_policy",
        "restrict_public_buckets",
    ],
}


def resolve(path: str) -> Any:
    parts = path.split(".")
    for number in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:number]))
        except ModuleNotFoundError:
            continue
        for name in parts[number:]:
            found = getattr(found, name)
        return found
    raise LookupError(path)


@pytest.mark.parametrize("path", FUNCTIONS)
def test_a_function_takes_the_parameters_that_podrole_passes(path: str) -> None:
    assert list(inspect.signature(resolve(path)).parameters) == FUNCTIONS[path]


@pytest.mark.parametrize(
    "path",
    [
        "moto.awslambda.models.LambdaBackend.send_dynamodb_items",
        "moto.batch.models.Job._mark_stopped",
        "moto.batch.models.Job.start",
        "moto.core.base_backend.BackendDict._instances",
        "moto.events.models.requests.request",
        "moto.firehose.models.requests.post",
        "moto.iam.aws_managed_policies.aws_managed_policies_data",
        "moto.iam.models.get_account_id_from",
        "moto.iam.models.iam_backends.backend",
        "moto.iam.models.mark_account_as_visited",
        "moto.s3.models.FakeBucket.get_permission",
        "moto.sns.models.InvalidParameterValue",
        "moto.sns.models.Subscription.publish",
        "moto.sns.models.requests.post",
        "moto.swf.models.sleep",
    ],
)
def test_what_podrole_replaces_or_reads_exists(path: str) -> None:
    assert resolve(path) is not None


USED: dict[str, tuple[Callable[[Any], Any], list[str]]] = {
    "athena": (lambda it: it.list_work_groups(), ["executions", "named_queries"]),
    "autoscaling": (lambda it: it.describe_auto_scaling_groups(), ["autoscaling_groups"]),
    "cloudformation": (lambda it: it.list_stacks(), ["stacks", "change_sets"]),
    "config": (lambda it: it.describe_configuration_recorders(), ["recorders"]),
    "dynamodb": (lambda it: it.list_tables(), ["tables", "resource_policies"]),
    "ec2": (
        lambda it: it.describe_vpcs(),
        [
            "addresses",
            "default_kms_key_id",
            "groups",
            "key_pairs",
            "launch_template_name_to_ids",
            "snapshots",
            "subnets",
            "tags",
            "volumes",
        ],
    ),
    "ecr": (lambda it: it.describe_repositories(), ["repositories"]),
    "glue": (lambda it: it.get_databases(), ["resource_policies"]),
    "kinesis": (lambda it: it.list_streams(), ["streams", "resource_policies"]),
    "kms": (lambda it: it.list_keys(), ["keys"]),
    "lambda": (lambda it: it.list_functions(), ["_lambdas", "list_functions", "_event_source_mappings"]),
    "logs": (lambda it: it.describe_log_groups(), ["resource_policies"]),
    "s3": (lambda it: it.list_buckets(), ["buckets", "tagger"]),
    "secretsmanager": (lambda it: it.list_secrets(), ["secrets"]),
    "sns": (lambda it: it.list_topics(), ["topics"]),
    "sqs": (lambda it: it.list_queues(), ["queues"]),
    "ssm": (lambda it: it.describe_parameters(), ["_parameters"]),
}


@pytest.mark.parametrize("service", USED)
def test_a_backend_has_the_attributes_that_podrole_reads(aws: LocalAWS, service: str) -> None:
    use, attributes = USED[service]
    use(aws.client(service))
    place = "aws" if service == "s3" else REGION
    found = backend(service, ACCOUNT, place)
    assert found is not None
    assert [name for name in attributes if not hasattr(found, name)] == []


def test_all_services_that_podrole_reads_are_in_the_table() -> None:
    assert set(USED) == set(READERS)


def test_s3_knows_the_owner_of_each_bucket(aws: LocalAWS) -> None:
    aws.client("s3").create_bucket(Bucket="logs")
    every = backends("s3")
    assert every is not None
    assert every.bucket_accounts["logs"] == ("aws", ACCOUNT)


def test_an_update_without_changes_makes_the_item(aws: LocalAWS) -> None:
    tables = aws.client("dynamodb")
    tables.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    tables.update_item(TableName="t", Key={"k": {"S": "a"}})
    assert tables.get_item(TableName="t", Key={"k": {"S": "a"}})["Item"] == {"k": {"S": "a"}}
