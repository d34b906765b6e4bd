"""Where the Kubernetes API is and which credentials to use there: the pod's own service account, or a kubeconfig.

| behaviour                     | kubectl                    | here                                              |
|-------------------------------|----------------------------|---------------------------------------------------|
| no kubeconfig named           | $KUBECONFIG, ~/.kube/config | in a pod its service account, else like kubectl   |
| several files in $KUBECONFIG  | merged                     | merged: the first file that has an entry wins     |
| insecure-skip-tls-verify      | not verified               | refused: a token is sent only to a verified server|
| exec credential plugin        | run                        | run, its answer kept until it expires             |
| auth-provider                 | refused since 1.26         | refused                                           |
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from podrole.base.clock import Clock, system_clock
from podrole.base.tls import load_pem_pair
from podrole.kube.credentials import ExecPlugin, StaticToken, TokenFile
from podrole.kube.errors import KubeconfigProblem

IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
DIRECTORY_VARIABLE = "PODROLE_SERVICE_ACCOUNT"
"""The variable that names another directory of the token and CA: pods without a file system of their own, such as those
of podrole's node, need it."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one API server.

    A certificate in a file is kept as its path, so that it can be read again after a rotation.
    """

    server: str
    ca: Path | bytes | None = None
    client_certificate: tuple[Path | bytes, Path | bytes] | None = None
    auth: httpx2.Auth | None = field(default=None, compare=False)
    server_name: str | None = None
    proxy: str | None = None
    namespace: str = "default"

    def tls_context(self) -> ssl.SSLContext:
        """Return a context that verifies the server, against ``ca`` or else the system's roots.

        Raises KubeconfigProblem if a certificate or key cannot be used.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.ca is None:
            context.load_default_certs()
        self.load_into(context)
        return context

    def load_into(self, context: ssl.SSLContext) -> None:
        """Load our CA and client certificate into ``context``, also once more after their files may have changed.

        Certificates that were trusted before stay trusted. Raises KubeconfigProblem if a certificate or key cannot be
        used.
        """
        try:
            if isinstance(self.ca, bytes):
                context.load_verify_locations(cadata=self.ca.decode())
            elif self.ca is not None:
                context.load_verify_locations(cafile=self.ca)
            if self.client_certificate is not None:
                certificate, key = map(_content, self.client_certificate)
                load_pem_pair(context, certificate, key)
        except (OSError, ValueError) as problem:  # ssl.SSLError is an OSError
            raise KubeconfigProblem(
                f"The certificates for {self.server} cannot be used: {problem}.",
                next_step="check certificate-authority and client-certificate of the kubeconfig",
            ) from problem


def find_connection(
    *,
    kubeconfig: str = "",
    server: str = "",
    environment: Mapping[str, str] | None = None,
    in_cluster: Path = IN_CLUSTER,
    clock: Clock = system_clock,
) -> Connection:
    """Find the API server: the named kubeconfig, else the pod's service account, else kubectl's own kubeconfig.

    ``server`` overrides the address that was found. Raises KubeconfigProblem.
    """
    environment = os.environ if environment is None else environment
    in_cluster = Path(environment.get(DIRECTORY_VARIABLE) or in_cluster)
    if kubeconfig:
        if not Path(kubeconfig).is_file():
            raise KubeconfigProblem("The kubeconfig does not exist.", got=kubeconfig, next_step="check the path")
        connection = from_kubeconfig([Path(kubeconfig)], clock=clock)
    elif "KUBERNETES_SERVICE_HOST" in environment and (in_cluster / "token").exists():
        connection = from_pod(environment, in_cluster, clock=clock)
    else:
        listed = [Path(path) for path in environment.get("KUBECONFIG", "").split(os.pathsep) if path]
        home = [Path(environment["HOME"]) / ".kube" / "config"] if environment.get("HOME") else []
        connection = from_kubeconfig(listed or home, clock=clock)
    if server:
        connection = replace(connection, server=server.rstrip("/"))
    return connection


def from_pod(environment: Mapping[str, str], directory: Path, *, clock: Clock = system_clock) -> Connection:
    """Return the connection of a pod's own service account."""
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT", "443")
    if ":" in host:
        host = f"[{host}]"
    namespace = directory / "namespace"
    return Connection(
        server=f"https://{host}:{port}",
        ca=directory / "ca.crt",
        auth=TokenFile(directory / "token", clock=clock),
        namespace=namespace.read_text().strip() if namespace.exists() else "default",
    )


