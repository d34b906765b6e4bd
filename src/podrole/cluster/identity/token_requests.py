"""TokenRequest: a token for a service account, bound to a pod, a secret or a node.

https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from podrole.base.clock import Clock, rfc3339
from podrole.cluster.core.calls import Call
from podrole.cluster.core.errors import (
    FieldError,
    bad_request,
    conflict,
    invalid,
    invalid_object,
    resource_not_found,
)
from podrole.cluster.core.resources import Resource
from podrole.cluster.core.store import Store
from podrole.cluster.identity.service_accounts import ServiceAccountTokens, TokenBinding
from podrole.cluster.kinds.registry import BY_NAME
from podrole.cluster.validation.volumes import MAX_TOKEN_SECONDS, MIN_TOKEN_SECONDS

Object = dict[str, Any]

DEFAULT_SECONDS = 3600
WARN_ONLY_SECONDS = 3607
"""The lifetime that only the ServiceAccount plugin asks for. Such a token is valid for a year, so that clients that
never reload it keep working; ``warnafter`` is when it should have been reloaded
(``--service-account-extend-token-expiration``)."""

EXTENDED_SECONDS = 365 * 24 * 60 * 60
_GROUP, _KIND = "authentication.k8s.io", "TokenRequest"
_BINDABLE: dict[str, Resource] = {
    kind: BY_NAME[name] for kind, name in (("Pod", "pods"), ("Secret", "secrets"), ("Node", "nodes"))
}


class TokenRequests:
    """Answers TokenRequests."""

    def __init__(
        self,
        store: Store,
        tokens: ServiceAccountTokens,
        *,
        audiences: Sequence[str],
        max_seconds: int,
        clock: Clock,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._audiences = tuple(audiences)
        self._max_seconds = max_seconds
        self._clock = clock

    async def create(self, call: Call, request: Object) -> Object:
        """Return the request with its token. ``call`` names the service account. Raises StatusError."""
        account = self._account(call, request)
        spec = request["spec"]
        audiences = spec.get("audiences") or list(self._audiences)
        seconds = spec.get("expirationSeconds", DEFAULT_SECONDS)
        self._validate(seconds)
        binding = self._binding(account, spec.get("boundObjectRef"))
        if seconds > self._max_seconds:
            call.warnings.append(f"requested expiration of {seconds} seconds shortened to {self._max_seconds} seconds")
            seconds = self._max_seconds
        extended = (
            seconds == WARN_ONLY_SECONDS
            and binding is not None
            and binding.kind == "Pod"
            and set(audiences) <= set(self._audiences)
        )
        token = self._tokens.mint(
            account,
            audiences,
            seconds=EXTENDED_SECONDS if extended else seconds,
            warn_after=WARN_ONLY_SECONDS if extended else None,
            binding=binding,
        )
        now = self._clock()
        metadata = account["metadata"]
        answered: Object = {"audiences": list(audiences), "expirationSeconds": seconds}
        answered["boundObjectRef"] = spec.get("boundObjectRef")
        return {
            "kind": _KIND,
            "apiVersion": f"{_GROUP}/v1",
            "metadata": {
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
                "creationTimestamp": rfc3339(now),
            },
            "spec": answered,
            "status": {"token": token, "expirationTimestamp": rfc3339(int(now) + seconds)},
        }

    def _account(self, call: Call, request: Object) -> Object:
        account = self._store.get(call.resource, call.namespace, call.name)
        if account is None:
            raise resource_not_found("", "serviceaccounts", call.name)
        metadata = request["metadata"]
        errors: list[FieldError] = [
            invalid(f"metadata.{field}", metadata[field], f"must match the service account {field} if specified")
            for field, wanted in (("name", call.name), ("namespace", call.namespace))
            if metadata.get(field) not in (None, wanted)
        ]
        if errors:
            raise invalid_object(_GROUP, _KIND, metadata.get("name", ""), errors)
        uid = metadata.get("uid")
        if uid and uid != account["metadata"]["uid"]:
            raise conflict(
                _GROUP,
                "tokenrequests",
                call.name,
                f"the UID in the token request ({uid}) does not match the UID of the service account "
                f"({account['metadata']['uid']})",
            )
        return account

    def _validate(self, seconds: int) -> None:
        field, errors = "spec.expirationSeconds", []
        if seconds < MIN_TOKEN_SECONDS:
            errors.append(invalid(field, seconds, "may not specify a duration less than 10 minutes"))
        if seconds > MAX_TOKEN_SECONDS:
            errors.append(invalid(field, seconds, "may not specify a duration larger than 2^32 seconds"))
        if errors:
            raise invalid_object(_GROUP, _KIND, "", errors)

    def _binding(self, account: Object, reference: Object | None) -> TokenBinding | None:
        if reference is None:
            return None
        kind, version = reference.get("kind", ""), reference.get("apiVersion", "")
        resource = _BINDABLE.get(kind) if version == "v1" else None
        if resource is None:
            group, _, short = version.rpartition("/")
            raise bad_request(f"cannot bind token to object of type {group}/{short}, Kind={kind}")
        name = reference.get("name", "")
        namespace = account["metadata"]["namespace"] if resource.namespaced else ""
        bound = self._store.get(resource, namespace, name)
        if bound is None:
            raise resource_not_found("", resource.plural, name)
        uid = reference.get("uid")
        if uid and uid != bound["metadata"]["uid"]:
            raise conflict(
                "",
                resource.plural,
                name,
                f"the UID in the bound object reference ({uid}) does not match the UID in record. "
                "The object might have been deleted and then recreated",
            )
        node = None
        if kind == "Pod":
            node = self._node_of(account, bound)
        return TokenBinding(kind, bound, node)

    def _node_of(self, account: Object, pod: Object) -> Object | None:
        name = account["metadata"]["name"]
        if pod["spec"].get("serviceAccountName") != name:
            raise bad_request(
                f'cannot bind token for serviceaccount "{name}" to pod running with different serviceaccount name.'
            )
        node = pod["spec"].get("nodeName")
        if not node:
            return None
        return self._store.get(_BINDABLE["Node"], "", node) or {"metadata": {"name": node}}
