"""Warnings for the user who created a pod: sentences for admission warnings and Events.

A value may be a secret in the wrong place. So only ARNs and paths are repeated.
"""

from __future__ import annotations

import re

from podrole.webhook.identity.binding import Identity
from podrole.webhook.patch.injection_plan import POD_IDENTITY, WEB_IDENTITY, InjectionPlan, clean_path
from podrole.webhook.patch.pod import Volume, VolumeMount, token_in

STATIC_CREDENTIALS = "AWS_ACCESS_KEY_ID"

_SHOWN = re.compile(r"arn:[a-z0-9-]+:iam::[0-9]{0,12}:role/[\w+=,.@/-]{1,128}|(?:C:)?[/\\][\w./\\-]{1,128}", re.ASCII)


def environment_warnings(
    container: str, present: dict[str, str | None], identity: Identity, plan: InjectionPlan
) -> list[str]:
    """Return a warning for each variable that keeps the identity from being used. ``present`` maps names to values."""
    warnings: list[str] = []
    if STATIC_CREDENTIALS in present:
        warnings.append(
            f"container {container!r} sets {STATIC_CREDENTIALS}, which AWS SDKs prefer to the injected identity"
        )
    if any(name in present for name, _ in plan.credentials):
        for name, value in plan.credentials:
            if name not in present:
                warnings.append(f"container {container!r} sets part of an identity, but not {name}; it is not changed")
            elif present[name] != value:
                warnings.append(f"container {container!r} keeps its own {name}{_shown(present[name])}")
    if identity.method == "container_credentials" and not present.keys().isdisjoint(WEB_IDENTITY):
        names = " or ".join(WEB_IDENTITY)
        warnings.append(f"container {container!r} sets {names}, which AWS SDKs prefer to {POD_IDENTITY[0]}")
    return warnings


def volume_warnings(volume: Volume, identity: Identity, plan: InjectionPlan) -> list[str]:
    """Return a warning if the pod's own volume with the name of the token volume does not hold the token."""
    token = token_in(volume, plan.token_path)
    if token is None:
        what = f"without a service account token at {plan.token_path!r}"
    elif (token.audience or "") != identity.audience:
        what = f"with a token for another audience than {identity.audience!r}"
    else:
        return []
    return [f"the pod has its own volume {volume.name!r} {what}; it is not changed"]


def mount_warnings(container: str, mount: VolumeMount, plan: InjectionPlan) -> list[str]:
    """Return a warning if a container mounts the token volume at another path than its variables name."""
    if mount.mount_path and clean_path(mount.mount_path) == plan.mount_path:
        return []
    where = f"at another path than {plan.mount_path}, where SDKs look for the token"
    return [f"container {container!r} mounts volume {plan.volume_name!r} {where}"]


def _shown(value: str | None) -> str:
    return f" ({value})" if value is not None and _SHOWN.fullmatch(value) else ""
