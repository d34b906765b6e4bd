"""Answering a review as the EKS webhook does: always with status 200 and text/plain, a malformed review is denied.

Source: ``Handle`` and ``MutatePod`` in ``pkg/handler/handler.go`` of
https://github.com/aws/amazon-eks-pod-identity-webhook. Messages of Go's decoder are copied for the common cases.
"""

from __future__ import annotations

import base64
import logging
import random
from collections.abc import Callable
from typing import Any

import msgspec

from podrole.webhook.admission.handler import TEXT, UNREADABLE, HTTPAnswer, IdentitySource
from podrole.webhook.metrics import Metrics
from podrole.webhook.settings import MAX_CONTAINERS, POD_IDENTITY_JITTER, InjectionSettings
from podrole.webhook.sources.identity_cache import Unknown
from podrole.webhook.sources.service_account_cache import LookupFailed
from podrole.webhook.strict.go_types import NotDecodable, to_json
from podrole.webhook.strict.mutation import mutate, read_pod

_log = logging.getLogger(__name__)


class StrictAdmissionHandler:
    """Answers reviews as the EKS webhook does."""

    def __init__(
        self,
        identities: IdentitySource,
        settings: InjectionSettings,
        metrics: Metrics,
        *,
        jitter: Callable[[], int] = lambda: random.randint(0, POD_IDENTITY_JITTER),  # noqa: S311 - spread, not secrecy
    ) -> None:
        self._identities = identities
        self._settings = settings
        self._metrics = metrics
        self._jitter = jitter

    async def review(self, body: bytes, *, required: bool = False) -> HTTPAnswer:  # noqa: ARG002 - as AdmissionHandler has it
        """Answer one review. ``required`` has no effect, because the EKS webhook has no such option."""
        try:
            document = msgspec.json.decode(body) if body.strip() else {}
        except UNREADABLE as problem:
            text = str(problem)
            detail = "unexpected end of JSON input" if "truncated" in text else text
            return _answer({}, _refusal("", f"couldn't get version/kind; json parse error: {detail}"))
        if document is None:
            document = {}
        if not isinstance(document, dict):
            kind = {list: "array", str: "string", bool: "bool"}.get(type(document), "number")
            detail = f"json: cannot unmarshal {kind} into Go value of type struct"
            return _answer({}, _refusal("", f"couldn't get version/kind; json parse error: {detail}"))
        request = _field(document, "request")
        if request is None:
            return _answer(document, _refusal("", "bad content"))
        if not isinstance(request, dict):
            kind = {list: "array", str: "string", bool: "bool"}.get(type(request), "number")
            where = "struct field AdmissionReview.request of type v1beta1.AdmissionRequest"
            return _answer({}, _refusal("", f"json: cannot unmarshal {kind} into Go {where}"))
        return _answer(document, await self._respond(request))

    async def _respond(self, request: dict[str, Any]) -> dict[str, Any]:
        uid = _text(request, "uid")
        document = _field(request, "object")
        if document is None:
            return _refusal(uid, "unexpected end of JSON input")
        try:
            pod = read_pod(document)
        except (NotDecodable, RecursionError) as problem:
            # The EKS webhook logs the whole object here, including secrets.
            _log.error("Could not unmarshal raw object: %s", problem)
            return _refusal(uid, str(problem))
        namespace, name = _text(request, "namespace"), pod.get("spec", {}).get("serviceAccountName", "")
        identity = self._identities.known(namespace, name)
        if isinstance(identity, Unknown):
            try:
                identity, exists = await self._identities.find(namespace, name)
            except LookupFailed:
                identity, exists = None, False
            if not exists and identity is None:
                self._metrics.count("pod_identity_webhook_missing_sa_count")
        if identity is None:
            return {"uid": uid, "allowed": True}
        self._metrics.count("pod_identity_webhook_pod_count", identity.method)
        spec = pod.get("spec", {})
        if len(spec.get("containers") or ()) + len(spec.get("initContainers") or ()) > MAX_CONTAINERS:
            _log.error("a pod with more than %d containers is allowed without an identity", MAX_CONTAINERS)
            return {"uid": uid, "allowed": True}
        patch = mutate(pod, identity, self._settings, jitter=self._jitter())
        return {"uid": uid, "allowed": True, "patch": base64.b64encode(patch).decode(), "patchType": "JSONPatch"}


def _answer(request_document: dict[str, Any], response: dict[str, Any]) -> HTTPAnswer:
    """Wrap a response. Kind and version are copied from the request."""
    wrapped = {"kind": _text(request_document, "kind"), "apiVersion": _text(request_document, "apiVersion")}
    document = {**{name: text for name, text in wrapped.items() if text}, "response": response}
    return HTTPAnswer(200, to_json(document), TEXT)


def _refusal(uid: str, message: str) -> dict[str, Any]:
    return {"uid": uid, "allowed": False, "status": {"metadata": {}, "message": message}}


def _field(document: dict[str, Any], name: str) -> Any:
    """Return a field, its name matched without regard to case as Go does."""
    if name in document:
        return document[name]
    return next((value for key, value in document.items() if key.lower() == name.lower()), None)


def _text(document: dict[str, Any], name: str) -> str:
    value = _field(document, name)
    return value if isinstance(value, str) else ""
