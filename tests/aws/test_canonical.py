"""The request that a service sees: written from the input, in one way only."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from podrole.aws.errors import AWSError
from podrole.aws.protocol import canonical as protocol_canonical
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.canonical import Canonical, canonical, to_text
from podrole.aws.protocol.catalogue import services
from podrole.aws.protocol.wire import HTTPRequest
from support.aws_facts import call_of
from support.shapes import INTEGER, STRING, list_of, map_of, shape, structure

Members = Mapping[str, Mapping[str, Any]]
INNER = structure({"A": STRING})
RENAMED = structure({"A": {**STRING, "locationName": "alias"}})
BLOB = {"type": "blob"}
FORM = "application/x-www-form-urlencoded; charset=utf-8"


class Writer:
    """Writes requests of an operation that has a made-up input."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def write(
        self,
        protocol: str,
        members: Members | None,
        given: dict[str, Any],
        *,
        service: str = "lambda",
        uri: str = "/",
        method: str = "POST",
        http: HTTPRequest | None = None,
        **traits: Any,
    ) -> Canonical:
        constant = dict(part.partition("=")[::2] for part in uri.partition("?")[2].split("&") if part)
        operation = SimpleNamespace(
            input_shape=None if members is None else shape(structure(members, **traits)),
            http={"requestUri": uri, "method": method},
            service_model=SimpleNamespace(api_version="2010-01-01"),
            metadata={"targetPrefix": "Target", **traits.get("metadata", {})},
        )
        self._monkeypatch.setattr(protocol_canonical, "operation_of", lambda call: operation)
        self._monkeypatch.setattr(protocol_canonical, "constant_query", lambda call: constant)
        received = http or HTTPRequest("POST", "/", "", [], b"", "")
        return canonical(IdentifiedCall("i", received, 0.0, services()[service], "Any", protocol, "r", input=given))


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> Writer:
    return Writer(monkeypatch)


QUERY: Members = {
    "Name": STRING,
    "Inner": INNER,
    "List": list_of(STRING),
    "Named": list_of({**STRING, "locationName": "item"}),
    "Flat": list_of(STRING, flattened=True),
    "Map": map_of(STRING),
    "FlatMap": map_of({**INTEGER, "locationName": "V"}, {**STRING, "locationName": "K"}, flattened=True),
}


@pytest.mark.parametrize(
    ("protocol", "given", "expected"),
    [
        ("query", {}, {}),
        ("query", {"Name": "a & b"}, {"Name": "a & b"}),
        ("query", {"Inner": {"A": "a"}}, {"Inner.A": "a"}),
        ("query", {"List": ["a", "b"]}, {"List.member.1": "a", "List.member.2": "b"}),
        ("query", {"List": []}, {"List": ""}),
        ("query", {"Named": ["a"]}, {"Named.item.1": "a"}),
        ("query", {"Flat": ["a"]}, {"Flat.1": "a"}),
        ("query", {"Map": {"k": "v"}}, {"Map.entry.1.key": "k", "Map.entry.1.value": "v"}),
        (
            "query",
            {"FlatMap": {"k": 1, "l": 2}},
            {"FlatMap.1.K": "k", "FlatMap.1.V": "1", "FlatMap.2.K": "l", "FlatMap.2.V": "2"},
        ),
        ("ec2", {"Named": ["a"]}, {"Named.1": "a"}),
        ("ec2", {"List": []}, {}),
    ],
)
def test_form(writer: Writer, protocol: str, given: dict[str, Any], expected: dict[str, str]) -> None:
    written = writer.write(protocol, QUERY, given)
    assert (written.method, written.path, written.query, written.headers) == ("POST", "/", "", {"content-type": FORM})
    pairs = parse_qsl(written.body.decode(), keep_blank_values=True)
    assert pairs == [("Action", "Any"), ("Version", "2010-01-01"), *expected.items()]


def test_form_of_an_operation_without_an_input(writer: Writer) -> None:
    assert writer.write("query", None, {}).body == b"Action=Any&Version=2010-01-01"


@pytest.mark.parametrize(
    ("value", "expected"), [(True, "true"), (False, "false"), (b"a", "YQ=="), (1.5, "1.5"), ("a", "a"), (1, "1")]
)
def test_value_as_text(value: Any, expected: str) -> None:
    assert to_text(value) == expected


