"""OpenAPI v3: the committed extract is what the script writes, and the documents say what kubectl looks for."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import httpx2
import pytest

from podrole.cluster.core.resources import Resource
from podrole.cluster.kinds.registry import RESOURCES

ROOT = Path(__file__).parents[3]


def _script() -> Any:
    spec = importlib.util.spec_from_file_location("openapi_extract", ROOT / "scripts/openapi_extract.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_extract_is_what_the_script_writes_from_its_source() -> None:
    script = _script()
    assert zlib.decompress(script.TARGET.read_bytes()) == script.document()


def test_importing_the_server_reads_no_schema() -> None:
    code = (
        "import podrole.cluster.assembly.server\n"
        "from podrole.cluster.schema.types import extract\n"
        "assert extract.cache_info().currsize == 0"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_index_names_a_document_for_every_group_and_its_hash_is_its_etag(http: httpx2.Client) -> None:
    index = http.get("/openapi/v3").json()
    assert "api/v1" in index["paths"]
    assert "apis/apps/v1" in index["paths"]
    for entry in index["paths"].values():
        url = entry["serverRelativeURL"]
        answer = http.get(url)
        assert answer.headers["etag"] == '"' + url.partition("hash=")[2] + '"'
        assert answer.json()["openapi"] == "3.0.0"


def test_a_document_that_the_client_has_is_not_sent_again(http: httpx2.Client) -> None:
    etag = http.get("/openapi/v3/apis/batch/v1").headers["etag"]
    again = http.get("/openapi/v3/apis/batch/v1", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("resource", [one for one in RESOURCES if one.stored], ids=lambda one: one.plural)
def test_every_kind_can_be_patched_and_validated(http: httpx2.Client, resource: Resource) -> None:
    path = f"apis/{resource.group}/{resource.version}" if resource.group else "api/v1"
    document = http.get(f"/openapi/v3/{path}").json()
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    patches = [
        operations["patch"]
        for url, operations in document["paths"].items()
        if "patch" in operations and not url.endswith(("/status", "/scale"))
    ]
    (patch,) = [one for one in patches if one["x-kubernetes-group-version-kind"] == kind]
    assert "fieldValidation" in {one["name"] for one in patch["parameters"]}
    assert "application/strategic-merge-patch+json" in patch["requestBody"]["content"]
    schema = document["components"]["schemas"][resource.schema]
    assert kind in schema["x-kubernetes-group-version-kind"]
    assert schema["description"]


def test_merge_keys_are_published(http: httpx2.Client) -> None:
    schemas = http.get("/openapi/v3/api/v1").json()["components"]["schemas"]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["x-kubernetes-patch-strategy"] == "merge"


def test_no_document_refers_to_a_schema_that_it_lacks(http: httpx2.Client) -> None:
    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
            return own.union(*(references(one) for one in value.values()))
        return set().union(*(references(one) for one in value)) if isinstance(value, list) else set()

    for entry in http.get("/openapi/v3").json()["paths"].values():
        document = http.get(entry["serverRelativeURL"]).json()
        known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
        assert references(document) <= known


@pytest.mark.parametrize("path", ["/openapi/v3/apis/nothing/v1", "/openapi/v3/api"])
def test_there_is_no_other_document(http: httpx2.Client, path: str) -> None:
    assert http.get(path).status_code == 404


def test_version_2_is_an_envelope_in_either_form(http: httpx2.Client) -> None:
    assert http.get("/openapi/v2").json() == {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1.36.2+podrole"},
        "paths": {},
    }
    accept = {"Accept": "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"}
    answer = http.get("/openapi/v2", headers=accept)
    assert answer.headers["content-type"] == "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
    assert answer.content == b"\x0a\x032.0\x12\x1d\x0a\x0aKubernetes\x12\x0fv1.36.2+podrole"
