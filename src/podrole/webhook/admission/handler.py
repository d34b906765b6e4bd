"""Answering one review: from the body of a request to the body of an answer.

A denial and a failure are different, as they are for the API server. A denial is an answer, and the pod is refused.
Only a pod that must have an identity and cannot get one is denied. If the webhook cannot decide, it answers with an
HTTP error, and the failure policy decides about the pod.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from podrole.webhook.admission.review import VERSIONS, AdmissionRequest, allowed, decode_review, denied, is_null
from podrole.webhook.identity.annotations import ROLE_ARN
from podrole.webhook.identity.binding import Identity
from podrole.webhook.metrics import Metrics
from podrole.webhook.patch.mutation import Mutation, mutate, mutate_ephemeral
from podrole.webhook.patch.pod import Pod, decode_pod, is_mirror, service_account_of
from podrole.webhook.settings import POD_IDENTITY_JITTER, InjectionSettings
from podrole.webhook.sources.identity_cache import Unknown
from podrole.webhook.sources.service_account_cache import LookupFailed
from podrole.webhook.text import one_line

JSON = b"application/json"
TEXT = b"text/plain; charset=utf-8"

AUDIT_ANNOTATION = "identity"
"""The audit log shows it as ``<webhook's name>/identity`` for every pod with an identity."""

UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What decoding raises for a malformed document."""

_log = logging.getLogger(__name__)


class HTTPAnswer(msgspec.Struct, frozen=True):
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: bytes = JSON


class _PodReview(msgspec.Struct, frozen=True):
    """A review about a pod. ``account`` is the name of the pod's service account."""

    api_version: str
    request: AdmissionRequest
    namespace: str
    account: str
    required: bool


class IdentitySource(Protocol):
    """Knows the identities of service accounts."""

    def known(self, namespace: str, name: str, /) -> Identity | Unknown | None:
        """Return an identity, None for a service account without one, or UNKNOWN if ``find`` must be used."""
        ...

    async def find(self, namespace: str, name: str, /) -> tuple[Identity | None, bool]:
        """Return an identity and whether the service account exists. Raises LookupFailed."""
        ...


class ReportWarnings(Protocol):
    """Reports the warnings of a mutation to the pod's owner. Must neither block nor raise."""

    def __call__(self, pod: Pod, namespace: str, mutation: Mutation, /) -> None:
        """Report them."""
        ...


def _report_nothing(_pod: Pod, _namespace: str, _mutation: Mutation) -> None:
    pass


