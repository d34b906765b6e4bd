"""Protobuf bodies as kubectl sends them, and bytes that are none."""

from __future__ import annotations

import base64
import contextlib

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.cluster.wire.messages import KINDS, message
from podrole.cluster.wire.protobuf import MAGIC, ProtobufError, UnknownMessage, decode_object

# Recorded from kubectl 1.37.
DEPLOYMENT = base64.b64decode(
    "azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50ErsBCiMKA3dlYhIAGgRpcnNhIgAqADIAOABCAFoKCgNhcHASA3dlYhKFAQgCEgwKCgoDYXBw"
    "EgN3ZWIaawocCgASABoAIgAqADIAOABCAFoKCgNhcHASA3dlYhJLEi0KB2F3cy1jbGkSDmFtYXpvbi9hd3MtY2xpKgBCAGoAcgCAAQCIAQCQ"
    "AQCiAQAaADIAQgBKAFIAWABgAGgAggEAigEAmgEAwgEAIgIKACgAOAAaDAgAEAAYACAAKAA4ABoAIgA="
)
TOKEN = base64.b64decode(
    "azhzAAooChhhdXRoZW50aWNhdGlvbi5rOHMuaW8vdjESDFRva2VuUmVxdWVzdBIwChAKABIAGgAiACoAMgA4AEIAEhYKEXN0cy5hbWF6b25hd3"
    "MuY29tIJAcGgQKABIAGgAiAA=="
)


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def body(api_version: str, kind: str, raw: bytes) -> bytes:
    return MAGIC + field(1, field(1, api_version.encode()) + field(2, kind.encode())) + field(2, raw)


def test_a_deployment_of_kubectl_is_read() -> None:
    assert decode_object(DEPLOYMENT) == {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": "web", "namespace": "irsa", "labels": {"app": "web"}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "aws-cli", "image": "amazon/aws-cli", "resources": {}}]},
            },
            "strategy": {},
        },
        "status": {},
    }


def test_a_token_request_of_kubectl_is_read() -> None:
    assert decode_object(TOKEN)["spec"] == {"audiences": ["sts.amazonaws.com"], "expirationSeconds": 3600}


def test_the_last_of_several_values_counts_and_unknown_fields_are_skipped() -> None:
    metadata = field(1, b"first") + field(1, b"last") + field(999, b"?") + varint(998 << 3) + varint(7)
    assert decode_object(body("v1", "ServiceAccount", field(1, metadata)))["metadata"] == {"name": "last"}


def test_zero_is_a_value_only_for_a_pointer() -> None:
    spec = varint(1 << 3) + varint(0) + varint(5 << 3) + varint(0)  # replicas (a pointer), minReadySeconds (none)
    assert decode_object(body("apps/v1", "Deployment", field(2, spec)))["spec"] == {"replicas": 0}


def test_negative_numbers_are_twos_complement() -> None:
    spec = varint(4 << 3) + varint((1 << 64) - 5)
    request = body("authentication.k8s.io/v1", "TokenRequest", field(2, spec))
    assert decode_object(request)["spec"] == {"expirationSeconds": -5}


def test_an_inlined_message_is_written_into_its_parent() -> None:
    selector = field(1, field(1, b"settings")) + field(2, b"key")
    env = field(1, b"A") + field(3, field(3, selector))
    pod = field(2, field(2, field(1, b"c") + field(7, env)))
    deployment = decode_object(body("apps/v1", "Deployment", field(2, field(3, pod))))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "key"}}}]


def test_an_unknown_message_is_refused_by_name() -> None:
    with pytest.raises(UnknownMessage, match=r"v1, Kind=PersistentVolume"):
        decode_object(body("v1", "PersistentVolume", b""))
    affinity = field(2, field(3, field(2, field(18, field(1, b"")))))
    with pytest.raises(UnknownMessage, match=r"core\.Affinity"):
        decode_object(body("apps/v1", "Deployment", affinity))


@pytest.mark.parametrize("size", range(4, len(DEPLOYMENT)))
def test_a_truncated_body_is_refused_or_reads_as_less(size: int) -> None:
    try:
        found = decode_object(DEPLOYMENT[:size])
    except ProtobufError:
        return
    assert found["kind"] == "Deployment"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        MAGIC + b"\xff" * 12,
        MAGIC + b"\x0b",
        MAGIC + b"\x00",
        body("v1", "ConfigMap", field(2, field(1, b"\xff"))),
        body("v1", "ConfigMap", field(1, varint(7 << 3 | 2) + b"\x01x")),
        body("v1", "Event", field(1, field(8, varint(1 << 3) + varint(1 << 62)))),
        body("v1", "ConfigMap", field(1, field(17, field(7, field(1, b"{"))))),
    ],
)
def test_malformed_protobuf_is_refused(data: bytes) -> None:
    with pytest.raises(ProtobufError):
        decode_object(data)


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(ProtobufError):
        decode_object(MAGIC + data)


@given(st.sampled_from(sorted(KINDS)), st.binary(max_size=120))
def test_any_bytes_as_any_kind_decode_or_are_refused(kind: tuple[str, str], raw: bytes) -> None:
    try:
        found = decode_object(body(*kind, raw))
    except ProtobufError:
        return
    assert (found["apiVersion"], found["kind"]) == kind


@given(st.binary(min_size=1, max_size=8), st.integers(4, len(DEPLOYMENT) - 1))
def test_a_damaged_body_decodes_or_is_refused(damage: bytes, at: int) -> None:
    with contextlib.suppress(ProtobufError):
        decode_object(DEPLOYMENT[:at] + damage + DEPLOYMENT[at + len(damage) :])


def test_every_row_of_the_tables_is_well_formed() -> None:
    def walk(name: str, seen: set[str]) -> None:
        found = message(name)
        if found is None or name in seen:
            return
        seen.add(name)
        for one in found.fields.values():
            assert not (one.repeated and one.map)
            if "." in one.type:
                walk(one.type, seen)

    for name in KINDS.values():
        assert message(name) is not None
        walk(name, set())


@pytest.mark.parametrize(
    ("kind", "raw", "status", "text"),
    [
        ("ConfigMap", b"\xff", 400, "unexpected EOF"),
        ("PersistentVolume", b"", 415, "does not read v1, Kind=PersistentVolume as protobuf"),
        ("Secret", b"", 400, "Secret in version"),
    ],
)
def test_over_http_bad_protobuf_is_a_status(http: httpx2.Client, kind: str, raw: bytes, status: int, text: str) -> None:
    answer = http.post(
        "/api/v1/namespaces/default/configmaps",
        content=body("v1", kind, raw),
        headers={"Content-Type": "application/vnd.kubernetes.protobuf"},
    )
    assert answer.status_code == status
    assert text in answer.json()["message"]


def test_over_http_a_truncated_deployment_is_a_status(http: httpx2.Client) -> None:
    for size in (0, 3, 10, 60, len(DEPLOYMENT) - 10):
        answer = http.post(
            "/apis/apps/v1/namespaces/irsa/deployments",
            content=DEPLOYMENT[:size],
            headers={"Content-Type": "application/vnd.kubernetes.protobuf"},
        )
        assert 400 <= answer.status_code < 500
        assert answer.json()["kind"] == "Status"
