"""The tags of resources whose service has no reader for them: moto lists most.

moto does not list all types of resources of a service. The tags of one that it does not list, and of a part of a
listed one (an alias of a function, an index of a table), are not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from podrole.aws.emulator.backends import taggable
from podrole.aws.emulator.readers.reader import ARNParts

_TAGGERS = ("tagger", "tagging_service")
"""Where moto's backends keep tags by ARN, those of types that they do not list among them."""

LISTED: Mapping[str, frozenset[str]] = {
    "acm": frozenset({"certificate"}),
    "appsync": frozenset({"apis"}),
    "athena": frozenset({"capacity-reservation", "datacatalog", "workgroup"}),
    "autoscaling": frozenset(),  # its reader has them
    "backup": frozenset({"backup-vault"}),
    "catalog": frozenset({"portfolio", "product"}),
    "cleanrooms": frozenset({"collaboration", "configuredtable", "membership"}),
    "clouddirectory": frozenset({"directory"}),
    "cloudformation": frozenset({"stack"}),
    "cloudfront": frozenset({"distribution", "function", "key-value-store"}),
    "cloudwatch": frozenset({"alarm", "insight-rule"}),
    "codedeploy": frozenset({"application", "deploymentgroup"}),
    "comprehend": frozenset({"document-classifier", "entity-recognizer", "flywheel"}),
    "connect": frozenset({"instance"}),
    "connect-campaigns": frozenset({"campaign"}),
    "directconnect": frozenset(),  # moto lists them by id, not by ARN
    "dms": frozenset({"endpoint", "rep", "task"}),
    "dsql": frozenset({"cluster"}),
    "dynamodb": frozenset({"table"}),
    "ec2": frozenset(),  # its reader has them
    "ecs": frozenset({"cluster", "service", "task", "task-definition"}),
    "elasticache": frozenset({"cluster", "replicationgroup", "snapshot", "user"}),
    "elasticbeanstalk": frozenset({"environment"}),
    "elasticfilesystem": frozenset({"access-point", "file-system"}),
    "elasticloadbalancing": frozenset({"listener", "listener-rule", "loadbalancer", "targetgroup"}),
    "events": frozenset({"event-bus", "rule"}),
    "firehose": frozenset({"deliverystream"}),
    "fsx": frozenset({"backup", "file-system"}),
    "glue": frozenset({"crawler", "job", "registry", "schema", "session", "trigger"}),
    "kafka": frozenset({"cluster"}),
    "kinesisanalyticsv2": frozenset(),  # ARNs name the service kinesisanalytics
    "kms": frozenset({"key"}),
    "lambda": frozenset({"function"}),
    "lex": frozenset({"bot", "bot-alias"}),
    "logs": frozenset({"log-group"}),
    "quicksight": frozenset({"dashboard", "datasource", "user"}),
    "rds": frozenset({"cluster", "cluster-snapshot", "db", "db-proxy", "snapshot"}),
    "s3": frozenset(),  # its reader has them
    "sagemaker": frozenset(
        {
            "automl-job",
            "cluster",
            "compilation-job",
            "domain",
            "endpoint",
            "endpoint-config",
            "experiment",
            "feature-group",
            "hyper-parameter-tuning-job",
            "model",
            "model-card",
            "model-package",
            "model-package-group",
            "notebook-instance",
            "pipeline",
            "processing-job",
            "training-job",
            "transform-job",
        }
    ),
    "secretsmanager": frozenset({"secret"}),
    "ses": frozenset({"configuration-set", "contact-list", "dedicated-ip-pool"}),
    "sns": frozenset({""}),
    "sqs": frozenset({""}),
    "ssm": frozenset({"document", "parameter"}),
    "states": frozenset({"activity", "stateMachine"}),
    "swf": frozenset({""}),
    "vpc-lattice": frozenset({"service", "servicenetwork", "targetgroup"}),
    "workspaces": frozenset({"directory", "workspace", "workspaceimage"}),
    "workspaces-web": frozenset({"portal"}),
}
"""By the service's name in ARNs, the types of resources whose tags moto has, by their word in ARNs; empty where an ARN
has none. A resource of these that is not listed has no tags."""


def listed_tags(arn: ARNParts) -> Mapping[str, str] | None:
    """Return a resource's tags; None if they are not known."""
    listed = LISTED.get(arn.service)
    if listed is None:
        return None
    is_part = False
    for stored in taggable(arn.service, arn.account, arn.region, arn.partition):
        for resource in stored.iter_tagged_resources():
            if arn.text in (resource.arn, f"{resource.arn}:*"):
                return dict(resource.tags)
            is_part = is_part or arn.text.startswith((f"{resource.arn}:", f"{resource.arn}/"))
        for tagger in (getattr(stored, name, None) for name in _TAGGERS):
            if tagger is not None and tagger.has_tags(arn.text):
                return dict(tagger.get_tag_dict_for_resource(arn.text))
    kind, *rest = re.split("[:/]", arn.resource, maxsplit=1)
    return {} if (kind if rest else "") in listed and not is_part else None
