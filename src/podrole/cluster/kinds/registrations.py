"""APIService and ControllerRevision."""

from __future__ import annotations

from typing import Any

from podrole.cluster.core.errors import FieldError, invalid, required
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.kinds.plain import plain_kind, value_at
from podrole.cluster.tables.layout import Column

_API_SERVICE = "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService"
_REVISION = "io.k8s.api.apps.v1.ControllerRevision"
LOCAL = "Local"
_PRIORITIES = {"": (18000, 1), "apps": (17800, 15)}
_CUSTOM_PRIORITY, _OWN_PRIORITY = (1000, 100), (17000, 15)


def local_api_service(group: str, version: str, *, custom: bool = False) -> Object:
    """Return the APIService of a group and version that this server serves itself."""
    of_group, of_version = _CUSTOM_PRIORITY if custom else _PRIORITIES.get(group, _OWN_PRIORITY)
    return {
        "metadata": {
            "name": f"{version}.{group}",
            "labels": {"kube-aggregator.kubernetes.io/automanaged": "true" if custom else "onstart"},
        },
        "spec": {
            **({"group": group} if group else {}),
            "version": version,
            "groupPriorityMinimum": of_group,
            "versionPriority": of_version,
        },
    }


def available(api_service: Object, now: str, *, local: bool) -> Object:
    """Return the status of an APIService: podrole serves the local ones, and calls no other API server.

    ``local``: this server serves the version.
    """
    spec = api_service["spec"]
    if spec.get("service") is not None:
        text = "podrole calls no other API servers: nothing serves this API"
        condition = ("False", "ServiceNotFound", text)
    elif local:
        condition = ("True", LOCAL, "Local APIServices are always available")
    else:
        condition = ("False", "NotServed", "this server does not serve the API")
    status, reason, message = condition
    old: Object = next(iter((api_service.get("status") or {}).get("conditions") or ()), {})
    since = old.get("lastTransitionTime", now) if old.get("status") == status else now
    return {
        "conditions": [
            {
                "type": "Available",
                "status": status,
                "lastTransitionTime": since,
                "reason": reason,
                "message": message,
            }
        ]
    }


def _validate_api_service(api_service: Object) -> list[FieldError]:
    spec, name = api_service["spec"], api_service["metadata"].get("name", "")
    group, version = spec.get("group", ""), spec.get("version", "")
    errors = []
    if name != f"{version}.{group}":
        errors.append(invalid("metadata.name", name, f'must be `spec.version+"."+spec.group`: "{version}.{group}"'))
    if not version:
        errors.append(required("spec.version"))
    for key, most in (("groupPriorityMinimum", 20_000), ("versionPriority", 1_000)):
        if not 0 < spec.get(key, 0) <= most:
            why = f"must be positive and less than {most}"
            errors.append(invalid(f"spec.{key}", spec.get(key, 0), why))
    service = spec.get("service")
    if service is not None:
        errors += [required(f"spec.service.{key}") for key in ("namespace", "name") if not service.get(key)]
        if spec.get("insecureSkipTLSVerify") and spec.get("caBundle"):
            text = "may not be true if caBundle is present"
            errors.append(invalid("spec.insecureSkipTLSVerify", value=True, detail=text))
    elif spec.get("insecureSkipTLSVerify") or spec.get("caBundle"):
        errors.append(invalid("spec.service", "", "local APIServices may not have a caBundle or skip verification"))
    return errors


def _default_api_service(api_service: Object) -> None:
    service = api_service["spec"].get("service")
    if service is not None:
        service.setdefault("port", 443)


def _service(api_service: Object) -> str:
    service = api_service["spec"].get("service")
    return f"{service.get('namespace', '')}/{service.get('name', '')}" if service is not None else LOCAL


def _available(api_service: Object) -> str:
    for condition in (api_service.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Available":
            return "True" if condition["status"] == "True" else f"{condition['status']} ({condition.get('reason', '')})"
    return "Unknown"


def _controller(revision: Object) -> str:
    for reference in revision["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            group = reference["apiVersion"].rpartition("/")[0]
            return f"{reference['kind'].lower()}{'.' + group if group else ''}/{reference['name']}"
    return "<none>"


def _validate_revision(revision: Object) -> list[FieldError]:
    errors = []
    if revision.get("revision", 0) < 0:
        errors.append(invalid("revision", revision["revision"], "must be greater than or equal to 0"))
    if revision.get("data") is None:
        errors.append(required("data", "data is mandatory"))
    return errors


def _validate_revision_update(new: Object, old: Object) -> list[FieldError]:
    if new.get("data") != old.get("data"):
        return [invalid("data", "", "field is immutable")]
    return []


def _text(name: str, description: str, kind: Any = "string") -> Column:
    return Column(name, description=description, type=kind)


API_SERVICE = plain_kind(
    _API_SERVICE,
    "apiregistration.k8s.io",
    "apiservices",
    [
        (_text("Service", "The reference to the service that hosts this API endpoint."), _service),
        (_text("Available", "Whether this service is available."), _available),
    ],
    namespaced=False,
    categories=("api-extensions",),
    status={},
    default=_default_api_service,
    name_rule=lambda name: [] if name.strip(".") else ["must be the version, a dot and the group"],
    validate=_validate_api_service,
)
CONTROLLER_REVISION = plain_kind(
    _REVISION,
    "apps",
    "controllerrevisions",
    [
        (Column("Controller", description="Controller of the object"), _controller),
        (Column("Revision", f"{_REVISION}.revision", type="integer"), value_at("revision", default=0)),
    ],
    validate=_validate_revision,
    validate_update=_validate_revision_update,
)
REGISTRATIONS: tuple[Kind, ...] = (API_SERVICE, CONTROLLER_REVISION)
