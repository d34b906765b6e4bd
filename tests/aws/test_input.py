"""The input of a call is read by the model, in every protocol; what can be read in two ways is refused."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.serialize import RpcV2CBORSerializer

from podrole.aws.errors import AWSError
from podrole.aws.protocol import parameters as protocol_parameters
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.catalogue import services
from podrole.aws.protocol.parameters import constant_query, parameters, read_large_input, scalar_members
from podrole.aws.protocol.wire import HTTPRequest
from support.aws_facts import call_of, request
from support.shapes import INTEGER, STRING, list_of, map_of, shape, structure

Members = Mapping[str, Mapping[str, Any]]
INNER = structure({"A": STRING})
BLOB, BOOLEAN, DOUBLE = {"type": "blob"}, {"type": "boolean"}, {"type": "double"}
DOCUMENT = structure({}, document=True)


class Reader:
    """Reads requests of an operation that has a made-up input."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def read(
        self, protocol: str, members: Members | None, *, service: str = "s3", uri: str = "/", **request: Any
    ) -> dict[str, Any]:
        traits = request.pop("traits", {})
        input_shape = None if members is None else shape(structure(members, **traits))
        operation = SimpleNamespace(input_shape=input_shape, http={"requestUri": uri})
        self._monkeypatch.setattr(protocol_parameters, "operation_of", lambda call: operation)
        form, labels = request.pop("form", {}), request.pop("labels", {})
        wire = {"query": "", "headers": [], "body": b"", "client": "", **request}
        http = HTTPRequest("POST", "/", **wire)
        return parameters(IdentifiedCall("i", http, 0.0, services()[service], "Any", protocol, "r", form, labels))


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    return Reader(monkeypatch)


QUERY: Members = {
    "Name": STRING,
    "Renamed": {**STRING, "locationName": "Alias"},
    "Inner": INNER,
    "List": list_of(STRING),
    "Named": list_of({**STRING, "locationName": "item"}),
    "Flat": list_of(STRING, flattened=True),
    "FlatNamed": list_of({**STRING, "locationName": "One"}, flattened=True, locationName="Other"),
    "FlatRenamed": list_of(STRING, flattened=True, locationName="Another"),
    "Inners": list_of(INNER),
    "Map": map_of(STRING),
    "FlatMap": map_of({**INTEGER, "locationName": "V"}, {**STRING, "locationName": "K"}, flattened=True),
    "Texts": {**STRING, "flattened": True, "locationName": "Text"},
}
LEVELS = ".".join(["A"] * 64)
MOST_PARTS = {f"B{number}.{LEVELS[:-4]}": "x" for number in range(3_174)} | {f"C.{LEVELS[:73]}": "x"}
"""Names that have 200,000 parts together."""


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({}, {}),
        ({"Name": "a", "Action": "Any", "Unknown.1": "b"}, {"Name": "a"}),
        ({"Alias": "a", "Renamed": "b"}, {"Renamed": "a"}),
        ({"Inner.A": "a"}, {"Inner": {"A": "a"}}),
        ({"Inner": ""}, {"Inner": {}}),
        ({"List.member.2": "b", "List.member.1": "a", "List.member.10": "c"}, {"List": ["a", "b", "c"]}),
        ({"List": ""}, {"List": []}),
        ({"List.other.1": "a"}, {"List": []}),
        ({"Named.item.1": "a"}, {"Named": ["a"]}),
        ({"Flat.1": "a"}, {"Flat": ["a"]}),
        ({"One.1": "a", "Other.1": "b"}, {"FlatNamed": ["a"]}),
        ({"Another.1": "a"}, {"FlatRenamed": ["a"]}),
        ({"Text": "a"}, {"Texts": "a"}),
        ({"Inners.member.1.A": "a"}, {"Inners": [{"A": "a"}]}),
        ({"Map.entry.1.key": "k", "Map.entry.1.value": "v"}, {"Map": {"k": "v"}}),
        ({"Map.entry.1.key": "k"}, {"Map": {"k": ""}}),
        ({"Map": ""}, {"Map": {}}),
        ({"FlatMap.1.K": "k", "FlatMap.1.V": "1"}, {"FlatMap": {"k": 1}}),
        ({LEVELS: "x"}, {}),
        ({"Flat.999999": "a"}, {"Flat": ["a"]}),
        (MOST_PARTS, {}),
    ],
)
def test_form_of_a_query_service(reader: Reader, form: dict[str, str], expected: dict[str, Any]) -> None:
    assert reader.read("query", QUERY, form=form) == expected


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"Name.1": "a"}, "a value is given as a structure"),
        ({"Inner": "a"}, "a structure is given as a value"),
        ({"Inner": "a", "Inner.A": "b"}, "is both a value and a structure"),
        ({"Inner.A": "b", "Inner": "a"}, "is both a value and a structure"),
        ({"Inner.A.B": "b", "Inner.A": "a"}, "is both a value and a structure"),
        ({"Flat": "a"}, "are not numbered"),
        ({"Flat": "1"}, "are not numbered"),
        ({"List": "a"}, "are not numbered"),
        ({"Map": "a"}, "are not numbered"),
        ({"Flat.a": "a"}, "are not numbered"),
        ({"Flat.0": "a"}, "are not numbered"),
        ({"Flat.01": "a"}, "are not numbered"),
        ({"Flat.1": "a", "Flat.\u0662": "a"}, "are not numbered"),
        ({"Flat.\u00b2": "a"}, "are not numbered"),
        ({"Flat.-1": "a"}, "are not numbered"),
        ({"Flat.1000000": "a"}, "are not numbered"),
        ({"Map.entry.1.key": "k", "Map.entry.2.key": "k"}, "is given twice"),
        ({"Map.entry.1.key.x": "k"}, "a key of a map is not a text"),
        ({"Map.entry.1.value": "v"}, "'key'"),
        ({f"A.{LEVELS}": "x"}, "has too many parts"),
        (MOST_PARTS | {"D": "x"}, "too many parts together"),
    ],
)
def test_form_that_can_be_read_in_two_ways_is_refused(reader: Reader, form: dict[str, str], why: str) -> None:
    with pytest.raises(AWSError) as raised:
        reader.read("query", QUERY, form=form)
    assert (raised.value.error_code, raised.value.status) == ("MalformedInput", 400)
    assert why in str(raised.value.why)


