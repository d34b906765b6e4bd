"""kubectl 1.37 prints here what it printed against a real kube-apiserver 1.36, command by command.

``data/kubectl-1.37.jsonl`` is the recording: each command in turn with its output, its exit code, and what the server
answered to its requests (discovery and repeated reads left out). Times, uids, ports, tokens and generated names are
taken out of both sides; what else differs stands in the tables below with its reason.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from podrole.cluster.wire.protobuf import ProtobufError, decode_object
from support.cluster import controllers_only

_DATA = Path(__file__).parent / "data/kubectl-1.37.jsonl"
RECORDING = [json.loads(line) for line in _DATA.read_text().splitlines()]
COMMANDS = [one["command"] for one in RECORDING]

_EMPTIED = "a namespace whose pods run nowhere has gone before kubectl asks again"
# Commands whose output cannot be the same, each with its reason.
OTHER_OUTPUT = {
    "kubectl api-resources": "the kinds that this cluster has are fewer; each line is compared below",
    "kubectl api-versions": "as above",
    "kubectl auth whoami": "this administrator has no UID",
    "kubectl get --raw /.well-known/openid-configuration": "another issuer; its shape is tested with the documents",
    "kubectl get --raw /openid/v1/jwks": "another key; as above",
    "kubectl get --raw /readyz?verbose": "the checks are this server's own",
    "kubectl get ns irsa": _EMPTIED,
}
_UNTRACKED = "nobody manages the fields of an answer that is not kept"
# Commands whose requests get other answers on the wire, each with its reason.
OTHER_ANSWERS = {
    "kubectl auth can-i create pods -n irsa": _UNTRACKED,
    "kubectl auth can-i list secrets --as=system:serviceaccount:irsa:aws-cli -n irsa": _UNTRACKED,
    "kubectl auth whoami": "this administrator has no UID",
    "kubectl create token aws-cli -n irsa --audience sts.amazonaws.com --duration 1h": _UNTRACKED,
    "kubectl create token aws-cli -n irsa --bound-object-kind Pod --bound-object-name aws-cli": "another issuer",
    "kubectl get --raw /.well-known/openid-configuration": "another issuer",
    "kubectl get --raw /openid/v1/jwks": "another key",
    "kubectl get ns irsa": _EMPTIED,
    "kubectl wait --for=condition=Ready pod/aws-cli -n irsa --timeout=5s": "the recorded server had no WatchList",
}


class Recorder:
    """Notes what the server answers."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.exchanges: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        query = scope.get("query_string", b"").decode()
        path = scope["path"] + (f"?{query}" if query else "")
        exchange = {"method": scope.get("method"), "path": path, "status": 0, "data": b""}
        self.exchanges.append(exchange)

        async def noted(message: Any) -> None:
            if message["type"] == "http.response.start":
                exchange["status"] = message["status"]
            elif message["type"] == "http.response.body":
                exchange["data"] += message.get("body", b"")
            await send(message)

        await self._app(scope, receive, noted)


@dataclass
class Replayed:
    """What a command did here."""

    exit_code: int
    stdout: str
    stderr: str
    exchanges: list[dict[str, Any]]


RUNNING = {
    "phase": "Running",
    "conditions": [
        {"type": "Ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": "2026-11-23T09:00:00Z"}
    ],
    "hostIP": "10.0.0.9",
    "podIP": "10.1.2.3",
    "podIPs": [{"ip": "10.1.2.3"}],
    "startTime": "2026-11-23T09:00:00Z",
    "containerStatuses": [
        {
            "name": "aws-cli",
            "state": {"running": {"startedAt": "2026-11-23T09:00:00Z"}},
            "lastState": {},
            "ready": True,
            "restartCount": 0,
            "image": "amazon/aws-cli",
            "imageID": "x",
        }
    ],
}


@pytest.fixture(scope="module")
def replay(serve: Callable[..., Any], kubectl_for: Callable[[Any], Any]) -> list[Replayed]:
    recorders: list[Recorder] = []

    def wrap(app: Any) -> Recorder:
        recorders.append(Recorder(app))
        return recorders[0]

    with serve(wrap, controllers_only) as served:
        kubectl = kubectl_for(served)
        return list(_replay(served, kubectl, recorders[0]))


def _replay(served: Any, kubectl: Any, recorder: Recorder) -> Iterator[Replayed]:
    for recorded in RECORDING:
        recorder.exchanges.clear()
        # Three seconds of watching show no more than one.
        ran = kubectl.shell(recorded["command"].replace("timeout 3 ", "timeout 1 "), recorded.get("stdin"))
        yield Replayed(ran.returncode, ran.stdout, ran.stderr, list(recorder.exchanges))
        if recorded["command"].startswith("kubectl run nosa"):
            # The recording's only pod that ever ran was made to look so by a curl at this point.
            with served.client(**{"User-Agent": "curl/8"}) as http:
                path = "/api/v1/namespaces/irsa/pods/aws-cli/status"
                patch = {"Content-Type": "application/merge-patch+json"}
                http.patch(path, json={"status": RUNNING}, headers=patch).raise_for_status()


# The recording's server was built from OpenShift's sources, which add a source to every pod's token volume.
OPENSHIFT = (
    """\
      - configMap:
          items:
          - key: service-ca.crt
            path: service-ca.crt
          name: openshift-service-ca.crt
""",
    """\
    ConfigMapName:           openshift-service-ca.crt
    Optional:                false
""",
)