JSON: Members = {
    "Renamed": {**STRING, "locationName": "alias"},
    "Data": BLOB,
    "Time": {"type": "timestamp"},
    "Inner": RENAMED,
    "List": list_of({**BLOB}),
    "Inners": list_of(RENAMED),
    "Map": map_of(RENAMED),
    "Free": structure({}, document=True),
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, b"{}"),
        ({"Renamed": "a&b"}, b'{"alias":"a\\u0026b"}'),
        ({"Data": b"a", "Inner": {"A": "a"}}, b'{"Data":"YQ==","Inner":{"alias":"a"}}'),
        ({"Inners": [{"A": "a"}]}, b'{"Inners":[{"alias":"a"}]}'),
        ({"List": [b"a", None]}, b'{"List":["YQ==",null]}'),
        ({"Map": {"k": {"A": "a"}, "l": None}}, b'{"Map":{"k":{"alias":"a"},"l":null}}'),
        ({"Free": {"any": [1]}}, b'{"Free":{"any":[1]}}'),
        ({"Time": datetime.datetime(1970, 1, 1, 0, 0, 5, tzinfo=datetime.UTC)}, b'{"Time":5.0}'),
        ({"Time": "2026-01-31"}, b'{"Time":"2026-01-31"}'),
    ],
)
@pytest.mark.parametrize("protocol", ["json", "smithy-rpc-v2-cbor"])
def test_json(writer: Writer, protocol: str, given: dict[str, Any], expected: bytes) -> None:
    written = writer.write(protocol, JSON, given, metadata={"jsonVersion": "1.1"})
    assert written == Canonical(
        "POST",
        "/",
        "x-id=Any",
        {"x-amz-target": "Target.Any", "content-type": "application/x-amz-json-1.1"},
        expected,
    )


def test_json_of_an_operation_without_an_input(writer: Writer) -> None:
    written = writer.write("json", None, {})
    assert (written.body, written.headers["content-type"]) == (b"{}", "application/x-amz-json-1.0")


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", [{"a": nested(100_000)}, {"a": "\ud800"}], ids=["too deep", "no text"])
def test_document_that_cannot_be_written_is_refused(writer: Writer, value: Any) -> None:
    with pytest.raises(AWSError) as raised:
        writer.write("json", JSON, {"Free": value})
    assert (raised.value.error_code, raised.value.status) == ("SerializationException", 400)


def at(where: str, of: Mapping[str, Any] = STRING, name: str = "") -> dict[str, Any]:
    return {**of, "location": where, **({"locationName": name} if name else {})}


REST: Members = {
    "Label": at("uri", name="label"),
    "Query": at("querystring", name="q"),
    "Queries": at("querystring", list_of(INTEGER), "l"),
    "Others": at("querystring", map_of(list_of(STRING))),
    "Header": at("header", INTEGER, "X-Number"),
    "Headers": at("header", list_of(STRING), "X-List"),
    "Meta": at("headers", map_of(STRING), "X-Meta-"),
    "Body": STRING,
}


@pytest.mark.parametrize(
    ("given", "path", "query", "headers", "body"),
    [
        ({}, "/x/{label}", "fixed=2", {}, b"{}"),
        ({"Label": "a b"}, "/x/a%20b", "fixed=2", {}, b"{}"),
        ({"Label": "a/b"}, "/x/a%2Fb", "fixed=2", {}, b"{}"),
        ({"Query": "a&b=c~", "Queries": [1, 2]}, "/x/{label}", "fixed=2&q=a%26b%3Dc~&l=1&l=2", {}, b"{}"),
        ({"Others": {"a": ["b", "c"]}}, "/x/{label}", "fixed=2&a=b&a=c", {}, b"{}"),
        ({"Header": 5, "Headers": ["a", "b"]}, "/x/{label}", "fixed=2", {"x-number": "5", "x-list": "a,b"}, b"{}"),
        ({"Meta": {"k": "v"}}, "/x/{label}", "fixed=2", {"x-meta-k": "v"}, b"{}"),
        ({"Body": "a"}, "/x/{label}", "fixed=2", {}, b'{"Body":"a"}'),
    ],
)
def test_rest(
    writer: Writer, given: dict[str, Any], path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    written = writer.write("rest-json", REST, given, uri="/x/{label}?fixed=2", method="PUT")
    assert written == Canonical("PUT", path, query, {**headers, "content-type": "application/json"}, body)


def test_greedy_label_keeps_its_slashes(writer: Writer) -> None:
    written = writer.write("rest-xml", {"Key": at("uri", name="Key")}, {"Key": "a/../b c"}, uri="/{Key+}", service="s3")
    assert written.path == "/a/../b%20c"


@pytest.mark.parametrize(
    ("service", "uri", "label"),
    [
        ("s3", "/{K}", "a/b"),
        ("lambda", "/{K}", ".."),
        ("lambda", "/{K}", "."),
        ("lambda", "/{K}", ""),
        ("lambda", "/{K}", "a//b"),
        ("lambda", "/{K+}", "a/../b"),
    ],
)
def test_label_that_two_readers_could_read_differently_is_refused(
    writer: Writer, service: str, uri: str, label: str
) -> None:
    with pytest.raises(AWSError) as raised:
        writer.write("rest-xml", {"K": at("uri")}, {"K": label}, uri=uri, service=service)
    assert (raised.value.error_code, raised.value.status) == ("InvalidURI", 400)


def test_label_of_s3_may_be_dots(writer: Writer) -> None:
    assert writer.write("rest-xml", {"K": at("uri")}, {"K": ".."}, uri="/{K}", service="s3").path == "/.."


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("b/a b", "/b/a%20b"),
        ("/b/k/l?versionId=v%2F", "/b/k/l?versionId=v%2F"),
    ],
)
def test_source_of_a_copy(writer: Writer, source: str, expected: str) -> None:
    members = {"CopySource": at("header", name="x-amz-copy-source")}
    assert writer.write("rest-xml", members, {"CopySource": source}).headers["x-amz-copy-source"] == expected


