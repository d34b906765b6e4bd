"""What CloudFormation refuses in a template before it makes anything: blocks of another form, and names of things that
the template does not have.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}")
_PSEUDO = frozenset(
    f"AWS::{name}"
    for name in ("AccountId", "NotificationARNs", "NoValue", "Partition", "Region", "StackId", "StackName", "URLSuffix")
)

_BLOCKS = ("Parameters", "Mappings", "Conditions", "Resources", "Outputs")
_TYPED = ("Parameters", "Resources")
"""The blocks whose members are objects with a type."""
_ERROR = "Template format error"


def template_fault(template: Mapping[str, Any]) -> str | None:
    """Return what CloudFormation says of a malformed template, None if nothing is wrong with it."""
    for block in _BLOCKS:
        if block in template and (fault := _block_fault(block, template[block])):
            return f"{_ERROR}: {fault}"
    resources, conditions = (template.get(name, {}) for name in ("Resources", "Conditions"))
    parameters = template.get("Parameters", {}).keys() | _PSEUDO
    for resource in resources.values():
        condition = resource.get("Condition")
        if condition is not None and not isinstance(condition, str):
            return f"{_ERROR}: Every Condition member must be a string."
        if condition is not None and condition not in conditions:
            return f"{_ERROR}: Unresolved condition dependency {condition} in the Resources block of the template"
    anything = parameters | resources.keys()
    for block, known in (("Conditions", parameters), ("Resources", anything), ("Outputs", anything)):
        missing = sorted({name for name in _named(template.get(block, {})) if name not in known})
        if missing:
            names = ", ".join(missing)
            return f"{_ERROR}: Unresolved resource dependencies [{names}] in the {block} block of the template"
    return None


def _block_fault(block: str, members: Any) -> str:
    if not isinstance(members, dict):
        return _form_fault(f"/{block}", members)
    for name, member in members.items() if block in _TYPED else ():
        if not isinstance(member, dict):
            return _form_fault(f"/{block}/{name}", member)
        if "Type" not in member:
            return f"[/{block}/{name}] Every {block} object must contain a Type member."
    return ""


def _form_fault(place: str, value: Any) -> str:
    """Return what is said of something that stands in an object's place."""
    what = "'null' values are not allowed in templates" if value is None else "unsupported structure."
    return f"[{place}] {what}"


def _named(value: Any) -> Iterator[str]:
    """Yield the names that Ref, Fn::GetAtt, Fn::Sub and DependsOn mention, at any depth."""
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        if not isinstance(node, dict):
            continue
        waiting.extend(node.values())
        if isinstance(node.get("Type"), str) and "DependsOn" in node:
            needed = node["DependsOn"]
            yield from filter(_is_text, needed if isinstance(needed, list) else [needed])
        if len(node) == 1:
            yield from _named_by(*next(iter(node.items())))


def _named_by(function: str, argument: Any) -> Iterator[str]:
    match function, argument:
        case "Ref", str():
            yield argument
        case "Fn::GetAtt", str():
            yield argument.partition(".")[0]
        case "Fn::GetAtt", [str() as name, *_]:
            yield name
        case "Fn::Sub", str():
            yield from _variables(argument, {})
        case "Fn::Sub", [str() as text, dict() as own]:
            yield from _variables(text, own)


def _variables(text: str, own: Mapping[str, Any]) -> Iterator[str]:
    for name in _VARIABLE.findall(text):
        if name not in own:
            yield name.strip().partition(".")[0]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
