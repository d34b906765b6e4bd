"""How the condition keys are filled that no parameter of the same name holds.

Which these are is in podrole.iam.actions.key_tables. Source: AWS, Service Authorization Reference, and each service's
page of condition keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from podrole.iam.actions.call import Call, Values, find
from podrole.iam.actions.ec2 import has_unread_template
from podrole.iam.actions.key_tables import ABSENT, DEFAULTS, PARAMETERS, S3_PARAMETERS

_ONLY_WITH: Mapping[str, tuple[str, str]] = {
    "kms:RecipientAttestation:": ("Recipient", "the request has no attestation document"),
}
"""Families of keys that only a request with a parameter carries."""

_OF_ACCESS_POINTS = ("s3:AccessPointNetworkOrigin", "s3:AccessPointTag/", "s3:DataAccessPoint")
_OF_LAUNCH_TEMPLATES = frozenset({"ec2:IsLaunchTemplateResource", "ec2:LaunchTemplate"})


def is_absent(call: Call, key: str, arn: str) -> bool:
    """Say whether no request like this one carries a key, spelt as in the reference."""
    if key in ABSENT:
        return True
    if key.startswith(_OF_ACCESS_POINTS):
        return ":accesspoint/" not in arn
    if key in _OF_LAUNCH_TEMPLATES:
        return not has_unread_template(call)
    if key == "s3:TlsVersion":
        return not call.tls
    return any(key.startswith(family) and not call.parameters.get(name) for family, (name, _) in _ONLY_WITH.items())


def defaults(call: Call, action: str) -> Mapping[str, str]:
    """Return the values that the service takes for what the request leaves out."""
    if has_unread_template(call):
        return {}
    keys = DEFAULTS.get(action, {})
    if "InstanceRequirements" in call.parameters:  # the service chooses the type
        return {key: value for key, value in keys.items() if key != "ec2:InstanceType"}
    return keys


def of_service(call: Call, prefix: str) -> Mapping[str, Values]:
    """Return the keys of a service that only code can fill."""
    fill = _FILLERS.get(prefix if prefix != "s3" else call.client)
    return fill(call) if fill is not None else {}


def texts(value: Any) -> list[str]:
    """Return a parameter's value as policies write it; empty for a structure."""
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, (str, int, float)):
        return [str(value)]
    if isinstance(value, list):
        return [text for item in value if not isinstance(item, (list, dict)) for text in texts(item)]
    return []


def by_path(call: Call, action: str) -> dict[str, Values]:
    """Return the keys of an action whose parameter has another name."""
    keys: dict[str, Values] = {}
    for key, path in PARAMETERS.get(action, {}).items():
        values = list(dict.fromkeys(text for item in find(call.parameters, path.split(".")) for text in texts(item)))
        if values:
            keys[key] = values if len(values) > 1 else values[0]
    return keys


def _s3(call: Call) -> dict[str, Values]:
    keys: dict[str, Values] = {}
    for name, value in call.parameters.items():
        key = S3_PARAMETERS.get(name)
        if key is not None and (values := texts(value)):
            keys[key] = values[0]
    for location in find(call.parameters, ["CreateBucketConfiguration", "LocationConstraint"]):
        keys["s3:LocationConstraint"] = location
    return keys


def _kms(call: Call) -> dict[str, Values]:
    keys: dict[str, Values] = {"kms:CallerAccount": call.account, "kms:GrantIsForAWSResource": "false"}
    parameters = call.parameters
    context = parameters.get("EncryptionContext") or parameters.get("SourceEncryptionContext")
    if context:
        keys["kms:EncryptionContextKeys"] = list(context)
        keys.update({f"kms:EncryptionContext:{key}": str(value) for key, value in context.items()})
    if parameters.get("Constraints"):
        keys["kms:GrantConstraintType"] = list(parameters["Constraints"])
    return keys


def _sns(call: Call) -> dict[str, Values]:
    names = (("sns:Protocol", "Protocol"), ("sns:Endpoint", "Endpoint"))
    return {key: call.parameters[name] for key, name in names if name in call.parameters}


def _route53(call: Call) -> dict[str, Values]:
    changes = find(call.parameters, ["ChangeBatch", "Changes[]", "ResourceRecordSet", "Name"])
    names = list(dict.fromkeys(_normalized(str(name)) for name in changes))
    return {"route53:ChangeResourceRecordSetsNormalizedRecordNames": names} if names else {}


def _normalized(name: str) -> str:
    """Write a record's name as policies do: lower case, no dot at its end, all but a-z, 0-9, hyphen, underscore and dot
    as octal escapes.

    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html
    """
    unescaped = re.sub(rb"\\((?!056)[0-3][0-7]{2})", lambda match: bytes([int(match[1], 8)]), name.encode())
    octets = unescaped.lower().removesuffix(b".")
    return "".join(chr(octet) if octet in _UNESCAPED else f"\\{octet:03o}" for octet in octets)


_UNESCAPED = b"abcdefghijklmnopqrstuvwxyz0123456789-_."


def _eks(call: Call) -> dict[str, Values]:
    keys: dict[str, Values] = {}
    for setup in find(call.parameters, ["logging", "clusterLogging[]"]):
        for kind in setup.get("types", ()):
            keys[f"eks:loggingType/{kind}"] = "true" if setup.get("enabled") else "false"
    return keys


_FILLERS: Mapping[str, Callable[[Call], Mapping[str, Values]]] = {
    "ec2": lambda call: {"ec2:Region": call.region},
    "eks": _eks,
    "kms": _kms,
    "route53": _route53,
    "lambda": lambda _: {"lambda:InvokedViaFunctionUrl": "false"},
    "s3": _s3,
    "ses": lambda call: {"ses:ApiVersion": "2" if call.client == "sesv2" else "1"},
    "sns": _sns,
}
