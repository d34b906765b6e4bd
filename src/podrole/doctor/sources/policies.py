"""The roles, policies and providers that files hold: policy documents, Terraform plans, CloudFormation templates.

Values that are known only after deployment (an account's number, an attribute of a future resource) stay unknown, and
what depends on them is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from podrole.doctor.sources.documents import FileDocument, Where
from podrole.iam.policy import PolicyKind

_TRUST_NAME = re.compile(r"(?:^|[-_.])(?:assume[-_]?role|trust)(?:[-_.]?policy)?(?:$|[-_.])", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{([!A-Za-z0-9:._]+)\}")


@dataclass(frozen=True, slots=True)
class Origin:
    """The place in a document where something is written."""

    document: FileDocument
    where: Where = ()

    def line(self, *more: str | int) -> int:
        """Return the line of the place, or of a place inside it."""
        return self.document.line((*self.where, *more))

    def at(self, *more: str | int) -> Origin:
        """Return a place inside it."""
        return Origin(self.document, (*self.where, *more))


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A policy document. ``inside`` says whether its elements have lines of their own: not if it is a string."""

    text: str
    kind: PolicyKind
    origin: Origin
    name: str
    inside: bool = True


@dataclass(frozen=True, slots=True)
class RoleFile:
    """A role; ``name`` and ``path`` are empty if they are not known, as for a name that AWS generates."""

    name: str
    path: str
    trust: PolicyFile | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class ProviderFile:
    """An OpenID Connect provider."""

    issuer: str
    client_ids: tuple[str, ...]
    origin: Origin


Item = PolicyFile | RoleFile | ProviderFile


def read_policies(document: FileDocument, account: str, region: str = "") -> Iterator[Item]:
    """Yield the roles, policies and providers of a document. ``account`` and ``region`` are those of a template's
    deployment, empty if they are not known."""
    value = document.value
    if not isinstance(value, dict):
        return
    if "Statement" in value:
        yield from _policy_document(document, value)
    elif isinstance(value.get("planned_values"), dict):
        yield from _terraform(document, value["planned_values"])
    elif isinstance(value.get("Resources"), dict):
        yield from _cloudformation(document, value["Resources"], _Template(value["Resources"], account, region))


# A policy document by itself


def _policy_document(document: FileDocument, value: Mapping[str, Any]) -> Iterator[Item]:
    statements = value["Statement"] if isinstance(value["Statement"], list) else [value["Statement"]]
    trusts = any(isinstance(one, dict) and ("Principal" in one or "NotPrincipal" in one) for one in statements)
    assumes = any("sts:Assume" in json.dumps(one.get("Action", "")) for one in statements if isinstance(one, dict))
    stem = document.path.stem
    origin = Origin(document)
    text = json.dumps(value)
    if trusts and assumes:
        trust = PolicyFile(text, PolicyKind.TRUST, origin, str(document.path))
        yield RoleFile(_TRUST_NAME.sub("", stem) or document.path.parent.name, "", trust, origin)
    elif not trusts:  # policies of resources are not checked
        yield PolicyFile(text, PolicyKind.IDENTITY, origin, str(document.path))


# terraform show -json


def _terraform(document: FileDocument, planned: Mapping[str, Any]) -> Iterator[Item]:
    modules: list[tuple[Any, Where]] = [(planned.get("root_module"), ("planned_values", "root_module"))]
    while modules:
        module, where = modules.pop()
        if not isinstance(module, dict):
            continue
        for position, one in enumerate(module.get("resources") or ()):
            values = one.get("values") if isinstance(one, dict) else None
            if isinstance(values, dict):
                place = Origin(document, (*where, "resources", position, "values"))
                yield from _terraform_resource(str(one.get("type", "")), str(one.get("address", "")), values, place)
        modules += [(m, (*where, "child_modules", i)) for i, m in enumerate(module.get("child_modules") or ())]


def _terraform_resource(kind: str, address: str, values: Mapping[str, Any], place: Origin) -> Iterator[Item]:
    match kind:
        case "aws_iam_role":
            trust = _as_policy(
                values.get("assume_role_policy"), PolicyKind.TRUST, place.at("assume_role_policy"), address
            )
            yield RoleFile(str(values.get("name") or ""), str(values.get("path") or "/"), trust, place)
            for position, inline in enumerate(values.get("inline_policy") or ()):
                found = inline.get("policy") if isinstance(inline, dict) else None
                where = place.at("inline_policy", position, "policy")
                yield from _one(_as_policy(found, PolicyKind.IDENTITY, where, address))
        case "aws_iam_policy" | "aws_iam_role_policy":
            yield from _one(_as_policy(values.get("policy"), PolicyKind.IDENTITY, place.at("policy"), address))
        case "aws_iam_openid_connect_provider" if isinstance(values.get("url"), str):
            ids = values.get("client_id_list") or ()
            yield ProviderFile(_issuer(values["url"]), tuple(map(str, ids)), place)


def _one(item: Item | None) -> Iterator[Item]:
    if item is not None:
        yield item


def _as_policy(value: Any, kind: PolicyKind, origin: Origin, name: str) -> PolicyFile | None:
    if isinstance(value, str) and value:
        return PolicyFile(value, kind, origin, name, inside=False)
    return PolicyFile(json.dumps(value), kind, origin, name) if isinstance(value, dict) else None


