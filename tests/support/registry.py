"""A registry of images on loopback, for one user: the part of the distribution specification by which an engine pulls.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from support.engine import busybox_archive

USER, PASSWORD = "puller", "of-images"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass
class Registry:
    """A registry with the image ``shop/api:1``, of busybox. ``asked`` has each request and whether it was let in."""

    address: str = ""
    asked: list[tuple[str, bool]] = field(default_factory=list)
    blobs: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def secret(self, name: str, *, password: str = PASSWORD) -> dict[str, Any]:
        """Return the secret that ``kubectl create secret docker-registry`` makes."""
        auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
        config = {"auths": {self.address: {"username": USER, "password": password, "auth": auth}}}
        data = {".dockerconfigjson": base64.b64encode(json.dumps(config).encode()).decode()}
        return {"metadata": {"name": name}, "type": "kubernetes.io/dockerconfigjson", "data": data}

    def add(self, tag: str, layer: bytes, config: dict[str, Any]) -> None:
        """Add an image of one layer, a tar archive."""
        diff = f"sha256:{hashlib.sha256(layer).hexdigest()}"
        image = {
            "architecture": "amd64",
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [diff]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._blob("application/vnd.oci.image.config.v1+json", json.dumps(image).encode()),
            "layers": [self._blob("application/vnd.oci.image.layer.v1.tar", layer)],
        }
        self.tags[tag] = self._blob(MANIFEST, json.dumps(manifest).encode())["digest"]

    def _blob(self, kind: str, content: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[digest] = (kind, content)
        return {"mediaType": kind, "digest": digest, "size": len(content)}


@contextlib.contextmanager
def running_registry() -> Iterator[Registry]:
    """Run a registry that lets one user in."""
    registry = Registry()
    program = shutil.which("busybox")
    assert program is not None, "the tests' image is made of a static busybox"
    registry.add("shop/api:1", busybox_archive(Path(program)), {"Cmd": ["sh", "-c", "echo pulled"]})
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(registry))
    registry.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(registry: Registry) -> type[BaseHTTPRequestHandler]:
    allowed = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            entered = self.headers.get("Authorization") == allowed
            registry.asked.append((self.path, entered))
            if not entered:
                return self._answer(401, "application/json", b'{"errors":[{"code":"UNAUTHORIZED","message":"log in"}]}')
            _, _, rest = self.path.partition("/v2/")
            name, _, last = rest.rpartition("/")
            repository, _, kind = name.rpartition("/")
            digest = registry.tags.get(f"{repository}:{last}", last) if kind == "manifests" else last
            if not rest:
                return self._answer(200, "application/json", b"{}")
            if digest not in registry.blobs:
                return self._answer(404, "application/json", b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no"}]}')
            media, content = registry.blobs[digest]
            return self._answer(200, media, content, digest)

        do_HEAD = do_GET  # noqa: N815 - the base class's form of a name

        def _answer(self, status: int, media: str, content: bytes, digest: str = "") -> None:
            self.send_response(status)
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="registry"')
            if digest:
                self.send_header("Docker-Content-Digest", digest)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
