"""No request keeps the API server from answering others: what costs much is refused, or worked on beside the loop."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from podrole.base.serving import LOOPBACK
from podrole.cluster.wire.bodies import MAX_BYTES, MAX_OBJECT_BYTES
from support.cluster import Served
from support.heartbeat import GENEROUS_SECONDS, heartbeat_of

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
MAP, POD = f"{MAPS}/one", f"{PODS}/one"
YAML, JSON, PROTOBUF = "application/yaml", "application/json", "application/vnd.kubernetes.protobuf"
STRATEGIC, JSON_PATCH = "application/strategic-merge-patch+json", "application/json-patch+json"
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
FIRST = {"metadata": {"name": "one"}}
NAMED = {"metadata": {"name": "many"}}
NAMES = [f"n{number}" for number in range(40_000)]
DEEP = 300_000
Body = Callable[[], bytes]


def filled(unit: bytes, before: bytes = b"", after: bytes = b"") -> Body:
    """Return a body of the largest size that is read."""
    return lambda: before + unit * ((MAX_BYTES - len(before) - len(after)) // len(unit)) + after


def nested(opening: bytes, closing: bytes = b"", before: bytes = b"", after: bytes = b"") -> Body:
    return lambda: before + opening * DEEP + closing * DEEP + after


def as_json(value: Any) -> Body:
    return lambda: json.dumps(value).encode()


def numbered(text: str, count: int, separator: str = "", before: str = "", after: str = "") -> Body:
    return lambda: (before + separator.join(text.format(number) for number in range(count)) + after).encode()


def applied(kind: str, name: str, **content: Any) -> Body:
    return as_json({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **content})


def field(number: int, content: bytes) -> bytes:
    """Return a field of protobuf that holds bytes."""
    size, written = len(content), b""
    while size > 0x7F:
        written, size = written + bytes([size & 0x7F | 0x80]), size >> 7
    return bytes([number << 3 | 2]) + written + bytes([size]) + content


def config_map(fields: Body) -> Body:
    kind = field(1, field(1, b"v1") + field(2, b"ConfigMap"))
    return lambda: b"k8s\x00" + kind + field(2, fields())


def entries() -> bytes:
    return b"".join(field(2, field(1, f"k{number}".encode())) for number in range(150_000))


LEVELS = "\n".join(f"a{n}: &a{n} [{','.join(['*a' + str(n - 1)] * 9)}]" for n in range(1, 9))
MERGED = "\n".join(f"a{n}: &a{n} {{<<: [{','.join(['*a' + str(n - 1)] * 500)}]}}" for n in range(1, 5))

REQUESTS: dict[str, tuple[str, str, str, Body, int]] = {
    "yaml: a list in one line": ("POST", REVIEWS, YAML, filled(b"a,", b"[", b"]"), 400),
    "yaml: a list in lines": ("POST", REVIEWS, YAML, filled(b"- a\n"), 400),
    "yaml: a map": ("POST", REVIEWS, YAML, numbered("k{}: v\n", 200_000), 400),
    "yaml: one key many times": ("POST", REVIEWS, YAML, filled(b"k: v\n"), 400),
    "yaml: empty maps": ("POST", REVIEWS, YAML, filled(b"{},", b"a: [", b"]"), 400),
    "yaml: tagged": ("POST", REVIEWS, YAML, filled(b"!!str a,", b"[", b"]"), 400),
    "yaml: deep lists": ("POST", REVIEWS, YAML, nested(b"["), 400),
    "yaml: deep lists that end": ("POST", REVIEWS, YAML, nested(b"[", b"]"), 400),
    "yaml: deep maps": ("POST", REVIEWS, YAML, nested(b"{a: "), 400),
    "yaml: deep lists in lines": ("POST", REVIEWS, YAML, nested(b"- ", after=b"a"), 400),
    "yaml: deep keys": ("POST", REVIEWS, YAML, nested(b"? "), 400),
    "yaml: aliases of aliases": ("POST", REVIEWS, YAML, lambda: f"a0: &a0 [x]\n{LEVELS}".encode(), 400),
    "yaml: merged aliases": ("POST", REVIEWS, YAML, lambda: f"a0: &a0 {{k: v}}\n{MERGED}".encode(), 400),
    "yaml: a number": ("POST", REVIEWS, YAML, filled(b"9", b"a: "), 201),
    "yaml: a number with underscores": ("POST", REVIEWS, YAML, filled(b"9_", b"a: "), 201),
    "yaml: a number with a point": ("POST", REVIEWS, YAML, filled(b"9", b"a: ", b".0"), 201),
    "yaml: a number of minutes": ("POST", REVIEWS, YAML, filled(b":59", b"a: !!int 1"), 400),
    "yaml: a fraction of minutes": ("POST", REVIEWS, YAML, filled(b":59", b"a: !!float 1", b".5"), 400),
    "yaml: keys as in JSON": ("POST", REVIEWS, YAML, numbered('"k{}":1', 190_000, ",", "{", "}"), 201),
    "json: numbers": ("POST", REVIEWS, JSON, filled(b"1,", b'{"a":[', b"1]}"), 400),
    "json: keys, cut off": ("POST", REVIEWS, JSON, numbered('"k{}":1', 190_000, ",", "{", ""), 400),
    "json: keys, the first one twice": ("POST", REVIEWS, JSON, numbered('"k{}":1', 190_000, ",", "{", ',"k0":1}'), 201),
    "json: text like JSON": ("POST", REVIEWS, JSON, filled(b"{[,", b'{"a":"', b'"}'), 201),
    "json: empty objects": ("POST", REVIEWS, JSON, filled(b"{},", b'{"a":[', b"{}]}"), 400),
    "json: keys": ("POST", REVIEWS, JSON, numbered('"k{}":1', 200_000, ",", "{", "}"), 201),
    "json: one key many times": ("POST", REVIEWS, JSON, filled(b'"k":1,', b"{", b'"k":1}'), 400),
    "json: deep": ("POST", REVIEWS, JSON, nested(b"[", b"]", b'{"a":', b"}"), 400),
    "json: a number": ("POST", REVIEWS, JSON, filled(b"9", b'{"a":', b"}"), 400),
    "protobuf: a map of 150,000 entries": ("POST", MAPS, PROTOBUF, config_map(entries), 400),
    "protobuf: a million empty messages": (
        "POST",
        MAPS,
        PROTOBUF,
        config_map(lambda: field(1, b"\x6a\x00" * 1_000_000)),
        400,
    ),
    "protobuf: many fields": ("POST", MAPS, PROTOBUF, filled(b"\x0a\x02\x0a\x00", b"k8s\x00"), 415),
    "labels": (
        "POST",
        MAPS,
        JSON,
        as_json({"metadata": {"name": "labels", "labels": dict.fromkeys(NAMES, "v")}}),
        201,
    ),
    "containers": (
        "POST",
        PODS,
        JSON,
        as_json({**NAMED, "spec": {"containers": [{"name": name, "image": "i"} for name in NAMES]}}),
        500,
    ),
    "variables without names": (
        "POST",
        PODS,
        JSON,
        as_json(
            {
                "metadata": {"name": "many"},
                "spec": {"containers": [{"name": "c", "image": "i", "env": [{"name": "", "value": "v"}] * 20_000}]},
            }
        ),
        422,
    ),
    "strategic patch: the order of a list": (
        "PATCH",
        POD,
        STRATEGIC,
        as_json(
            {
                "spec": {
                    "$setElementOrder/containers": [{"name": name} for name in NAMES],
                    "containers": [{"name": name, "image": "i"} for name in NAMES[:20_000]],
                }
            }
        ),
        422,
    ),
    "strategic patch: items that go": (
        "PATCH",
        POD,
        STRATEGIC,
        as_json({"spec": {"containers": [{"name": name, "$patch": "delete"} for name in NAMES]}}),
        200,
    ),
    "strategic patch: values that go": (
        "PATCH",
        MAP,
        STRATEGIC,
        as_json({"metadata": {"finalizers": NAMES, "$deleteFromPrimitiveList/finalizers": NAMES}}),
        200,
    ),
    "strategic patch: keys that stay": (
        "PATCH",
        MAP,
        STRATEGIC,
        as_json({"$retainKeys": NAMES, **dict.fromkeys(NAMES, 1)}),
        200,
    ),
    "strategic patch: deep": ("PATCH", MAP, STRATEGIC, nested(b'{"a":', b"}", b'{"data":', b"1}"), 400),
    "json patch: 10,000 operations": (
        "PATCH",
        MAP,
        JSON_PATCH,
        as_json(
            [
                {"op": "add", "path": "/data", "value": {}},
                *({"op": "add", "path": f"/data/k{number}", "value": "v"} for number in range(9_999)),
            ]
        ),
        200,
    ),
    "json patch: 10,000 insertions into a list": (
        "PATCH",
        MAP,
        JSON_PATCH,
        as_json(
            [
                {"op": "add", "path": "/metadata/finalizers", "value": []},
                *({"op": "add", "path": "/metadata/finalizers/0", "value": f"a/n{number}"} for number in range(9_999)),
            ]
        ),
        200,
    ),
    "json patch: 10,001 operations": (
        "PATCH",
        MAP,
        JSON_PATCH,
        as_json([{"op": "test", "path": "/kind", "value": "x"}] * 10_001),
        413,
    ),
    "json patch: copies of copies": (
        "PATCH",
        MAP,
        JSON_PATCH,
        as_json(
            [
                {"op": "add", "path": "/data", "value": {"a": "v" * 1000}},
                *({"op": "copy", "from": "/data", "path": f"/data/k{number}"} for number in range(9_000)),
            ]
        ),
        422,
    ),
    "merge patch: deep": ("PATCH", MAP, MERGE, nested(b'{"a":', b"}", b'{"data":', b"1}"), 400),
    "apply: 150,000 keys": (
        "PATCH",
        f"{MAPS}/two?fieldManager=m",
        APPLY,
        numbered("  k{}: v\n", 150_000, before="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: two}\ndata:\n"),
        400,
    ),
    "apply: 40,000 keys in JSON": (
        "PATCH",
        f"{MAPS}/three?fieldManager=m",
        APPLY,
        applied("ConfigMap", "three", data=dict.fromkeys(NAMES, "v")),
        201,
    ),
    "a label selector": ("GET", f"{MAPS}?labelSelector={'a,' * 14_000}a", JSON, bytes, 200),
    "a field selector": ("GET", f"{MAPS}?fieldSelector={'metadata.name=a,' * 1_500}", JSON, bytes, 200),
    "parameters": ("GET", f"{MAPS}?{'a=b&' * 7_000}", JSON, bytes, 400),
    "accepted types": ("GET", MAPS, JSON, bytes, 406),
}
"""By what costs much: method, path, content type, body, and the status of the answer."""


SAMPLE = {
    "yaml: aliases of aliases",
    "yaml: a number of minutes",
    "yaml: keys as in JSON",
    "json: keys",
    "json: deep",
    "protobuf: a million empty messages",
    "strategic patch: items that go",
    "json patch: 10,000 insertions into a list",
    "apply: 40,000 keys in JSON",
    "accepted types",
}
"""What ``make test`` sends; ``make soak`` sends all."""


@pytest.mark.parametrize(
    "name", [name if name in SAMPLE else pytest.param(name, marks=pytest.mark.soak) for name in REQUESTS]
)
def test_costly_request_keeps_no_other_waiting(served: Served, name: str) -> None:
    method, path, content_type, make_body, status = REQUESTS[name]
    headers = {"content-type": content_type}
    if name == "accepted types":
        headers["accept"] = "a/b," * 7_000
    body = make_body()
    with served.client() as client:
        client.post(MAPS, json=FIRST)
        client.post(PODS, json={**FIRST, "spec": {"containers": [{"name": "c", "image": "i"}]}})
        with heartbeat_of(served._loop) as beat:
            answer = client.request(method, path, content=body, headers=headers)
    assert answer.status_code == status, answer.text[:300]
    assert beat.longest < GENEROUS_SECONDS


def conditions(count: int) -> dict[str, Any]:
    """Return a webhook that looks at every key of a ConfigMap, ``count`` times, and is then not called."""
    looks = [{"name": f"c{n}", "expression": f"object.data.all(k, k != 'x{n}')"} for n in range(count)]
    return {
        "metadata": {"name": "looks"},
        "webhooks": [
            {
                "name": "looks.example.com",
                "clientConfig": {"url": f"https://{LOOPBACK}:1/"},
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "matchConditions": [*looks, {"name": "never", "expression": "false"}],
                "rules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
                ],
            }
        ],
    }


def test_conditions_on_a_large_object_keep_no_other_waiting(served: Served) -> None:
    pytest.importorskip("cel_expr_python")
    large = {"metadata": {"name": "large"}, "data": {f"k{number}": "" for number in range(20_000)}}
    with served.client() as client:
        client.post(WEBHOOKS, json=conditions(40)).raise_for_status()
        with heartbeat_of(served._loop) as beat:
            answer = client.post(MAPS, json=large)
        client.delete(f"{WEBHOOKS}/looks").raise_for_status()
    assert answer.status_code == 201, answer.text[:300]
    assert beat.longest < GENEROUS_SECONDS


TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def test_long_list_is_complete_and_keeps_no_other_waiting(served: Served) -> None:
    names = [f"m{number:04}" for number in range(1_201)]
    selector = ",".join(f"tier!=t{number}" for number in range(2_500))
    listed = {"labelSelector": f"{selector},list"}
    with served.client() as client:
        for name in names:
            client.post(MAPS, json={"metadata": {"name": name, "labels": {"list": "", "tier": "x"}}}).raise_for_status()
        with heartbeat_of(served._loop) as beat:
            whole = client.get(MAPS, params=listed).json()
            table = client.get(MAPS, params=listed, headers={"accept": TABLE}).json()
            page = client.get(MAPS, params={**listed, "limit": "700"}).json()
    assert [one["metadata"]["name"] for one in whole["items"]] == names
    assert (whole["kind"], "kind" in whole["items"][0]) == ("ConfigMapList", False)
    assert [row["cells"][0] for row in table["rows"]] == names
    assert page["items"] == whole["items"][:700]
    assert page["metadata"]["continue"]
    assert beat.longest < GENEROUS_SECONDS


def test_unknown_fields_are_reported_up_to_a_limit(served: Served) -> None:
    body = json.dumps({f"k{number}": 1 for number in range(500)})
    with served.client() as client:
        answer = client.post(f"{REVIEWS}?fieldValidation=Strict", content=body, headers={"content-type": JSON})
    assert answer.json()["message"].count("unknown field") == 100


@pytest.mark.parametrize(("more", "status"), [(-5_000, 201), (1, 500)], ids=["fits", "too large"])
def test_object_is_as_large_as_etcd_allows(served: Served, more: int, status: int) -> None:
    container = {"name": "c", "image": "i", "args": ["x" * (MAX_OBJECT_BYTES + more)]}
    with served.client() as client:
        answer = client.post(PODS, json={"metadata": {"name": f"large-{status}"}, "spec": {"containers": [container]}})
    assert answer.status_code == status
    if status == 500:
        assert answer.json()["message"] == "etcdserver: request is too large"


def test_strategic_patch_with_a_list_of_lists_is_refused(served: Served) -> None:
    patch = {"metadata": {"finalizers": ["a/b"], "$setElementOrder/finalizers": [["a/b"]]}}
    with served.client() as client:
        client.post(MAPS, json=FIRST)
        answer = client.patch(MAP, content=json.dumps(patch), headers={"content-type": STRATEGIC})
    assert answer.status_code == 400