def _issuer(url: str) -> str:
    return "https://" + url.removeprefix("https://")


# CloudFormation


class _Unknown(Exception):
    """A value that is known only after the template is deployed."""


def _cloudformation(document: FileDocument, resources: Mapping[str, Any], template: _Template) -> Iterator[Item]:
    for logical_id, one in resources.items():
        properties = one.get("Properties") if isinstance(one, dict) else None
        if not isinstance(properties, dict):
            continue
        place = Origin(document, ("Resources", logical_id, "Properties"))
        match one.get("Type"):
            case "AWS::IAM::Role":
                name = template.text(properties.get("RoleName", logical_id)) or ""
                path = template.text(properties.get("Path", "/")) or "/"
                where = place.at("AssumeRolePolicyDocument")
                trust = template.policy(properties.get("AssumeRolePolicyDocument"), PolicyKind.TRUST, where, logical_id)
                yield RoleFile(name, path, trust, place)
                for position, inline in enumerate(properties.get("Policies") or ()):
                    found = inline.get("PolicyDocument") if isinstance(inline, dict) else None
                    where = place.at("Policies", position, "PolicyDocument")
                    yield from _one(template.policy(found, PolicyKind.IDENTITY, where, logical_id))
            case "AWS::IAM::Policy" | "AWS::IAM::ManagedPolicy" | "AWS::IAM::RolePolicy":
                where = place.at("PolicyDocument")
                found = properties.get("PolicyDocument")
                yield from _one(template.policy(found, PolicyKind.IDENTITY, where, logical_id))
            case "AWS::IAM::OIDCProvider":
                url = template.text(properties.get("Url"))
                ids = [template.text(each) for each in properties.get("ClientIdList") or ()]
                if url is not None:
                    yield ProviderFile(_issuer(url), tuple(each for each in ids if each is not None), place)


# The arguments of functions can be any JSON.
_NOT_KNOWN = (_Unknown, TypeError, ValueError, LookupError, AttributeError)


class _Template:
    """Resolves the values of a template that are known before it is deployed."""

    def __init__(self, resources: Mapping[str, Any], account: str, region: str) -> None:
        self._resources = resources
        known = {"AWS::AccountId": account, "AWS::Region": region}
        self._pseudo = {**known, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com"}

    def text(self, value: Any) -> str | None:
        """Return a string, None if it is not known yet."""
        try:
            resolved = self._resolved(value)
        except _NOT_KNOWN:
            return None
        return resolved if isinstance(resolved, str) else None

    def policy(self, value: Any, kind: PolicyKind, origin: Origin, name: str) -> PolicyFile | None:
        """Return a policy document, None if part of it is not known yet."""
        try:
            resolved = self._resolved(value)
        except _NOT_KNOWN:
            return None
        inside = isinstance(value, dict) and "Statement" in value
        found = _as_policy(resolved, kind, origin, name)
        return None if found is None else PolicyFile(found.text, kind, origin, name, inside)

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._resolved(one) for one in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name == "Ref":
                return self._ref(str(argument))
            if name.startswith("Fn::"):
                return self._function(name, argument)
        return {key: self._resolved(one) for key, one in value.items()}

    def _function(self, name: str, argument: Any) -> Any:
        match name:
            case "Fn::Sub":
                text, more = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])
                return _VARIABLE.sub(lambda match: self._substituted(match[1], more), text)
            case "Fn::Join":
                separator, parts = argument
                return str(separator).join(map(str, self._resolved(parts)))
            case "Fn::GetAtt":
                logical_id, _, attribute = ".".join(argument).partition(".")
                return self._attribute(logical_id, attribute)
        raise _Unknown(name)

    def _substituted(self, name: str, more: Mapping[str, Any]) -> str:
        if name.startswith("!"):
            return f"${{{name[1:]}}}"  # a policy's own variable
        if name in more:
            return str(self._resolved(more[name]))
        logical_id, dot, attribute = name.partition(".")
        return self._attribute(logical_id, attribute) if dot else self._ref(name)

    def _ref(self, name: str) -> str:
        if self._pseudo.get(name):
            return self._pseudo[name]
        one = self._resources.get(name)
        if isinstance(one, dict) and one.get("Type") == "AWS::IAM::OIDCProvider":
            return self._attribute(name, "Arn")
        if isinstance(one, dict) and one.get("Type") == "AWS::IAM::Role":
            return str(self._resolved(one.get("Properties", {}).get("RoleName", name)))
        raise _Unknown(name)

    def _attribute(self, logical_id: str, attribute: str) -> str:
        one = self._resources.get(logical_id)
        properties = one.get("Properties", {}) if isinstance(one, dict) else {}
        if isinstance(one, dict) and attribute == "Arn" and self._pseudo["AWS::AccountId"]:
            prefix = f"arn:aws:iam::{self._pseudo['AWS::AccountId']}:"
            if one.get("Type") == "AWS::IAM::OIDCProvider":
                url = str(self._resolved(properties.get("Url", "")))
                return f"{prefix}oidc-provider/{url.removeprefix('https://')}"
            if one.get("Type") == "AWS::IAM::Role":
                path = str(self._resolved(properties.get("Path", "/")))
                return f"{prefix}role{path}{self._resolved(properties.get('RoleName', logical_id))}"
        raise _Unknown(f"{logical_id}.{attribute}")
