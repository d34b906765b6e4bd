"""What is special about CloudFormation: it makes a template's resources with its caller's rights, and moto without any.

A caller who creates, changes or deletes a stack must be allowed *every* action of the services whose resources the
stack holds, on all resources: more than AWS asks, and never less. What a resource needs beside that is decided when it
is made (podrole.aws.services.resource_types). The caller must also be allowed to pass the roles in the template, and to
read the parameters and secrets that it names (podrole.aws.services.templates). What could get around this (a template
that is not in the call, nested stacks, macros, a role to act as, stacks in other accounts) is not simulated. Neither
are resource policies that would not take part in decisions.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/security-iam.html
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from podrole.aws.errors import AWSError
from podrole.aws.interfaces import Facts
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import parameters
from podrole.aws.services.resource_types.made_by_calls import MADE_BY_CALLS
from podrole.aws.services.rules import Authorizing, Resolving, ServiceRules
from podrole.aws.services.template_faults import template_fault
from podrole.aws.services.templates import parameters_read, references_read, roles_in
from podrole.base.partitions import partition_of
from podrole.base.short_texts import cached_for_short_texts
from podrole.iam.actions.arns import plain
from podrole.iam.actions.call import Call, Permission
from podrole.iam.actions.reference import service

MOST_CHARACTERS = 51_200
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
_MAKING = frozenset({"CreateChangeSet", "CreateStack", "DeleteStack", "ExecuteChangeSet", "UpdateStack"})
_WITH_TEMPLATES = frozenset({"CreateChangeSet", "CreateStack", "UpdateStack"})
_ELSEWHERE = frozenset(
    {
        "CreateStackInstances",
        "CreateStackSet",
        "DeleteStackInstances",
        "DeleteStackSet",
        "UpdateStackInstances",
        "UpdateStackSet",
    }
)
# Where a service's name in types of resources is not the prefix of its actions.
_PREFIXES = {
    "apigatewayv2": "apigateway",
    "applicationautoscaling": "application-autoscaling",
    "certificatemanager": "acm",
    "efs": "elasticfilesystem",
    "elasticloadbalancingv2": "elasticloadbalancing",
    "emr": "elasticmapreduce",
    "kinesisfirehose": "firehose",
    "opensearchservice": "es",
    "stepfunctions": "states",
}

_HONORED_POLICIES = MADE_BY_CALLS.keys() | {
    "AWS::ApplicationAutoScaling::ScalingPolicy",  # these two, and IoT's, are no policies of access through IAM
    "AWS::AutoScaling::ScalingPolicy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IoT::Policy",
}
_POLICY_PROPERTIES: Mapping[str, frozenset[str]] = {
    "AWS::ApiGateway::RestApi": frozenset({"policy"}),
    "AWS::Backup::BackupVault": frozenset({"accesspolicy"}),
    "AWS::DynamoDB::Table": frozenset({"resourcepolicy"}),
    "AWS::EFS::FileSystem": frozenset({"filesystempolicy"}),
    "AWS::Elasticsearch::Domain": frozenset({"accesspolicies"}),
    "AWS::Events::EventBus": frozenset({"policy"}),
    "AWS::Logs::LogGroup": frozenset({"resourcepolicydocument"}),
    "AWS::OpenSearchService::Domain": frozenset({"accesspolicies"}),
    "AWS::SNS::Topic": frozenset({"policy", "policyjson"}),
    "AWS::SQS::Queue": frozenset({"policy", "policyjson"}),
}
"""Properties, or their members, with a policy; moto takes some that CloudFormation does not have. Written as ``plain``
writes names."""


def permissions_of_stack(authorizing: Authorizing) -> Iterator[Permission]:
    """Yield what a call of CloudFormation needs in addition to its own action. Raises AWSError for what is not
    simulated."""
    call, account, facts, _ = authorizing
    call_input = parameters(call)
    if call.operation in _ELSEWHERE:
        raise _not_simulated(call, "stacks in other accounts and regions")
    body = call_input.get("TemplateBody")
    template = read_template(body) if isinstance(body, str) else {}
    if call.operation not in _MAKING:
        return
    if call.operation in _WITH_TEMPLATES and not any(
        call_input.get(name) for name in ("TemplateBody", "TemplateURL", "UsePreviousTemplate")
    ):
        raise AWSError("ValidationError", 400, "Either Template URL or Template Body must be specified.")
    fault = template_fault(template)
    if fault is not None:
        raise AWSError("ValidationError", 400, fault)
    if call_input.get("TemplateURL"):
        raise _not_simulated(call, "templates that are read from S3; pass the template itself")
    if call_input.get("RoleARN"):
        raise _not_simulated(call, "a role that CloudFormation acts as")
    stored = _stored_templates(call, call_input, account, facts)
    for prefix in sorted({prefix for document in (template, *stored) for prefix in _prefixes(call, document)}):
        for action in _actions(prefix):
            yield Permission(action, partial=True)
    if call.operation != "DeleteStack":
        yield from _on_the_callers_behalf(call, account, facts, template, stored)


def _on_the_callers_behalf(
    call: IdentifiedCall, account: str, facts: Facts, template: Mapping[str, Any], stored: Sequence[Mapping[str, Any]]
) -> Iterator[Permission]:
    call_input = parameters(call)
    asked = Call(
        call.service.name, "cloudformation", call.operation, call_input, account, call.region, partition_of(call.region)
    )
    for document in (template, *stored):
        yield from roles_in(document, asked, _PREFIXES)
        yield from references_read(document, call_input, asked, facts)
        if call.operation != "ExecuteChangeSet":  # they were read for the change set
            yield from parameters_read(document, call_input, asked, is_new=not stored)


def read_template(text: str) -> Mapping[str, Any]:
    """Read a template, JSON or YAML with CloudFormation's short forms. Raises AWSError for anything else.

    A YAML tag never calls code: moto's own reader would call any Python function that a tag names.
    """
    import yaml

    if len(text) > MOST_CHARACTERS:
        raise AWSError(
            "ValidationError",
            400,
            "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have "
            f"length less than or equal to {MOST_CHARACTERS}",
        )
    try:
        template = yaml.load(text, _loader())  # noqa: S506 - a SafeLoader
    except (yaml.parser.ParserError, yaml.scanner.ScannerError):  # as moto goes on
        try:
            template = json.loads(text)
        except (ValueError, RecursionError):
            template = None
    except (yaml.YAMLError, ValueError, RecursionError):
        template = None
    if not isinstance(template, dict):
        raise AWSError("ValidationError", 400, "Template format error: unsupported structure.")
    return template


@functools.cache
def _loader() -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            # CloudFormation has no aliases, and a few lines of them can mean gigabytes.
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("aliases are not supported")
            return super().compose_node(parent, index)

    def short_form(loader: Any, suffix: str, node: Any) -> Any:
        name = suffix if suffix in ("Condition", "Ref") else f"Fn::{suffix}"
        if isinstance(node, yaml.MappingNode):
            return {name: loader.construct_mapping(node)}
        if isinstance(node, yaml.SequenceNode):
            return {name: loader.construct_sequence(node)}
        return {name: loader.construct_scalar(node)}

    Loader.add_multi_constructor("!", short_form)
    return Loader


def _prefixes(call: IdentifiedCall, template: Mapping[str, Any]) -> Iterator[str]:
    """Yield the services whose resources a template holds, by the prefixes of their actions."""
    if "Transform" in template or _anywhere(template, "Fn::Transform"):
        raise _not_simulated(call, "macros")
    for resource in (template.get("Resources") or {}).values():
        kind = resource["Type"]
        parts = kind.split("::") if isinstance(kind, str) else []
        if len(parts) != 3 or parts[0] != "AWS" or parts[1] == "CloudFormation":
            raise _not_simulated(call, f"resources of type {kind!r}"[:100])
        name = parts[1].lower()
        if ignored_policy(str(kind), resource.get("Properties")):
            raise _not_simulated(call, f"the policy of a resource of type {kind}"[:100])
        prefix = _PREFIXES.get(name, name)
        if service(prefix) is None:
            raise _not_simulated(call, f"resources of type {kind!r}"[:100])
        yield prefix


def ignored_policy(kind: str, properties: Any) -> bool:
    """Say whether a resource has a policy that would not take part in decisions."""
    names = _POLICY_PROPERTIES.get(kind, frozenset())
    is_policy = kind.endswith(("Policy", "PolicyStatement", "Permission")) and kind not in _HONORED_POLICIES
    blocks = [properties, *properties.values()] if isinstance(properties, dict) else []
    return is_policy or any(plain(str(name)) in names for block in blocks if isinstance(block, dict) for name in block)


def _anywhere(value: Any, name: str) -> bool:
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if name in node:
                return True
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return False


def _stored_templates(
    call: IdentifiedCall, call_input: Mapping[str, Any], account: str, facts: Facts
) -> list[Mapping[str, Any]]:
    """Return the templates of what is already there: a stack to change or delete, a change set to execute."""
    stack, change_set = str(call_input.get("StackName") or ""), str(call_input.get("ChangeSetName") or "")
    texts = facts.stack_templates(account, call.region, stack=stack, change_set=change_set)
    return [read_template(template) for template in texts]


@cached_for_short_texts(1024)
def _actions(prefix: str) -> tuple[str, ...]:
    definition = service(prefix)
    return tuple(f"{prefix}:{name}" for name in definition.action_names()) if definition is not None else ()


def _not_simulated(call: IdentifiedCall, what: str) -> AWSError:
    return AWSError("NotImplemented", 501, f"podrole's local AWS does not simulate {call.action} with {what}.")


def _resolve(resolving: Resolving) -> None:
    """Name a change set and its stack by their ids: moto takes the first change set of that name, of any stack."""
    name = resolving.given.get("ChangeSetName")
    if not isinstance(name, str) or resolving.call.operation == "CreateChangeSet":
        return
    asked, facts = resolving.asked, resolving.facts
    named = f"{resolving.given.get('StackName') or ''}|{name}"
    change_set, stack = (
        facts.arn_of(asked, f"cloudformation:{kind}", named) for kind in ("change-set", "stack-of-change-set")
    )
    if change_set is None or stack is None:
        raise AWSError("ChangeSetNotFound", 404, f"ChangeSet [{name}] does not exist")
    resolving.given.update(ChangeSetName=change_set, StackName=stack)


RULES = ServiceRules(
    "cloudformation",
    resolve=_resolve,
    also_needs=permissions_of_stack,
    # The policies of stacks, which limit updates. moto stores them, and updates a stack all the same.
    not_judged={
        "CreateStack": ("StackPolicyBody", "StackPolicyURL"),
        "SetStackPolicy": (),
        "UpdateStack": (
            "StackPolicyBody",
            "StackPolicyURL",
            "StackPolicyDuringUpdateBody",
            "StackPolicyDuringUpdateURL",
        ),
    },
)