def test_source_of_a_copy_without_a_key_is_refused(writer: Writer) -> None:
    with pytest.raises(AWSError) as raised:
        writer.write("rest-xml", {"CopySource": at("header")}, {"CopySource": "b"})
    assert (raised.value.error_code, raised.value.status) == ("InvalidArgument", 400)


RAW = HTTPRequest("POST", "/", "", [("content-type", "image/png")], b"raw", "")


@pytest.mark.parametrize(
    ("protocol", "payload", "given", "body", "content_type"),
    [
        ("rest-json", BLOB, {}, b"raw", "image/png"),
        ("rest-json", {**STRING, "streaming": True}, {}, b"raw", "image/png"),
        ("rest-json", STRING, {"Payload": "\u00e9"}, b"\xc3\xa9", "text/plain"),
        ("rest-json", STRING, {}, b"", None),
        ("rest-json", INNER, {"Payload": {"A": "a&b"}}, b'{"A":"a\\u0026b"}', "application/json"),
        ("rest-json", INNER, {}, b"", None),
    ],
)
def test_payload(
    writer: Writer,
    protocol: str,
    payload: Mapping[str, Any],
    given: dict[str, Any],
    body: bytes,
    content_type: str | None,
) -> None:
    written = writer.write(protocol, {"Payload": payload}, given, http=RAW, payload="Payload")
    assert (written.body, written.headers.get("content-type")) == (body, content_type)


@pytest.mark.parametrize(
    ("service", "payload", "uri", "query"),
    [
        # moto looks for parameters in a body that has no model, unless there is a query
        ("lambda", BLOB, "/", "x-id=Any"),
        ("lambda", STRING, "/", "x-id=Any"),
        ("lambda", BLOB, "/?a=b", "a=b"),
        ("lambda", INNER, "/", ""),
        ("s3", INNER, "/?a=b", "a=b&x-id=Any"),
    ],
)
def test_marker_is_sent_where_it_is_needed(
    writer: Writer, service: str, payload: Mapping[str, Any], uri: str, query: str
) -> None:
    assert (
        writer.write("rest-json", {"Payload": payload}, {}, service=service, uri=uri, payload="Payload").query == query
    )


@pytest.mark.parametrize(("members", "method"), [({"Body": STRING}, "GET"), (None, "GET"), (None, "POST")])
def test_nothing_is_sent_of_an_empty_input(writer: Writer, members: Members | None, method: str) -> None:
    written = writer.write("rest-json", members, {}, method=method)
    assert (written.query, written.body, written.headers) == ("", b"", {})


@pytest.mark.parametrize(
    ("method", "given", "body"),
    [
        ("GET", {}, b""),
        ("HEAD", {}, b""),
        ("DELETE", {}, b""),
        ("POST", {}, b"{}"),
        ("DELETE", {"Body": "a"}, b'{"Body":"a"}'),
    ],
)
def test_body_is_empty_where_the_method_has_none(
    writer: Writer, method: str, given: dict[str, Any], body: bytes
) -> None:
    assert writer.write("rest-json", {"Body": STRING}, given, method=method).body == body


TAGGING = {"TagSet": [{"Key": "a", "Value": "b"}]}


def test_xml_is_written_as_the_sdks_write_it() -> None:
    written = canonical(call_of("s3:PutBucketTagging", Bucket="b", Tagging=TAGGING))
    assert (written.method, written.path, written.query) == ("PUT", "/b", "tagging=&x-id=PutBucketTagging")
    assert written.headers == {"content-type": "application/xml"}
    assert b"<TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet>" in written.body


def test_xml_is_not_validated_here() -> None:
    written = canonical(call_of("s3:PutBucketTagging", Bucket="b", Tagging={"TagSet": [{"Key": "a"}]}))
    assert b"<Tag><Key>a</Key></Tag>" in written.body


def test_xml_without_a_payload_is_that_of_the_members() -> None:
    zone = canonical(call_of("route53:CreateHostedZone", Name="a.b", CallerReference="c"))
    assert b"<Name>a.b</Name>" in zone.body
    assert zone.headers == {"content-type": "application/xml"}
    listed = canonical(call_of("route53:ListHostedZones"))
    assert (listed.body, listed.headers) == (b"", {})


def test_xml_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(AWSError) as raised:
        canonical(call_of("s3:PutBucketTagging", Bucket="b", Tagging={"TagSet": 5}))
    assert (raised.value.error_code, raised.value.status) == ("MalformedXML", 400)