def plain(text: str) -> str:
    """Return a text without what is different each time."""
    for lines in OPENSHIFT:
        text = text.replace(lines, "")
    text = re.sub(r"(?<=web-|ash=)[a-z0-9]{8,10}(-[a-z0-9]{5})?", "HASH", text)  # pod-template-hash
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID", text)
    text = re.sub(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    text = re.sub(r"kube-api-access-[a-z0-9]{5}", "kube-api-access-XXXXX", text)
    text = re.sub(r'("?resourceVersion"?: )"\d+"', r"\1N", text)
    text = re.sub(r"https://127\.0\.0\.1:\d+", "SERVER", text)
    text = re.sub(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "TOKEN", text)
    text = re.sub(r"(?<=\s)(?:\d+[smhd])+(?=\s|$)", "AGE", text)
    text = re.sub(r"^@@.*\n(?:.*\n)*", "", text, flags=re.MULTILINE)  # the difference of two Go structs
    text = text.replace("+podrole", "")
    return re.sub(r"[ \t]+", " ", text)


@pytest.mark.parametrize("index", range(len(RECORDING)), ids=COMMANDS)
def test_it_prints_the_same(replay: list[Replayed], index: int) -> None:
    recorded, replayed = RECORDING[index], replay[index]
    if recorded["command"] in OTHER_OUTPUT:
        return
    assert replayed.exit_code == recorded["exit_code"], replayed.stderr
    if recorded["command"].endswith("-o json"):
        assert comparable(json.loads(replayed.stdout)) == comparable(json.loads(recorded["stdout"]))
    else:
        assert plain(replayed.stdout) == plain(recorded["stdout"])
    assert plain(replayed.stderr) == plain(recorded["stderr"])


@pytest.mark.parametrize("command", ["kubectl api-resources", "kubectl api-versions"])
def test_every_kind_here_is_listed_as_there(replay: list[Replayed], command: str) -> None:
    index = COMMANDS.index(command)
    theirs = {" ".join(line.split()) for line in RECORDING[index]["stdout"].splitlines()}
    ours = [" ".join(line.split()) for line in replay[index].stdout.splitlines()]
    assert [line for line in ours if line not in theirs] == []
    assert len(ours) > 5


@pytest.mark.parametrize("index", range(len(RECORDING)), ids=COMMANDS)
def test_the_server_answers_the_same(replay: list[Replayed], index: int) -> None:
    if COMMANDS[index] in OTHER_ANSWERS:
        return
    left = list(replay[index].exchanges)
    for theirs in RECORDING[index]["exchanges"]:
        ours = _counterpart(theirs, left)
        assert ours["status"] == theirs["status"], theirs["path"]
        expected = theirs["body"]
        as_protobuf = isinstance(expected, str)
        if as_protobuf:
            expected = _from_protobuf(expected)
        if expected is None:
            continue
        found = json.loads(ours["data"])
        if as_protobuf:
            # The field tables are for requests: what they leave out cannot be compared.
            found.pop("status", None)
            expected.pop("status", None)
        if expected.get("kind") == "Table" and "columnDefinitions" not in expected:
            found.pop("columnDefinitions")
        assert comparable(found, with_empty=not as_protobuf) == comparable(expected, with_empty=not as_protobuf)


def _counterpart(theirs: dict[str, Any], left: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the first answer to the same request, and strike it from the list."""
    wanted = _request(theirs)
    for index, one in enumerate(left):
        if _request(one) == wanted:
            return left.pop(index)
    pytest.fail(f"no {theirs['method']} {theirs['path']} among {[one['path'] for one in left]}")


def _request(exchange: dict[str, Any]) -> tuple[Any, ...]:
    parts = urlsplit(exchange["path"])
    query = [(key, value) for key, value in parse_qsl(parts.query) if key not in ("timeoutSeconds", "resourceVersion")]
    text = re.sub(r"involvedObject.uid=[^,]*", "", json.dumps(sorted(query)))
    return exchange["method"], parts.path, text


def _from_protobuf(text: str) -> Any:
    try:
        return decode_object(base64.b64decode(text.removeprefix("base64:")))
    except ProtobufError:
        return None  # Status and lists: they are compared through what kubectl prints


_VOLATILE = {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "time", "token", "expirationTimestamp"}
_VOLATILE.add("pod-template-hash")


def comparable(value: Any, *, with_empty: bool = True) -> Any:
    """Return a value without what is different each time; protobuf cannot tell empty maps from nothing."""
    if isinstance(value, dict):
        return {
            key: json.loads(plain(json.dumps(one))) if key == "fieldsV1" else comparable(one, with_empty=with_empty)
            for key, one in value.items()
            if key not in _VOLATILE and (with_empty or one not in ({}, None))
        }
    if isinstance(value, list):
        if value and isinstance(value[0], dict) and "manager" in value[0]:
            # By time, which is not the same each time; the order itself has its own test.
            value = sorted(value, key=lambda one: (one["operation"], one["manager"], one.get("subresource", "")))
        kept = [one for one in value if "openshift-service-ca.crt" not in json.dumps(one) or not _is_source(one)]
        return [comparable(one, with_empty=with_empty) for one in kept]
    return plain(f" {value} ").strip() if isinstance(value, str) else value


def _is_source(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"configMap"}
