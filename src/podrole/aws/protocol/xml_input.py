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
    found: dict[str, Any] = {}
    lists = {
        str(one.member.serialization.get("name") or one.serialization.get("name", member))
        for member, one in shape.members.items()
        if one.type_name == "list" and one.serialization.get("flattened")
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
                found[member] = convert(text, member_shape)
            continue
        if member_shape.type_name == "list" and where.get("flattened"):
            name = str(member_shape.member.serialization.get("name") or name)
            if name in children:
                found[member] = [_value(one, member_shape.member, convert) for one in children[name]]
            continue
        given = children.get(name)
        if given is None:
            continue
        if len(given) > 1:
            raise ValueError(f"the element {name} is given twice")
        found[member] = _value(given[0], member_shape, convert)
    return found


def _value(element: ElementTree.Element, shape: Shape, convert: _Convert) -> Any:
    if shape.type_name == "structure":
        return _structure(element, shape, convert)
    if shape.type_name == "list":
        name = str(shape.member.serialization.get("name", "member"))
        return [_value(one, shape.member, convert) for one in element if _local(one.tag) == name]
    if shape.type_name == "map":
        return _map(element, shape, convert)
    return convert(element.text or "", shape)


def _map(element: ElementTree.Element, shape: Shape, convert: _Convert) -> dict[str, Any]:
    key_name = str(shape.key.serialization.get("name", "key"))
    value_name = str(shape.value.serialization.get("name", "value"))
    found: dict[str, Any] = {}
    for entry in element:
        parts = {_local(one.tag): one for one in entry}
        key = parts[key_name].text or ""
        if key in found:
            raise ValueError("a key of a map is given twice")
        found[key] = _value(parts[value_name], shape.value, convert)
    return found