EC2: Members = {
    "First": {**STRING, "locationName": "first"},
    "Second": {**STRING, "locationName": "second", "queryName": "QN"},
    "third": STRING,
    "List": list_of({**STRING, "locationName": "item"}, locationName="listSet"),
    "Numbers": list_of(INTEGER, queryName="Number"),
}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"First": "a", "first": "b"}, {"First": "a"}),
        ({"QN": "a", "Second": "b"}, {"Second": "a"}),
        ({"Third": "a", "third": "b"}, {"third": "a"}),
        ({"ListSet.1": "a"}, {"List": ["a"]}),
        ({"Number.2": "2", "Number.1": "1"}, {"Numbers": [1, 2]}),
    ],
)
def test_form_of_ec2(reader: Reader, form: dict[str, str], expected: dict[str, Any]) -> None:
    assert reader.read("ec2", EC2, form=form) == expected


def test_form_of_ec2_that_cannot_be_read_is_refused_in_its_words(reader: Reader) -> None:
    with pytest.raises(AWSError) as raised:
        reader.read("ec2", EC2, form={"ListSet.item.1": "a"})
    assert (raised.value.error_code, raised.value.status) == ("InvalidParameterValue", 400)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("integer", "-5", -5),
        ("long", "9223372036854775807", 2**63 - 1),
        ("long", "-9223372036854775808", -(2**63)),
        ("long", "9223372036854775808", None),
        ("long", "-9223372036854775809", None),
        ("integer", "5.0", None),
        ("float", "1.5", 1.5),
        ("double", "x", None),
        ("boolean", "true", True),
        ("boolean", "False", False),
        ("boolean", "1", None),
        ("blob", "YQ==", b"a"),
        ("blob", "Y!Q==", None),
        ("blob", "YQ", None),
        ("blob", "\u00e9", None),
        ("timestamp", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("string", "a", "a"),
    ],
)
def test_text_becomes_a_value_of_its_type(reader: Reader, kind: str, text: str, value: Any) -> None:
    if value is not None:
        assert reader.read("query", {"Value": {"type": kind}}, form={"Value": text}) == {"Value": value}
        return
    with pytest.raises(AWSError, match="cannot be read"):
        reader.read("query", {"Value": {"type": kind}}, form={"Value": text})


