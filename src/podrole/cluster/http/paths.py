"""Paths that are not resources: discovery, OpenAPI, version, health, the issuer's documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from podrole.cluster.core.resources import Resource
from podrole.cluster.http.answers import send_bytes, send_document, send_object, send_text
from podrole.cluster.http.requests import Request
from podrole.cluster.kinds.custom import CustomKinds
from podrole.cluster.kinds.registry import group_versions
from podrole.cluster.publish import discovery, openapi
from podrole.cluster.publish.documents import Document
from podrole.cluster.publish.issuer import IssuerDocuments
from podrole.cluster.publish.version import version_document
from podrole.cluster.wire.negotiation import choose

IMMUTABLE = b"public, immutable"
_HEALTH = ("/healthz", "/livez", "/readyz")


class Paths:
    """Answers non-resource requests. ``checks`` are the health checks, by name."""

    def __init__(self, issuer: IssuerDocuments, checks: Mapping[str, Callable[[], bool]], custom: CustomKinds) -> None:
        self._issuer = issuer
        self._checks = checks
        self._custom = custom

    async def serve(self, request: Request) -> bool:
        """Answer the request, or return False if the path is unknown. Raises StatusError."""
        path = request.path.rstrip("/") or "/"
        if path in _HEALTH or path.startswith(tuple(f"{prefix}/" for prefix in _HEALTH)):
            return await self._health(request, path)
        if path == "/version":
            await send_bytes(request, 200, version_document(), [(b"content-type", b"application/json"), _NO_CACHE])
            return True
        if path == "/":
            await send_object(request, 200, {"paths": _known_paths(self._custom.served())})
            return True
        if path in ("/.well-known/openid-configuration", "/openid/v1/jwks"):
            document = self._issuer.discovery() if path.endswith("configuration") else self._issuer.keys()
            headers = [(b"content-type", document.content_type.encode()), (b"cache-control", b"public, max-age=3600")]
            await send_bytes(request, 200, document.body, headers)
            return True
        return await self._documents(request, path)

    async def _documents(self, request: Request, path: str) -> bool:
        custom = self._custom.served()
        if path == "/openapi/v3":
            await send_document(request, openapi.index(custom), cache=b"no-cache, private")
            return True
        if path == "/openapi/v2":
            accept = request.header(b"accept") or ""
            await send_document(request, openapi.version_2(protobuf=openapi.V2_PROTOBUF in accept), cache=b"public")
            return True
        if path.startswith("/openapi/v3/"):
            document = _openapi(path.removeprefix("/openapi/v3/"), custom)
            cache = IMMUTABLE
        else:
            document = _discovery(request, path, custom)
            cache = b"public" if path in ("/api", "/apis") else b"no-cache, private"
        if document is None:
            return False
        await send_document(request, document, cache=cache)
        return True

    async def _health(self, request: Request, path: str) -> bool:
        name, _, single = path.strip("/").partition("/")
        if single:
            if single not in self._checks:
                return False
            await send_text(request, 200 if self._checks[single]() else 500, "ok")
            return True
        results = {check_name: check() for check_name, check in self._checks.items()}
        healthy = all(results.values())
        if healthy and "verbose" not in request.query:
            await send_text(request, 200, "ok")
            return True
        lines = [
            f"[+]{check_name} ok" if good else f"[-]{check_name} failed: reason withheld"
            for check_name, good in results.items()
        ]
        lines.append(f"{name} check {'passed' if healthy else 'failed'}\n")
        await send_text(request, 200 if healthy else 500, "\n".join(lines))
        return True


_NO_CACHE = (b"cache-control", b"no-cache, private")


def _openapi(path: str, custom: tuple[Resource, ...]) -> Document | None:
    parts = path.split("/")
    if parts[0] == "api" and len(parts) == 2:
        return openapi.document("", parts[1])
    return openapi.document(parts[1], parts[2], custom) if parts[0] == "apis" and len(parts) == 3 else None


def _discovery(request: Request, path: str, custom: tuple[Resource, ...]) -> Document | None:
    parts = path.strip("/").split("/")
    match parts:
        case ["api"]:
            return discovery.aggregated(core=True) if _wants_aggregated(request) else discovery.api_versions()
        case ["apis"]:
            return (
                discovery.aggregated(custom, core=False)
                if _wants_aggregated(request)
                else discovery.api_group_list(custom)
            )
        case ["api", version]:
            return discovery.api_resource_list("", version)
        case ["apis", group]:
            return discovery.api_group(group, custom)
        case ["apis", group, version]:
            return discovery.api_resource_list(group, version, custom)
        case _:
            return None


def _wants_aggregated(request: Request) -> bool:
    """Say whether the aggregated form comes before plain JSON in what the client accepts. Raises StatusError (406)."""
    accept = request.header(b"accept") or ""
    for clause in accept.split(","):
        parts = [part.strip() for part in clause.split(";")]
        if parts[0] != "application/json":
            continue
        if "as=APIGroupDiscoveryList" in parts:
            if "v=v2" in parts and "g=apidiscovery.k8s.io" in parts:
                return True
            continue
        return False
    choose(accept, transforms=False)
    return False


def _known_paths(custom: tuple[Resource, ...]) -> list[str]:
    paths: list[Any] = ["/.well-known/openid-configuration", "/api", "/apis", "/healthz", "/livez"]
    paths.extend(("/openapi/v2", "/openapi/v3", "/openid/v1/jwks", "/readyz", "/version"))
    paths.extend(
        f"/apis/{group}/{version}" if group else f"/api/{version}" for group, version in group_versions(custom)
    )
    return sorted(paths)
