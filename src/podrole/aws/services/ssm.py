"""What is special about Systems Manager: SecureString parameters, which KMS encrypts for the caller.

https://docs.aws.amazon.com/systems-manager/latest/userguide/secure-string-parameter-kms-encryption.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from podrole.aws.interfaces import Facts
from podrole.aws.protocol.parameters import parameters
from podrole.aws.services.encryption import acting, key_uses
from podrole.aws.services.rules import Authorizing, Resolving, ServiceRules
from podrole.iam.actions.call import Call, Permission
from podrole.iam.actions.ssm import parameter_arn, without_selector

_STANDARD_BYTES = 4096
"""Size of a value above which Intelligent-Tiering makes an advanced parameter, as it does for one with policies.
https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"""


def _resolve(resolving: Resolving) -> None:
    """Write the default key into a SecureString without one: moto would keep the key of the version before.

    https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html (KeyId)
    """
    call_input = resolving.given
    is_write = resolving.call.operation == "PutParameter"
    if is_write and not call_input.get("KeyId") and _is_secure(call_input, resolving.asked, resolving.facts):
        call_input["KeyId"] = "alias/aws/ssm"


def _is_secure(call_input: Mapping[str, Any], asked: Call, facts: Facts) -> bool:
    """Say whether PutParameter writes a SecureString. The type of a parameter stays if the call has none."""
    if call_input.get("Type"):
        return bool(call_input["Type"] == "SecureString")
    return bool(facts.encryption(parameter_arn(asked, str(call_input.get("Name", "")))).key)


def _encryption(authorizing: Authorizing) -> Iterator[Permission]:
    """Yield what Parameter Store needs of KMS for parameters under a key of the customer's."""
    call, account, facts, _ = authorizing
    call_input, asked = parameters(call), acting(call, account)
    if call.operation == "PutParameter" and _is_secure(call_input, asked, facts):
        context = {"PARAMETER_ARN": parameter_arn(asked, str(call_input.get("Name", "")))}
        action = "kms:GenerateDataKey" if _is_advanced(call_input) else "kms:Encrypt"
        yield from key_uses(authorizing, str(call_input.get("KeyId") or ""), context, action)
    elif call_input.get("WithDecryption"):
        for arn, key in dict.fromkeys(_read(authorizing, call_input, asked)):
            yield from key_uses(authorizing, key, {"PARAMETER_ARN": arn}, "kms:Decrypt")


def _is_advanced(call_input: Mapping[str, Any]) -> bool:
    is_large = len(str(call_input.get("Value", "")).encode()) > _STANDARD_BYTES or bool(call_input.get("Policies"))
    return call_input.get("Tier") == "Advanced" or (call_input.get("Tier") == "Intelligent-Tiering" and is_large)


def _read(authorizing: Authorizing, call_input: Mapping[str, Any], asked: Call) -> Iterator[tuple[str, str]]:
    """Yield the ARN and the key of each value that a call decrypts. A call on a path reads all that is below it, also
    what is on another page."""
    operation, facts = authorizing.call.operation, authorizing.facts
    if operation in ("GetParameter", "GetParameters"):
        for name in call_input.get("Names") or [call_input.get("Name", "")]:
            arn = parameter_arn(asked, without_selector(str(name)))
            yield arn, facts.encryption(arn, str(name).removeprefix(without_selector(str(name)))[1:]).key
        return
    path = str(call_input.get("Path", "")).rstrip("/") + "/"
    for parameter in facts.secure_parameters(authorizing.account, authorizing.call.region):
        arn = parameter_arn(asked, parameter.name)
        if arn == parameter_arn(asked, str(call_input.get("Name", ""))):  # of GetParameterHistory
            yield arn, parameter.key
        below = (
            parameter.name.removeprefix(path)
            if operation == "GetParametersByPath" and parameter.name.startswith(path)
            else ""
        )
        if below and parameter.newest and (call_input.get("Recursive") or "/" not in below):
            yield arn, parameter.key


RULES = ServiceRules("ssm", resolve=_resolve, also_needs=_encryption, not_judged={"PutResourcePolicy": ()})