JSON: Members = {
    "Name": STRING,
    "Renamed": {**STRING, "locationName": "alias"},
    "Count": INTEGER,
    "Ratio": DOUBLE,
    "On": BOOLEAN,
    "Data": BLOB,
    "Inner": INNER,
    "List": list_of(INNER),
    "Map": map_of(INNER),
    "Free": DOCUMENT,
    "Letter": {"type": "character"},
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", {}),
        (b" ", {}),
        (b'{"Name": "a", "Unknown": [1]}', {"Name": "a"}),
        (b'{"alias": "a", "Renamed": "b"}', {"Renamed": "a"}),
        (b'{"Name": null, "Count": 5, "Ratio": 1.5, "On": false}', {"Count": 5, "Ratio": 1.5, "On": False}),
        (b'{"Ratio": 1}', {"Ratio": 1}),
        (b'{"Data": "YQ=="}', {"Data": b"a"}),
        (b'{"Inner": {"A": "a", "B": "b"}}', {"Inner": {"A": "a"}}),
        (b'{"List": [{"A": "a"}, null]}', {"List": [{"A": "a"}, None]}),
        (b'{"Map": {"k": {"A": "a"}, "l": null}}', {"Map": {"k": {"A": "a"}, "l": None}}),
        (b'{"Free": {"any": [1, {"thing": true}]}}', {"Free": {"any": [1, {"thing": True}]}}),
    ],
)
def test_json_body(reader: Reader, body: bytes, expected: dict[str, Any]) -> None:
    assert reader.read("json", JSON, body=body) == expected


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"[]", "a structure is not a JSON object"),
        (b"{", "is not JSON"),
        (b"[" * 5_000, "is not JSON"),
        (b'{"Inner": "a"}', "a structure is not a JSON object"),
        (b'{"List": {"A": "a"}}', "a list is not a JSON array"),
        (b'{"Map": []}', "a map is not a JSON object"),
        (b'{"Name": 1}', "a text is a int"),
        (b'{"Letter": 1}', "a text is a int"),
        (b'{"Count": {}}', "a integer is a dict"),
        (b'{"Count": []}', "a integer is a list"),
        (b'{"Count": true}', "a integer is a bool"),
        (b'{"Count": 9223372036854775808}', "does not fit 64 bits"),
        (b'{"Data": "Y"}', "is not base64"),
    ],
)
def test_json_body_that_is_not_of_the_model_is_refused(reader: Reader, body: bytes, why: str) -> None:
    with pytest.raises(AWSError) as raised:
        reader.read("json", JSON, body=body)
    assert (raised.value.error_code, raised.value.status) == ("SerializationException", 400)
    assert why in str(raised.value.why)


@pytest.mark.parametrize(
    ("service", "most"), [("eks", 256), ("eks-auth", 256), ("organizations", 256), ("s3", 70 * 1024)]
)
def test_json_that_the_event_loop_reads_has_a_smaller_limit(reader: Reader, service: str, most: int) -> None:
    body = b" " * most * 1024
    assert reader.read("json", JSON, service=service, body=body) == {}
    with pytest.raises(AWSError) as raised:
        reader.read("json", JSON, service=service, body=body + b" ")
    assert raised.value.status == 413


@pytest.mark.parametrize(
    ("written", "expected"), [({"Data": b"a", "Count": 5}, {"Data": b"a", "Count": 5}), (None, {})]
)
def test_cbor_body(reader: Reader, written: dict[str, Any] | None, expected: dict[str, Any]) -> None:
    body = bytearray()
    if written is not None:
        RpcV2CBORSerializer()._serialize_data_item(body, written, shape(structure(JSON)))
    assert reader.read("smithy-rpc-v2-cbor", JSON, body=bytes(body)) == expected


@pytest.mark.parametrize(
    ("body", "why"), [(b"\xff", "is not CBOR"), (b"\xa1", "is not CBOR"), (b"\x80", "is not a JSON object")]
)
def test_cbor_body_that_is_not_of_the_model_is_refused(reader: Reader, body: bytes, why: str) -> None:
    with pytest.raises(AWSError) as raised:
        reader.read("smithy-rpc-v2-cbor", JSON, body=body)
    assert (raised.value.error_code, raised.value.status) == ("SerializationException", 400)
    assert why in str(raised.value.why)


def at(where: str, of: Mapping[str, Any] = STRING, name: str = "") -> dict[str, Any]:
    return {**of, "location": where, **({"locationName": name} if name else {})}


REST: Members = {
    "Body": STRING,
    "Label": at("uri", name="label"),
    "Number": at("uri", INTEGER),
    "Header": at("header", INTEGER, "X-Number"),
    "Headers": at("header", list_of(STRING), "X-List"),
    "Meta": at("headers", map_of(STRING), "X-Meta-"),
    "Query": at("querystring", INTEGER, "q"),
    "Queries": at("querystring", list_of(INTEGER), "l"),
    "Code": at("statusCode", INTEGER),
}
META: dict[str, Any] = {"Meta": {}}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, META),
        ({"labels": {"label": "a", "Number": "5", "other": "b"}}, {**META, "Label": "a", "Number": 5}),
        ({"headers": [("x-number", "5"), ("x-other", "a")]}, {**META, "Header": 5}),
        ({"headers": [("x-list", "a, b")]}, {**META, "Headers": ["a", "b"]}),
        ({"headers": [("x-meta-a", "b")]}, {"Meta": {"a": "b"}}),
        ({"query": "q=5&other=a&l=1&l=2"}, {**META, "Query": 5, "Queries": [1, 2]}),
        ({"body": b'{"Body": "a", "Label": "b", "Code": 1}'}, {**META, "Body": "a"}),
    ],
)
def test_rest_request(reader: Reader, request_: dict[str, Any], expected: dict[str, Any]) -> None:
    assert reader.read("rest-json", REST, **request_) == expected


