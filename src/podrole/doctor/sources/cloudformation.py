"""Roles, policies and providers of CloudFormation templates, with the values that are known before deployment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from podrole.base.partitions import domain_of, partition_of
from podrole.doctor.sources.documents import FileDocument, object_of
from podrole.doctor.sources.items import (
    Item,
    Origin,
    PolicyFile,
    ProviderFile,
    RoleFile,
    as_policy,
    issuer_of,
    optional,
)
from podrole.iam.storing import StoredAs

_VARIABLE = re.compile(r"\$\{([!A-Za-z0-9:._]+)\}")


def read_template(
    document: FileDocument, account: str, region: str, parameters: Mapping[str, str]
) -> Iterator[Item] | None:
    """Return what a template holds, None if the document is not a template.

    ``parameters`` are the values of its parameters; the others have their defaults.
    """
    value = document.value
    if not isinstance(value, dict) or not isinstance(value.get("Resources"), dict):
        return None
    return _items(document, value["Resources"], _Template(value, account, region, parameters))


class _Unknown(Exception):
    """A value that is known only after the template is deployed."""


def _items(document: FileDocument, resources: Mapping[str, Any], template: _Template) -> Iterator[Item]:
    for logical_id, resource in resources.items():
        properties = resource.get("Properties") if isinstance(resource, dict) else None
        if not isinstance(properties, dict):
            continue
        place = Origin(document, ("Resources", logical_id, "Properties"))
        match resource.get("Type"):
            case "AWS::IAM::Role":
                name = template.text(properties.get("RoleName", logical_id)) or ""
                path = template.text(properties.get("Path", "/")) or "/"
                where = place.at("AssumeRolePolicyDocument")
                trust = template.policy(properties.get("AssumeRolePolicyDocument"), StoredAs.TRUST, where, logical_id)
                yield RoleFile(name, path, trust, place)
                for position, inline in enumerate(properties.get("Policies") or ()):
                    policy = inline.get("PolicyDocument") if isinstance(inline, dict) else None
                    where = place.at("Policies", position, "PolicyDocument")
                    yield from optional(template.policy(policy, StoredAs.INLINE, where, logical_id))
            case "AWS::IAM::Policy" | "AWS::IAM::ManagedPolicy" | "AWS::IAM::RolePolicy":
                where = place.at("PolicyDocument")
                policy = properties.get("PolicyDocument")
                managed = resource["Type"] == "AWS::IAM::ManagedPolicy"
                stored_as = StoredAs.MANAGED if managed else StoredAs.INLINE
                yield from optional(template.policy(policy, stored_as, where, logical_id))
            case "AWS::IAM::OIDCProvider":
                url = template.text(properties.get("Url"))
                ids = [template.text(each) for each in properties.get("ClientIdList") or ()]
                if url is not None:
                    yield ProviderFile(issuer_of(url), tuple(each for each in ids if each is not None), place)


_LIST = "CommaDelimitedList"
# The arguments of functions can be any JSON.
_NOT_KNOWN = (_Unknown, TypeError, ValueError, LookupError, AttributeError)


class _Template:
    """Resolves the values of a template that are known before it is deployed."""

    def __init__(self, template: Mapping[str, Any], account: str, region: str, parameters: Mapping[str, str]) -> None:
        self._resources: Mapping[str, Any] = template["Resources"]
        declared = template.get("Parameters")
        self._mappings: Any = template.get("Mappings")
        self._parameters = {
            name: parameters[name] if name in parameters else parameter["Default"]
            for name, parameter in (declared.items() if isinstance(declared, dict) else ())
            if isinstance(parameter, dict) and (name in parameters or "Default" in parameter)
        }
        self._lists = {
            name
            for name, parameter in (declared.items() if isinstance(declared, dict) else ())
            if isinstance(parameter, dict)
            and (str(parameter.get("Type", "")).startswith("List<") or parameter.get("Type") == _LIST)
        }
        # The value of a parameter of Systems Manager is a name there.
        for name, parameter in declared.items() if isinstance(declared, dict) else ():
            if isinstance(parameter, dict) and str(parameter.get("Type", "")).startswith("AWS::SSM::Parameter::Value"):
                self._parameters.pop(name, None)
        known = {"AWS::AccountId": account, "AWS::Region": region}
        self._pseudo = {**known, "AWS::Partition": partition_of(region), "AWS::URLSuffix": domain_of(region)}

    def text(self, value: Any) -> str | None:
        """Return a string, None if it is not known yet."""
        try:
            resolved = self._resolved(value)
        except _NOT_KNOWN:
            return None
        return resolved if isinstance(resolved, str) else None

    def policy(self, value: Any, stored_as: StoredAs, origin: Origin, name: str) -> PolicyFile | None:
        """Return a policy document, None if part of it is not known yet."""
        try:
            resolved = self._resolved(value)
        except _NOT_KNOWN:
            return None
        inside = isinstance(value, dict) and "Statement" in value
        policy = as_policy(resolved, stored_as, origin, name)
        return None if policy is None else PolicyFile(policy.text, stored_as, origin, name, inside)

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._resolved(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name == "Ref":
                return self._ref_or_list(str(argument))
            if name.startswith("Fn::"):
                return self._function(name, argument)
        return object_of([(key, self._resolved(member)) for key, member in value.items()])

    def _function(self, name: str, argument: Any) -> Any:
        match name:
            case "Fn::Sub":
                text, more = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])
                return _VARIABLE.sub(lambda match: self._substituted(match[1], more), text)
            case "Fn::Join":
                separator, parts = argument
                return str(separator).join(map(str, self._listed(parts)))
            case "Fn::Select":
                index, parts = argument
                return self._listed(parts)[int(self._resolved(index))]
            case "Fn::Split":
                separator, text = argument
                return str(self._resolved(text)).split(str(separator))
            case "Fn::FindInMap":
                first, second, third = (self._resolved(key) for key in argument[:3])
                return self._resolved(self._mappings[first][second][third])
            case "Fn::GetAtt":
                logical_id, _, attribute = ".".join(argument).partition(".")
                return self._attribute(logical_id, attribute)
        raise _Unknown(name)

    def _listed(self, parts: Any) -> list[Any]:
        resolved = self._resolved(parts)
        if not isinstance(resolved, list):
            raise _Unknown("a list")
        return resolved

    def _substituted(self, name: str, more: Mapping[str, Any]) -> str:
        if name.startswith("!"):
            return f"${{{name[1:]}}}"  # a policy's own variable
        if name in more:
            return str(self._resolved(more[name]))
        logical_id, dot, attribute = name.partition(".")
        return self._attribute(logical_id, attribute) if dot else self._ref(name)

    def _ref_or_list(self, name: str) -> Any:
        value = self._ref(name)
        return [part.strip() for part in value.split(",")] if name in self._lists else value

    def _ref(self, name: str) -> str:
        if self._pseudo.get(name):
            return self._pseudo[name]
        if name in self._parameters:
            value = self._parameters[name]
            return value if isinstance(value, str) else json.dumps(value)
        resource = self._resources.get(name)
        if isinstance(resource, dict) and resource.get("Type") == "AWS::IAM::OIDCProvider":
            return self._attribute(name, "Arn")
        if isinstance(resource, dict) and resource.get("Type") == "AWS::IAM::Role":
            return str(self._resolved(resource.get("Properties", {}).get("RoleName", name)))
        raise _Unknown(name)

    def _attribute(self, logical_id: str, attribute: str) -> str:
        resource = self._resources.get(logical_id)
        properties = resource.get("Properties", {}) if isinstance(resource, dict) else {}
        if isinstance(resource, dict) and attribute == "Arn" and self._pseudo["AWS::AccountId"]:
            prefix = f"arn:{self._pseudo['AWS::Partition']}:iam::{self._pseudo['AWS::AccountId']}:"
            if resource.get("Type") == "AWS::IAM::OIDCProvider":
                url = str(self._resolved(properties.get("Url", "")))
                return f"{prefix}oidc-provider/{url.removeprefix('https://')}"
            if resource.get("Type") == "AWS::IAM::Role":
                path = str(self._resolved(properties.get("Path", "/")))
                return f"{prefix}role{path}{self._resolved(properties.get('RoleName', logical_id))}"
        raise _Unknown(f"{logical_id}.{attribute}")
