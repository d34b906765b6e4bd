"""Bodies in JSON and YAML, good and bad: what is bad is a 4xx Status, never a crash or a hang."""

from __future__ import annotations

import json
import math
import socket
import ssl
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.cluster.wire.bodies import BodyError, media_type, read_json, read_yaml, summary

PATH = "/api/v1/namespaces/default/configmaps"
BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 9)) for c in range(98, 108)
)


def test_duplicate_fields_are_found_with_their_paths() -> None:
    value, duplicates = read_json(b'{"a":{"b":1,"b":2},"c":[{"d":1,"d":1}]}')
    assert value == {"a": {"b": 2}, "c": [{"d": 1}]}
    assert duplicates == ["a.b", "c[0].d"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"hello", "invalid character 'h' looking for beginning of value"),
        (b"", "unexpected end of JSON input"),
        (b'{"a":', "unexpected end of JSON input"),
        (b'{"a', "unexpected end of JSON input"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a":1 "b"}', "invalid character '\"' after object key:value pair"),
        (b'{"a":1}x', "invalid character 'x' after top-level value"),
        (b"{a:1}", "invalid character 'a' looking for beginning of object key string"),
        (b'"\xff"', "invalid UTF-8 in the body"),
        (b"[" * 100_000, "exceeded max depth"),
    ],
)
def test_bad_json_is_refused_in_the_words_of_go(data: bytes, message: str) -> None:
    with pytest.raises(BodyError) as raised:
        read_json(data)
    assert str(raised.value) == message


@pytest.mark.parametrize("data", [b"NaN", b"Infinity", b'"\\ud800"', b"1e400", b"[1,]", b"'a'"])
def test_what_only_other_parsers_take_is_refused(data: bytes) -> None:
    with pytest.raises(BodyError):
        read_json(data)


def test_yaml_scalars_are_those_of_go() -> None:
    text = b"a: [1.5, 22:22, 2026-01-01, 0644, yes, 1e3, ~, null, '1', 0x1F, 1_000, 2026-01-01T00:00:00Z]"
    values, _ = read_yaml(text)
    assert values["a"] == [
        1.5, "22:22", "2026-01-01", 420, True, 1000.0, None, None, "1", 31, 1000, "2026-01-01T00:00:00Z"
    ]  # fmt: skip


def test_yaml_keys_that_appear_twice_are_reported() -> None:
    assert read_yaml(b"a: 1\nb: 2\na: 3")[1] == ["a"]


@pytest.mark.parametrize(
    "data",
    [
        b"a: [",
        BOMB,
        b"&a [*a]",
        b"!!python/object:os.system x",
        b"a: 1\n---\nb: 2",
        b"a: .inf",
        b"a: !!binary aGk=",
        b"a: !!timestamp 2001-01-01",
        b"? [a]\n: b",
        b"\xff",
        b"a: \x00",
        b"[" * 5_000,
        b"<<: 5",
    ],
)
def test_bad_yaml_is_refused(data: bytes) -> None:
    with pytest.raises(BodyError):
        read_yaml(data)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (read_json, read_yaml):
        try:
            value, _ = read(data)
        except BodyError:
            continue
        _check_plain(value)


def _check_plain(value: Any) -> None:
    if isinstance(value, dict):
        for key, one in value.items():
            assert isinstance(key, str)
            _check_plain(one)
    elif isinstance(value, list):
        for one in value:
            _check_plain(one)
    else:
        assert value is None or isinstance(value, str | int | float)
        assert not isinstance(value, float) or math.isfinite(value)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner))
)
def test_json_reads_as_itself(value: Any) -> None:
    assert read_json(json.dumps(value).encode("utf-8", "surrogatepass")) == (value, [])


def test_no_content_type_means_json() -> None:
    assert media_type("") == "application/json"
    assert media_type("Application/YAML; charset=utf-8") == "application/yaml"


def test_a_body_is_summarized_as_by_kube_apiserver() -> None:
    assert summary(b"") == "<empty>"
    assert summary(b"hello") == "68656c6c6f"
    assert summary(b"{" + b"x" * 40) == "{" + "x" * 29 + " ..."