def from_kubeconfig(paths: list[Path], *, context: str | None = None, clock: Clock = system_clock) -> Connection:
    """Return the connection of a kubeconfig's current context, or of the one named. Raises KubeconfigProblem."""
    merged = _Merged.of(paths)
    name = context or merged.current_context
    if not name:
        raise KubeconfigProblem(
            "No Kubernetes API was found: no kubeconfig has a current context.",
            got=", ".join(str(path) for path in paths) or "no kubeconfig",
            next_step="name one with --kubeconfig, start a world (podrole up), or run this in a pod",
        )
    chosen, _ = merged.named("contexts", "context", name)
    cluster, base = merged.named("clusters", "cluster", chosen.get("cluster"))
    user, user_base = merged.named("users", "user", chosen["user"]) if chosen.get("user") else ({}, base)
    if cluster.get("insecure-skip-tls-verify"):
        raise KubeconfigProblem(
            f"Context {name!r} asks for insecure-skip-tls-verify, but podrole sends a token only to a verified server.",
            next_step="set certificate-authority to the cluster's CA instead",
        )
    server = cluster.get("server")
    if not isinstance(server, str) or not _is_address(server):
        raise KubeconfigProblem(f"The cluster of context {name!r} has no server address.", got=repr(server))
    certificate = _material(user, "client-certificate", user_base)
    key = _material(user, "client-key", user_base)
    return Connection(
        server=server.rstrip("/"),
        ca=_material(cluster, "certificate-authority", base),
        client_certificate=None if certificate is None or key is None else (certificate, key),
        auth=_auth(user, user_base, clock),
        server_name=cluster.get("tls-server-name"),
        proxy=cluster.get("proxy-url"),
        namespace=chosen.get("namespace") or "default",
    )


@dataclass(frozen=True, slots=True)
class _Merged:
    """Several kubeconfig files as one: the first file that has an entry wins."""

    current_context: str | None
    lists: list[tuple[Path, dict[str, Any]]]

    @classmethod
    def of(cls, paths: list[Path]) -> _Merged:
        # Imported here because it takes time, and pods have no kubeconfig.
        import yaml

        documents: list[tuple[Path, dict[str, Any]]] = []
        for path in paths:
            try:
                document = yaml.safe_load(path.read_bytes()) if path.exists() else None
            except (OSError, yaml.YAMLError, UnicodeError) as problem:
                raise KubeconfigProblem(f"The kubeconfig {path} cannot be read: {problem}.") from problem
            if document is not None and not isinstance(document, dict):
                raise KubeconfigProblem(f"The kubeconfig {path} is not a mapping.")
            documents.append((path, document or {}))
        current = next((str(d["current-context"]) for _, d in documents if d.get("current-context")), None)
        return cls(current, documents)

    def named(self, collection: str, field_name: str, name: Any) -> tuple[dict[str, Any], Path]:
        """Return the entry of that name, and the directory that its relative paths start from."""
        for path, document in self.lists:
            for entry in document.get(collection) or ():
                if isinstance(entry, dict) and entry.get("name") == name:
                    content = entry.get(field_name)
                    return (content if isinstance(content, dict) else {}), path.parent
        known = [e.get("name") for _, d in self.lists for e in d.get(collection) or () if isinstance(e, dict)]
        raise KubeconfigProblem(
            f"The kubeconfig has no {field_name} {name!r}.", expected=f"one of {', '.join(map(repr, known)) or 'none'}"
        )


def _material(entry: dict[str, Any], name: str, base: Path) -> Path | bytes | None:
    """Return the content of ``<name>-data`` (base64), or the path in ``<name>``; None if the entry has neither."""
    data = entry.get(f"{name}-data")
    if data:
        try:
            return base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError, TypeError) as problem:
            raise KubeconfigProblem(f"{name}-data of the kubeconfig is not base64.") from problem
    path = entry.get(name)
    return base / path if isinstance(path, str) and path else None


def _is_address(server: str) -> bool:
    try:
        parts = urlsplit(server)
        return parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:  # a port that is not a number, brackets that do not match
        return False


def _auth(user: dict[str, Any], base: Path, clock: Clock) -> httpx2.Auth | None:
    if user.get("tokenFile"):
        return TokenFile(base / user["tokenFile"], clock=clock)
    if user.get("token"):
        return StaticToken(str(user["token"]))
    if isinstance(user.get("exec"), dict):
        return ExecPlugin.from_kubeconfig(user["exec"], base, clock=clock)
    if user.get("username"):
        return httpx2.BasicAuth(str(user["username"]), str(user.get("password") or ""))
    if user.get("auth-provider"):
        raise KubeconfigProblem(
            "The kubeconfig uses an auth-provider, which Kubernetes removed in 1.26.",
            next_step="use an exec credential plugin, as kubectl does",
        )
    return None


def _content(material: Path | bytes) -> bytes:
    return material if isinstance(material, bytes) else material.read_bytes()
