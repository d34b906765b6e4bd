"""What a CloudFormation template makes CloudFormation do with its caller's rights, beside making resources: hand roles
to services, read parameters of Systems Manager, and read secrets.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from podrole.aws.interfaces import Facts
from podrole.aws.protocol.catalogue import services
from podrole.iam.actions.call import Call, Permission
from podrole.iam.actions.reference import prefix_of
from podrole.iam.actions.roles import pass_role
from podrole.iam.actions.tables import services_given_roles

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_PROFILE = "AWS::IAM::InstanceProfile"
_REFERENCE = re.compile(r"\{\{resolve:(ssm|ssm-secure|secretsmanager):([^{}$]+)\}\}")
_PARAMETER_TYPE = "AWS::SSM::Parameter::"


def roles_in(template: Mapping[str, Any], call: Call, prefixes: Mapping[str, str]) -> Iterator[Permission]:
    """Yield iam:PassRole on each role in a template's resources.

    Which role a name, a parameter or another resource means is not worked out: it may be any of the account's.
    ``prefixes`` are those of the services whose name in types of resources is another.
    """
    for resource in (template.get("Resources") or {}).values():
        kind = str(resource["Type"])
        if kind.startswith("AWS::IAM::") and kind != _PROFILE:
            continue
        name = kind.split("::")[1].lower()
        for member, value in _roles(resource.get("Properties")):
            service = "ec2.amazonaws.com" if kind == _PROFILE else _service_given(prefixes.get(name, name), member)
            if isinstance(value, str) and value.startswith("arn:") and ":role/" in value and "$" not in value:
                yield pass_role(value, service)
            else:
                yield pass_role(call.arn("iam", "role/*", region=""), service, partial=True)


def _roles(properties: Any) -> Iterator[tuple[str, Any]]:
    """Yield the values of the properties that hold roles or instance profiles, at any depth, with their names."""
    waiting = [properties]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        for name, value in node.items() if isinstance(node, dict) else ():
            words = [word.lower() for word in _WORD.findall(str(name))]
            if {"role", "roles"} & set(words) or "instance profile" in " ".join(words):
                yield from ((str(name), each) for each in (value if isinstance(value, list) else [value]))
            else:
                waiting.append(value)


def _service_given(prefix: str, name: str) -> str:
    """Return the service that gets a role by a property of that name; empty if it may be one of several."""
    service_names = _services_given().get(prefix, {}).get(name.lower(), frozenset())
    return next(iter(service_names)) if len(service_names) == 1 else ""


@functools.cache
def _services_given() -> Mapping[str, Mapping[str, frozenset[str]]]:
    by_prefix: dict[str, dict[str, frozenset[str]]] = {}
    for client, by_name in services_given_roles().items():
        of_prefix = by_prefix.setdefault(prefix_of(client, services()[client].signing), {})
        for name, service_names in by_name.items():
            of_prefix[name.lower()] = of_prefix.get(name.lower(), frozenset()) | service_names
    return by_prefix


def parameters_read(
    template: Mapping[str, Any], call_input: Mapping[str, Any], call: Call, *, is_new: bool
) -> Iterator[Permission]:
    """Yield ssm:GetParameters on each parameter of Systems Manager that the template's parameters name.

    A stack that is there may have another value for a parameter than the template's default: it is not known.
    """
    passed = {
        passed_parameter.get("ParameterKey"): passed_parameter.get("ParameterValue")
        for passed_parameter in call_input.get("Parameters") or ()
    }
    for name, parameter in (template.get("Parameters") or {}).items():
        if str(parameter["Type"]).startswith(_PARAMETER_TYPE):
            default = parameter.get("Default") if is_new and name not in passed else None
            yield _parameter(call, passed.get(name) or default)


def references_read(
    template: Mapping[str, Any], call_input: Mapping[str, Any], call: Call, facts: Facts
) -> Iterator[Permission]:
    """Yield what the dynamic references in a template and in the values of its parameters need."""
    text = json.dumps([template, call_input.get("Parameters")], default=str)
    references = _REFERENCE.findall(text)
    for service, reference in references:
        if service == "secretsmanager":
            yield _secret(call, reference, facts)
        else:
            yield _parameter(call, re.sub(r":[0-9]+$", "", reference))
    if text.count("{{resolve:") != len(references):  # put together from pieces: what it names is not known
        yield _parameter(call, None)
        yield Permission("secretsmanager:GetSecretValue", call.arn("secretsmanager", "secret:*"), partial=True)


def _parameter(call: Call, name: object) -> Permission:
    if not isinstance(name, str) or not name:
        return Permission("ssm:GetParameters", call.arn("ssm", "parameter/*"), partial=True)
    arn = name if name.startswith("arn:") else call.arn("ssm", f"parameter/{name.lstrip('/')}")
    return Permission("ssm:GetParameters", arn)


def _secret(call: Call, reference: str, facts: Facts) -> Permission:
    """Read ``secret:SecretString:key:stage:version``; the secret may be an ARN, which has seven parts of its own."""
    parts = reference.split(":")
    name = ":".join(parts[:7]) if reference.startswith("arn:") else parts[0]
    arn = facts.arn_of(call, "secretsmanager:secret", name)
    if arn is None:
        arn = name if name.startswith("arn:") else call.arn("secretsmanager", f"secret:{name}")
    return Permission("secretsmanager:GetSecretValue", arn)
