"""Answers of query services, written as the API's model says.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#response-serialization
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from podrole.aws.protocol.render import text, xml_response
from podrole.aws.protocol.wire import HTTPResponse

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape


def query_answer(operation: OperationModel, output: Mapping[str, Any], request_id: str) -> HTTPResponse:
    """Return ``output``, by the members' names in the model, as the answer to a call of ``operation``.

    Members that are missing or None are left out. Times are given as RFC 3339 text, binary values as bytes.
    """
    name, namespace = operation.name, operation.service_model.metadata.get("xmlNamespace", "")
    shape = operation.output_shape
    members = "".join(_members(output, shape)) if shape is not None else ""
    wrapper = shape.serialization.get("resultWrapper") if shape is not None else None
    result = f"  <{wrapper}>{members}</{wrapper}>\n" if wrapper else ""
    return xml_response(
        f'<{name}Response xmlns="{namespace}">\n{result}'
        f"  <ResponseMetadata>\n    <RequestId>{request_id}</RequestId>\n  </ResponseMetadata>\n</{name}Response>\n",
        request_id,
    )


def _members(value: Mapping[str, Any], shape: Shape) -> Iterator[str]:
    for member, member_shape in shape.members.items():
        if value.get(member) is not None:
            yield from _element(member_shape.serialization.get("name", member), value[member], member_shape)


def _element(name: str, value: Any, shape: Shape) -> Iterator[str]:
    match shape.type_name:
        case "structure":
            yield f"<{name}>{''.join(_members(value, shape))}</{name}>"
        case "list":
            flat = shape.serialization.get("flattened")
            item_name = name if flat else shape.member.serialization.get("name", "member")
            items = "".join(part for item in value for part in _element(item_name, item, shape.member))
            yield items if flat else f"<{name}>{items}</{name}>"
        case "map":
            key_name = shape.key.serialization.get("name", "key")
            value_name = shape.value.serialization.get("name", "value")
            entries = "".join(
                f"<entry>{''.join(_element(key_name, key, shape.key))}"
                f"{''.join(_element(value_name, item, shape.value))}</entry>"
                for key, item in value.items()
            )
            yield f"<{name}>{entries}</{name}>"
        case _:
            yield f"<{name}>{_text(value, shape)}</{name}>"


def _text(value: Any, shape: Shape) -> str:
    if shape.type_name == "boolean":
        return "true" if value else "false"
    if shape.type_name == "blob":
        return base64.b64encode(value).decode()
    return text(value)
