"""XML bodies, read by botocore's model (https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from botocore.model import Shape

_Convert = Callable[[str, Any], Any]


MAX_BYTES = 16 * 1024 * 1024
MAX_TAGS = 300_000
"""Of start and end tags. AWS's largest document completes an upload of 10,000 parts: some 100,000 tags."""
MAX_ATTRIBUTES = 50_000


def read_xml(body: bytes, shape: Shape, convert: _Convert) -> dict[str, Any]:
    """Read a structure. Raises ValueError for a body that is not XML, is over the limits or declares a document type
    (and entities)."""
    if len(body) > MAX_BYTES or body.count(b"<") > MAX_TAGS or body.count(b'="') + body.count(b"='") > MAX_ATTRIBUTES:
        raise ValueError("the body has more than is read")
    if b"<!" in body.replace(b"<!--", b"").replace(b"<![CDATA[", b""):
        raise ValueError("the body declares a document type")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - without a document type there are no entities to expand
    except ElementTree.ParseError as problem:
        raise ValueError(f"the body is not XML: {problem}") from problem
    return _structure(root, shape, convert)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _structure(element: ElementTree.Element, shape: Shape, convert: _Convert) -> dict[str, Any]:
    children: dict[str, list[ElementTree.Element]] = {}
    for child in element:
        children.setdefault(_local(child.tag), []).append(child)
    members: dict[str, Any] = {}
    lists = {
        str(member_shape.member.serialization.get("name") or member_shape.serialization.get("name", member))
        for member, member_shape in shape.members.items()
        if member_shape.type_name == "list" and member_shape.serialization.get("flattened")
    }
    for member, member_shape in shape.members.items():
        where = member_shape.serialization
        name = str(where.get("name", member))
        if name in lists and member_shape.type_name != "list":
            continue  # the name that S3 used when the member was not a list yet
        if where.get("xmlAttribute"):
            local = name.rpartition(":")[2]
            text = next((value for key, value in element.attrib.items() if _local(key) == local), None)
            if text is not None:
                members[member] = convert(text, member_shape)
            continue
        if member_shape.type_name == "list" and where.get("flattened"):
            name = str(member_shape.member.serialization.get("name") or name)
            if name in children:
                members[member] = [_value(child, member_shape.member, convert) for child in children[name]]
            continue
        elements = children.get(name)
        if elements is None:
            continue
        if len(elements) > 1:
            raise ValueError(f"the element {name} is given twice")
        members[member] = _value(elements[0], member_shape, convert)
    return members


def _value(element: ElementTree.Element, shape: Shape, convert: _Convert) -> Any:
    if shape.type_name == "structure":
        return _structure(element, shape, convert)
    if shape.type_name == "list":
        name = str(shape.member.serialization.get("name", "member"))
        return [_value(child, shape.member, convert) for child in element if _local(child.tag) == name]
    if shape.type_name == "map":
        return _map(element, shape, convert)
    return convert(element.text or "", shape)


def _map(element: ElementTree.Element, shape: Shape, convert: _Convert) -> dict[str, Any]:
    key_name = str(shape.key.serialization.get("name", "key"))
    value_name = str(shape.value.serialization.get("name", "value"))
    entries: dict[str, Any] = {}
    for entry in element:
        parts = {_local(part.tag): part for part in entry}
        key = parts[key_name].text or ""
        if key in entries:
            raise ValueError("a key of a map is given twice")
        entries[key] = _value(parts[value_name], shape.value, convert)
    return entries