class AdmissionHandler:
    """Answers reviews in the mode ``podrole``."""

    def __init__(
        self,
        identities: IdentitySource,
        settings: InjectionSettings,
        metrics: Metrics,
        *,
        report_warnings: ReportWarnings = _report_nothing,
        jitter: Callable[[], int] = lambda: random.randint(0, POD_IDENTITY_JITTER),  # noqa: S311 - spread, not secrecy
    ) -> None:
        self._identities = identities
        self._settings = settings
        self._metrics = metrics
        self._report_warnings = report_warnings
        self._jitter = jitter

    async def review(self, body: bytes, *, required: bool = False) -> HTTPAnswer:
        """Answer one review. With ``required``, a pod that gets no identity is denied."""
        try:
            review = decode_review(body)
        except UNREADABLE as problem:
            return self._malformed(f"the body is not an AdmissionReview: {problem}")
        request = review.request
        if review.kind != "AdmissionReview" or review.api_version not in VERSIONS:
            return self._malformed("expected an AdmissionReview of admission.k8s.io/v1 or v1beta1")
        if request is None or not request.uid:
            return self._malformed("the AdmissionReview has no request with a uid")
        if not _concerns_a_new_container(request):
            self._metrics.count("podrole_webhook_reviews_total", "ignored", "")
            return HTTPAnswer(200, allowed(review.api_version, request.uid))
        try:
            pod = decode_pod(request.object)
        except UNREADABLE as problem:
            return self._malformed(f"the object is not a Pod: {problem}")
        namespace = request.namespace or (pod.metadata.namespace if pod.metadata is not None else None) or ""
        asked = _PodReview(review.api_version, request, namespace, service_account_of(pod), required)
        if is_mirror(pod):
            return self._without_identity(asked, "Kubernetes refuses a mirror pod that has a token", "ignored")
        identity, exists = self._identities.known(namespace, asked.account), True
        if isinstance(identity, Unknown):
            del pod  # it takes ten times the memory of its JSON, and many reviews may wait here
            try:
                identity, exists = await self._identities.find(namespace, asked.account)
            except LookupFailed as problem:
                return self._failed(problem)
            self._metrics.count("podrole_webhook_lookups_total", "found" if exists else "absent")
            pod = decode_pod(request.object)
        return self._decide(asked, pod, identity, exists=exists)

    def _decide(self, asked: _PodReview, pod: Pod, identity: Identity | None, *, exists: bool) -> HTTPAnswer:
        namespace, account = asked.namespace, asked.account
        warnings: list[str] = []
        if not exists:
            self._metrics.count("pod_identity_webhook_missing_sa_count")
            warnings.append(f"service account {namespace}/{account} does not exist")
        if identity is None:
            annotation = ROLE_ARN.key(self._settings.annotation_prefix)
            why = f"service account {namespace}/{account} has none: annotate it with {annotation}"
            return self._without_identity(asked, why, "unbound", warnings)

        self._metrics.count("pod_identity_webhook_pod_count", identity.method)
        mutation = self._mutate(asked.request, pod, namespace, identity)
        summary = mutation.summary()
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("%s", one_line(f"pod {_name(pod)} of {namespace}/{account}: {summary}"))
        if asked.required and not mutation.injected:
            return self._without_identity(asked, f"no container gets it: {summary}", "left-alone")
        if mutation.warnings:
            self._metrics.count("podrole_webhook_warnings_total", namespace if exists else "")
            if not asked.request.dry_run:
                self._report_warnings(pod, namespace, mutation)
        result = ("injected" if mutation.patch else "complete") if mutation.injected else "left-alone"
        self._metrics.count("podrole_webhook_reviews_total", result, namespace if exists else "")
        body = allowed(
            asked.api_version,
            asked.request.uid,
            mutation.patch,
            warnings + mutation.warnings,
            {AUDIT_ANNOTATION: summary},
        )
        return HTTPAnswer(200, body)

    def _without_identity(self, asked: _PodReview, why: str, result: str, warnings: Sequence[str] = ()) -> HTTPAnswer:
        """Allow a pod without an identity, or deny it if it must have one."""
        if asked.required:
            self._metrics.count("podrole_webhook_reviews_total", "denied", "")
            message = f"this pod must have an AWS identity, but {why}"
            return HTTPAnswer(200, denied(asked.api_version, asked.request.uid, message))
        self._metrics.count("podrole_webhook_reviews_total", result, "")
        return HTTPAnswer(200, allowed(asked.api_version, asked.request.uid, warnings=warnings))

    def _mutate(self, request: AdmissionRequest, pod: Pod, namespace: str, identity: Identity) -> Mutation:
        if pod.metadata is not None:
            pod.metadata.namespace = namespace  # API servers before 1.24 leave it empty in the object
        if request.sub_resource:
            return mutate_ephemeral(pod, identity, self._settings, existing=_ephemeral_names(request.old_object))
        jitter = self._jitter() if identity.method == "container_credentials" else 0
        return mutate(pod, identity, self._settings, jitter=jitter)

    def _malformed(self, message: str) -> HTTPAnswer:
        self._metrics.count("podrole_webhook_reviews_total", "malformed", "")
        return HTTPAnswer(400, f"{message}\n".encode(), TEXT)

    def _failed(self, problem: LookupFailed) -> HTTPAnswer:
        self._metrics.count("podrole_webhook_lookups_total", "failed")
        self._metrics.count("podrole_webhook_reviews_total", "failed", "")
        what = one_line(problem.what)
        _log.warning("a review could not be decided: %s", what)
        return HTTPAnswer(503, f"{what}\n".encode(), TEXT)


def _concerns_a_new_container(request: AdmissionRequest) -> bool:
    """Return whether the request creates a pod or adds ephemeral containers to one.

    A request without kind and operation, which no API server sends, counts as the creation of a pod.
    """
    if request.kind is not None and (request.kind.group or request.kind.kind not in ("Pod", "")):
        return False
    if request.sub_resource:
        return request.sub_resource == "ephemeralcontainers" and request.operation == "UPDATE"
    return request.operation not in ("UPDATE", "DELETE", "CONNECT")


def _ephemeral_names(document: msgspec.Raw) -> frozenset[str]:
    if is_null(document):
        return frozenset()
    try:
        spec = decode_pod(document).spec
    except UNREADABLE:
        return frozenset()
    containers = spec.ephemeral_containers if spec is not None else None
    return frozenset([container.name for container in containers or () if container is not None and container.name])


def _name(pod: Pod) -> str:
    metadata = pod.metadata
    return "" if metadata is None else metadata.name or metadata.generate_name or ""
