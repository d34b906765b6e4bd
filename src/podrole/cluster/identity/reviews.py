"""Reviews: questions about tokens, users and their rights, which are answered and not stored.

https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/ and
https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from podrole.base.clock import Clock, rfc3339
from podrole.cluster.authorization.authorizer import Authorizer, rules_status
from podrole.cluster.authorization.decisions import AccessAttributes
from podrole.cluster.core.calls import Call
from podrole.cluster.core.errors import FieldError, bad_request, invalid, invalid_object, required
from podrole.cluster.core.users import User
from podrole.cluster.identity.authentication import Authenticator
from podrole.cluster.identity.service_accounts import ServiceAccountTokens, TokenRejected

Object = dict[str, Any]


class Reviews:
    """Answers reviews, each by the resource's plural."""

    def __init__(
        self,
        authenticator: Authenticator,
        authorizer: Authorizer,
        tokens: ServiceAccountTokens,
        audiences: Sequence[str],
        clock: Clock,
    ) -> None:
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._tokens = tokens
        self._audiences = tuple(audiences)
        self._clock = clock
        self._by_plural: Mapping[str, Callable[[Call, Object], Object]] = {
            "localsubjectaccessreviews": self._local_access,
            "selfsubjectaccessreviews": self._self_access,
            "selfsubjectreviews": self._self,
            "selfsubjectrulesreviews": self._self_rules,
            "subjectaccessreviews": self._access,
            "tokenreviews": self._token,
        }

    def create(self, call: Call, review: Object) -> Object:
        """Return the review with its answer in ``status``. Raises StatusError."""
        return self._by_plural[call.resource.plural](call, review)

    def _answer(self, review: Object, status: Object, **more: Any) -> Object:
        return {"kind": review["kind"], "apiVersion": review["apiVersion"], "metadata": {}, **more, "status": status}

    def _self(self, call: Call, review: Object) -> Object:
        answer = self._answer(review, {"userInfo": call.user.user_info()})
        answer["metadata"]["creationTimestamp"] = rfc3339(self._clock())
        return answer

    def _token(self, _: Call, review: Object) -> Object:
        spec = review["spec"]
        token = spec.get("token", "")
        if not token:
            raise bad_request("token is required for TokenReview in authentication")
        audiences = tuple(spec.get("audiences") or self._audiences)
        try:
            user, matching = self._reviewed(token, audiences)
            status: Object = {"authenticated": True, "user": user.user_info(), "audiences": list(matching)}
        except TokenRejected as problem:
            status = {"user": {}, "error": str(problem)}
        return self._answer(review, status, spec=spec)

    def _reviewed(self, token: str, audiences: tuple[str, ...]) -> tuple[User, tuple[str, ...]]:
        user = self._authenticator.user_without_audiences(token)
        if user is None:
            authenticated = self._tokens.authenticate(token, audiences)
            return authenticated.user, authenticated.audiences
        # A token without audiences is valid for those of the API server.
        matching = tuple(audience for audience in audiences if audience in self._audiences)
        if not matching:
            raise TokenRejected("the token is for the API server only")
        return user, matching

    def _self_access(self, call: Call, review: Object) -> Object:
        return self._decide(review, call.user)

    def _access(self, _: Call, review: Object) -> Object:
        spec = review["spec"]
        errors: list[FieldError] = []
        if not spec.get("user") and not spec.get("groups"):
            errors.append(required("spec.user", "at least one of user or group must be specified"))
        if errors:
            raise invalid_object(call_group(review), review["kind"], "", errors)
        extra = {key: tuple(values) for key, values in spec.get("extra", {}).items()}
        user = User(spec.get("user", ""), spec.get("uid", ""), tuple(spec.get("groups", ())), extra)
        return self._decide(review, user)

    def _local_access(self, call: Call, review: Object) -> Object:
        attributes = review["spec"].get("resourceAttributes")
        if attributes is None or attributes.get("namespace") != call.namespace:
            namespace = (attributes or {}).get("namespace", "")
            why = invalid("spec.resourceAttributes.namespace", namespace, "must match metadata.namespace")
            raise invalid_object(call_group(review), review["kind"], "", [why])
        return self._access(call, review)

    def _decide(self, review: Object, user: User) -> Object:
        spec = review["spec"]
        decision = self._authorizer.decide(_attributes(review, user))
        status: Object = {"allowed": decision.allowed}
        if decision.reason:
            status["reason"] = decision.reason
        return self._answer(review, status, spec=spec)

    def _self_rules(self, call: Call, review: Object) -> Object:
        namespace = review["spec"].get("namespace")
        if not namespace:
            raise bad_request("no namespace on request")
        return self._answer(review, rules_status(self._authorizer.held(call.user, namespace)), spec={})


def call_group(review: Object) -> str:
    """Return the API group of a review."""
    return str(review["apiVersion"]).partition("/")[0]


def _attributes(review: Object, user: User) -> AccessAttributes:
    spec = review["spec"]
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (resource is None) == (path is None):
        field = "spec.resourceAttributes"
        why = (
            required(field, "exactly one of nonResourceAttributes or resourceAttributes must be specified")
            if resource is None
            else invalid(
                "spec.nonResourceAttributes", path, "cannot be specified in combination with resourceAttributes"
            )
        )
        raise invalid_object(call_group(review), review["kind"], "", [why])
    if path is not None:
        return AccessAttributes(user, path.get("verb", ""), path=path.get("path", "") or "/")
    return AccessAttributes(
        user,
        resource.get("verb", ""),
        group=resource.get("group", ""),
        version=resource.get("version", ""),
        resource=resource.get("resource", ""),
        subresource=resource.get("subresource", ""),
        namespace=resource.get("namespace", ""),
        name=resource.get("name", ""),
    )