OPEN: Members = {
    "Query": at("querystring", name="q"),
    "Others": at("querystring", map_of(STRING)),
}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (OPEN, {"Query": "1", "Others": {"a": "b"}}),
        ({"Others": at("querystring", map_of(list_of(STRING)))}, {"Others": {"q": ["1"], "a": ["b", "c"]}}),
    ],
)
def test_query_parameters_without_a_name_of_their_own(
    reader: Reader, members: Members, expected: dict[str, Any]
) -> None:
    query = "fixed=2&q=1&a=b&a=c&X-Amz-Date=d"
    assert reader.read("rest-json", members, uri="/x?fixed=2&acl", query=query) == expected


@pytest.mark.parametrize("request_", [{}, {"body": b"no JSON"}])
def test_request_without_a_query_or_members_in_its_body(reader: Reader, request_: dict[str, bytes]) -> None:
    assert reader.read("rest-json", OPEN, **request_) == {}


@pytest.mark.parametrize(
    ("protocol", "payload", "body", "expected"),
    [
        ("rest-xml", STRING, b"a", {"Payload": "a"}),
        ("rest-xml", STRING, b"", {}),
        ("rest-xml", BLOB, b"", {"Payload": b""}),
        ("rest-xml", BLOB, b"\xff", {"Payload": b"\xff"}),
        ("rest-json", INNER, b'{"A": "a"}', {"Payload": {"A": "a"}}),
        ("rest-xml", INNER, b"<Any><A>a</A></Any>", {"Payload": {"A": "a"}}),
    ],
)
def test_payload_is_the_whole_body(
    reader: Reader, protocol: str, payload: Mapping[str, Any], body: bytes, expected: dict[str, Any]
) -> None:
    members = {"Payload": payload, "Other": STRING}
    assert reader.read(protocol, members, body=body, traits={"payload": "Payload"}) == expected


def test_streamed_payload_keeps_its_encoding(reader: Reader) -> None:
    members = {"Payload": {**STRING, "streaming": True}}
    headers = [("content-encoding", "gzip")]
    read = reader.read("rest-xml", members, body=b"not gzip", headers=headers, traits={"payload": "Payload"})
    assert read == {"Payload": b"not gzip"}


@pytest.mark.parametrize(("body", "expected"), [(b"<X><Body>a</Body></X>", {"Body": "a"}), (b"", {})])
def test_xml_body(reader: Reader, body: bytes, expected: dict[str, Any]) -> None:
    assert reader.read("rest-xml", {"Body": STRING}, body=body) == expected


@pytest.mark.parametrize(
    ("protocol", "request_", "code"),
    [
        ("rest-json", {"query": "q=1&q=2"}, "SerializationException"),
        ("rest-json", {"labels": {"Number": "x"}}, "SerializationException"),
        ("rest-xml", {"headers": [("x-number", "x")]}, "MalformedXML"),
        ("rest-xml", {"body": b"<X>"}, "MalformedXML"),
    ],
)
def test_rest_request_that_cannot_be_read_is_refused(
    reader: Reader, protocol: str, request_: dict[str, Any], code: str
) -> None:
    with pytest.raises(AWSError) as raised:
        reader.read(protocol, REST, **request_)
    assert (raised.value.error_code, raised.value.status) == (code, 400)


@pytest.mark.parametrize("protocol", ["query", "json", "rest-json"])
def test_operation_without_an_input(reader: Reader, protocol: str) -> None:
    assert reader.read(protocol, None, form={"A": "b"}, body=b"?") == {}


@pytest.mark.parametrize(("size", "read"), [(64 * 1024, False), (64 * 1024 + 1, True)])
async def test_large_input_is_read_beforehand(size: int, read: bool) -> None:
    call = call_of("dynamodb:ListTables", request(body=b"{}".ljust(size)))
    call.input, call.protocol = None, "json"
    await read_large_input(call)
    assert (call.input is not None) is read


@pytest.mark.parametrize(
    ("operation", "expected"),
    [("GetObject", {}), ("ListObjectsV2", {"list-type": "2"}), ("GetBucketAcl", {"acl": ""})],
)
def test_query_that_belongs_to_the_address(operation: str, expected: dict[str, str]) -> None:
    assert constant_query(call_of(f"s3:{operation}")) == expected


def test_input_is_read_once() -> None:
    assert parameters(call_of("sns:ListTopics", NextToken="t")) == {"NextToken": "t"}


def test_members_that_a_condition_key_can_hold() -> None:
    found = scalar_members(call_of("lambda:CreateFunction"))
    assert {"functionname", "timeout", "layers", "publish"} <= found
    assert not {"vpcconfig", "tags", "filesystemconfigs"} & found
    assert scalar_members(call_of("appconfig:GetAccountSettings")) == frozenset()
