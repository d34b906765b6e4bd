"""Which identity a service account has, from its annotations, the ConfigMap and the list of EKS Pod Identity.

The order is that of the EKS webhook: EKS Pod Identity comes first, then the role of the annotation, then the role of
the ConfigMap. Sources are not mixed: if the role comes from the ConfigMap, the other annotations do not count. EKS Pod
Identity has no role, and takes the token's lifetime and the STS setting from the annotations or the ConfigMap.
"""

from __future__ import annotations

import functools

from podrole.webhook.identity import role_arn
from podrole.webhook.identity.binding import EMPTY_BINDING, Binding, Identity
from podrole.webhook.identity.config_map import ConfigMapBindings
from podrole.webhook.settings import InjectionSettings


def resolve(
    namespace: str,
    name: str,
    annotated: Binding,
    bindings: ConfigMapBindings,
    pod_identities: frozenset[tuple[str, str]],
    settings: InjectionSettings,
) -> Identity | None:
    """Return the identity of the service account ``namespace/name``, None if it has none.

    ``annotated`` is the binding of its annotations; pass ``EMPTY_BINDING`` for a service account that does not exist.
    """
    if (namespace, name) in pod_identities:
        entry = bindings.find(namespace, name) if annotated is EMPTY_BINDING else None
        return _pod_identity(annotated if entry is None else entry[1], settings)
    if annotated.role_arn:
        return _web_identity(
            annotated.role_arn, annotated, f"the annotations of service account {namespace}/{name}", settings
        )
    entry = bindings.find(namespace, name)
    if entry is None or not entry[1].role_arn:
        return None
    return _web_identity(entry[1].role_arn, entry[1], f"entry {entry[0]!r} of ConfigMap pod-identity-webhook", settings)


@functools.lru_cache(maxsize=4_096)
def _web_identity(role: str, binding: Binding, source: str, settings: InjectionSettings) -> Identity:
    arn = role
    composition = settings.role_composition
    if composition is not None:
        arn = role_arn.compose(role, account_id=composition.account_id, partition=composition.partition)
    endpoint = settings.aws_endpoint_url if binding.endpoint_url is None else binding.endpoint_url
    problem = role_arn.problem_with(arn, relaxed=bool(endpoint), partition=settings.partition)
    return Identity(
        method="sts_web_identity",
        role_arn=arn,
        audience=binding.audience or settings.token_audience,
        token_expiration=binding.token_expiration or settings.token_expiration,
        explicit_expiration=binding.token_expiration is not None,
        regional_sts=settings.sts_regional_endpoint if binding.regional_sts is None else binding.regional_sts,
        endpoint_url=endpoint,
        ca_bundle=settings.aws_ca_bundle if binding.ca_bundle is None else binding.ca_bundle or None,
        session_name=settings.role_session_name if binding.session_name is None else binding.session_name,
        source=source,
        warnings=binding.warnings,
        role_problem=None if problem is None else f"the role {arn!r} {problem}",
    )


@functools.lru_cache(maxsize=1_024)
def _pod_identity(binding: Binding, settings: InjectionSettings) -> Identity:
    return Identity(
        method="container_credentials",
        role_arn="",
        audience=settings.container_credentials.audience,
        token_expiration=binding.token_expiration or settings.token_expiration,
        explicit_expiration=binding.token_expiration is not None,
        regional_sts=settings.sts_regional_endpoint if binding.regional_sts is None else binding.regional_sts,
        endpoint_url=settings.aws_endpoint_url if binding.endpoint_url is None else binding.endpoint_url,
        ca_bundle=settings.aws_ca_bundle if binding.ca_bundle is None else binding.ca_bundle or None,
        session_name=False,  # the agent chooses the session name
        source="the list of EKS Pod Identity",
        warnings=binding.warnings,
    )