@pytest.mark.parametrize(
    ("content", "content_type", "status", "text"),
    [
        (b"hello", "application/json", 400, "couldn't get version/kind; json parse error: invalid character 'h'"),
        (b"[]", "application/json", 400, "must be of type ConfigMap"),
        (b'"x"', "application/json", 400, "must be of type ConfigMap"),
        (b'{"kind":1}', "application/json", 400, "must be of type ConfigMap"),
        (b'{"metadata":[]}', "application/json", 400, "json: cannot unmarshal array into Go struct field"),
        (b'{"metadata":{"name":"\xff"}}', "application/json", 400, "invalid UTF-8"),
        (b'{"a":' * 50_000, "application/json", 400, "exceeded max depth"),
        (BOMB, "application/yaml", 400, "excessive aliasing"),
        (b"<xml/>", "application/xml", 415, "the body of the request was in an unknown format"),
        (b'{"apiVersion":"v2","kind":"ConfigMap"}', "", 400, "the API version in the data (v2) does not match"),
        (
            b'{"apiVersion":"v1","kind":"Pod"}',
            "application/json",
            400,
            'Pod in version "v1" cannot be handled as a ConfigMap: converting (v1.Pod) to (core.ConfigMap): unknown',
        ),
        (b'{"apiVersion":"v1","kind":"Cat"}', "application/json", 400, 'no kind "Cat" is registered for version "v1"'),
        (
            b'{"metadata":{"managedFields":[{"fieldsV1":' + b'{"f:a":' * 80 + b"{}" + b"}" * 80 + b"}]}}",
            "application/json",
            400,
            "exceeded max depth",
        ),
    ],
)
def test_over_http_a_bad_body_is_a_status(
    http: httpx2.Client, content: bytes, content_type: str, status: int, text: str
) -> None:
    answer = http.post(PATH, content=content, headers={"Content-Type": content_type} if content_type else {})
    assert answer.status_code == status, answer.text
    assert answer.json()["kind"] == "Status"
    assert text in answer.json()["message"]


def test_over_http_a_body_of_five_megabytes_is_too_large(http: httpx2.Client) -> None:
    answer = http.post(PATH, content=b'{"data":{"a":"' + b"x" * 5_000_000 + b'"}}')
    assert (answer.status_code, answer.json()["reason"]) == (413, "RequestEntityTooLarge")
    assert answer.json()["message"] == "Request entity too large: limit is 3145728"
    assert http.get("/livez").status_code == 200


def test_body_that_breaks_off_is_not_served(http: httpx2.Client, trusted: ssl.SSLContext) -> None:
    url = httpx2.URL(http.base_url)
    body = b"metadata:\n  name: cut-off\n"  # YAML is whole after each line
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: {http.headers['authorization']}\r\n"
        f"Content-Type: application/yaml\r\nContent-Length: {len(body) * 2}\r\n\r\n"
    )
    with (
        socket.create_connection((url.host, url.port or 443), timeout=10) as plain,
        trusted.wrap_socket(plain, server_hostname=url.host) as connection,
    ):
        connection.sendall(head.encode() + body)
        connection.unwrap()  # the server has closed its side too when this returns
    assert http.get(f"{PATH}/cut-off").status_code == 404


def test_a_body_without_content_type_is_json(http: httpx2.Client) -> None:
    body = b'{"metadata":{"name":"untyped"}}'
    assert http.post(PATH, content=body).status_code == 201


def test_over_http_yaml_is_taken_and_given(http: httpx2.Client) -> None:
    headers = {"Content-Type": "application/yaml", "Accept": "application/yaml"}
    made = http.post(PATH, content="metadata:\n  name: from-yaml\ndata:\n  when: 2026-01-01\n", headers=headers)
    assert made.status_code == 201
    assert made.headers["content-type"] == "application/yaml"
    assert "name: from-yaml\n" in made.text
    assert "when: '2026-01-01'\n" in made.text


def test_a_hundred_unfinished_requests_delay_no_other_client(http: httpx2.Client) -> None:
    url = httpx2.URL(http.base_url)
    sockets = [socket.create_connection((url.host, url.port or 443)) for _ in range(100)]
    try:
        assert http.get("/livez").status_code == 200
    finally:
        for one in sockets:
            one.close()
