"""IAM, STS, KMS and Secrets Manager: things whose names and ARNs are not the same."""

from __future__ import annotations

from podrole.iam.actions.call import Call, Keys, Permission, Resolver

_TYPES = (
    ("RoleName", "role"),
    ("UserName", "user"),
    ("GroupName", "group"),
    ("InstanceProfileName", "instance-profile"),
    ("PolicyName", "policy"),
    ("ServerCertificateName", "server-certificate"),
    ("VirtualMFADeviceName", "mfa"),
    ("Name", "saml-provider"),
)
# Operations that a user does for themselves where they name nobody.
_OF_THE_CALLER = frozenset(
    {
        "ChangePassword",
        "CreateAccessKey",
        "DeleteAccessKey",
        "GetLoginProfile",
        "GetUser",
        "ListAccessKeys",
        "ListMFADevices",
        "ListSSHPublicKeys",
        "ListServiceSpecificCredentials",
        "ListSigningCertificates",
        "UpdateAccessKey",
    }
)
# Where the group or profile is what changes, and a user or role is only named.
_ON_THE_CONTAINER = {
    "AddUserToGroup": ("GroupName", "group"),
    "RemoveRoleFromInstanceProfile": ("InstanceProfileName", "instance-profile"),
    "RemoveUserFromGroup": ("GroupName", "group"),
}
_ARNS = ("PolicyArn", "OpenIDConnectProviderArn", "SAMLProviderArn", "PolicySourceArn")


def iam(call: Call, resolver: Resolver) -> list[Permission] | None:
    """Return what an IAM call needs: on the role, user, group … that it names, path and all."""
    parameters, operation = call.parameters, call.operation
    action = f"iam:{operation}"
    keys = _iam_keys(call)
    if operation == "CreateServiceLinkedRole":
        service = str(parameters.get("AWSServiceName") or "*")
        keys = {**keys, "iam:AWSServiceName": service}
        return [Permission(action, call.arn("iam", f"role/aws-service-role/{service}/*", region=""), keys=keys)]
    if operation == "CreateOpenIDConnectProvider":
        provider = str(parameters.get("Url") or "*").removeprefix("https://")
        return [Permission(action, call.arn("iam", f"oidc-provider/{provider}", region=""), exists=False)]
    if operation == "AddRoleToInstanceProfile":
        profile = _entity(call, "instance-profile", str(parameters.get("InstanceProfileName") or "*"), resolver)
        role = _entity(call, "role", str(parameters.get("RoleName") or "*"), resolver)
        passed: Keys = {"iam:PassedToService": "ec2.amazonaws.com"}
        return [Permission(action, profile), Permission("iam:PassRole", role, keys=passed)]
    if operation in _ON_THE_CONTAINER:
        member, kind = _ON_THE_CONTAINER[operation]
        return [Permission(action, _entity(call, kind, str(parameters.get(member) or "*"), resolver))]
    if operation in _OF_THE_CALLER and not parameters.get("UserName"):
        arn = call.user_arn or call.arn("iam", "user/*", region="")
        return [Permission(action, arn, keys=keys)]
    if operation == "SimulateCustomPolicy" or operation.startswith("GetContextKeysForCustom"):
        return [Permission(action)]
    for name, kind in _TYPES:
        if isinstance(parameters.get(name), str):
            arn = _entity(call, kind, parameters[name], resolver, path=str(parameters.get("Path") or "/"))
            return [Permission(action, arn, keys=keys, exists=not operation.startswith(("Create", "Upload")))]
    for name in _ARNS:
        if isinstance(parameters.get(name), str):
            return [Permission(action, parameters[name], keys=keys)]
    return None


def _iam_keys(call: Call) -> Keys:
    keys: dict[str, str | list[str]] = {}
    policy = call.parameters.get("PolicyArn")
    if isinstance(policy, str) and call.operation.startswith(("Attach", "Detach")):
        keys["iam:PolicyARN"] = policy
    boundary = call.parameters.get("PermissionsBoundary")
    if isinstance(boundary, str):
        keys["iam:PermissionsBoundary"] = boundary
    return keys


def _entity(call: Call, kind: str, name: str, resolver: Resolver, *, path: str = "/") -> str:
    making = call.operation.startswith(("Create", "Upload"))
    known = None if making else resolver.arn_of(call, f"iam:{kind}", name)
    return known or call.arn("iam", f"{kind}{path}{name}", region="")


def sts(call: Call, resolver: Resolver) -> list[Permission] | None:  # noqa: ARG001 - the signature of all
    """Return what an STS call needs. The exchanges of a role weigh its trust policy themselves."""
    if call.operation == "GetFederationToken":
        name = str(call.parameters.get("Name") or "*")
        return [
            Permission("sts:GetFederationToken", call.arn("sts", f"federated-user/{name}", region=""), exists=False)
        ]
    if call.operation in ("AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"):
        arn = call.parameters.get("RoleArn")
        return [Permission(f"sts:{call.operation}", str(arn or "*"), partial=not arn)]
    return [Permission(f"sts:{call.operation}")]


_TWO_KEYS = {"CreateAlias": "TargetKeyId", "UpdateAlias": "TargetKeyId"}


def kms(call: Call, resolver: Resolver) -> list[Permission] | None:
    """Return what a KMS call needs: on the key, whatever name it goes by."""
    parameters, operation = call.parameters, call.operation
    if operation == "ReEncrypt":
        source = parameters.get("SourceKeyId") or _of_ciphertext(call, parameters.get("CiphertextBlob"), resolver)
        return [
            _on_key(call, "kms:ReEncryptFrom", source, resolver),
            _on_key(call, "kms:ReEncryptTo", parameters.get("DestinationKeyId"), resolver),
        ]
    if operation in ("CreateAlias", "DeleteAlias", "UpdateAlias"):
        alias = str(parameters.get("AliasName") or "alias/*")
        arn = alias if alias.startswith("arn:") else call.arn("kms", alias)
        action = f"kms:{operation}"
        needed = [Permission(action, arn, exists=operation != "CreateAlias")]
        if operation != "CreateAlias":
            current = resolver.arn_of(call, "kms:key", alias)
            needed += [Permission(action, current)] if current else []
        if operation in _TWO_KEYS:
            needed.append(_on_key(call, action, parameters.get("TargetKeyId"), resolver))
        return needed
    if operation == "CreateKey":
        extra = ["kms:PutKeyPolicy"] if parameters.get("Policy") else []
        return [Permission(action) for action in ("kms:CreateKey", *extra)]
    if operation == "Decrypt" and not parameters.get("KeyId"):
        return [
            _on_key(call, "kms:Decrypt", _of_ciphertext(call, parameters.get("CiphertextBlob"), resolver), resolver)
        ]
    if parameters.get("KeyId"):
        return [_on_key(call, f"kms:{operation}", parameters["KeyId"], resolver)]
    return None


def _of_ciphertext(call: Call, blob: object, resolver: Resolver) -> str | None:
    return resolver.arn_of(call, "kms:ciphertext", bytes(blob).hex()) if isinstance(blob, bytes) else None


def _on_key(call: Call, action: str, key: str | None, resolver: Resolver) -> Permission:
    if not key:
        return Permission(action, call.arn("kms", "key/*"), partial=True)
    alias = key if key.startswith("alias/") else key.rpartition(":")[2] if ":alias/" in key else ""
    keys: Keys = {"kms:RequestAlias": alias} if alias else {}
    known = resolver.arn_of(call, "kms:key", key)
    if known is not None:
        return Permission(action, known, keys=keys)
    if alias:
        return Permission(action, call.arn("kms", "key/*"), partial=True, keys=keys)
    return Permission(action, key if key.startswith("arn:") else call.arn("kms", f"key/{key}"))


def secretsmanager(call: Call, resolver: Resolver) -> list[Permission] | None:
    """Return what a Secrets Manager call needs: on the secret's ARN, which ends in six characters of its own."""
    parameters = call.parameters
    action = f"secretsmanager:{call.operation}"
    name = parameters.get("SecretId")
    if call.operation == "CreateSecret":
        # Of the characters that will end the ARN nothing is known; AWS asks about the name.
        secret = call.arn("secretsmanager", f"secret:{parameters.get('Name', '*')}")
        return [Permission(action, secret, exists=False, keys={"secretsmanager:Name": str(parameters.get("Name", ""))})]
    if call.operation == "BatchGetSecretValue":
        named = [str(secret_id) for secret_id in parameters.get("SecretIdList") or ()]
        read = [_secret(call, "secretsmanager:GetSecretValue", secret_id, resolver) for secret_id in named]
        every = Permission("secretsmanager:GetSecretValue", call.arn("secretsmanager", "secret:*"), partial=True)
        return [Permission(action), *(read or [every])]
    return [_secret(call, action, name, resolver)] if isinstance(name, str) else None


def _secret(call: Call, action: str, name: str, resolver: Resolver) -> Permission:
    known = resolver.arn_of(call, "secretsmanager:secret", name)
    keys: Keys = {"secretsmanager:SecretId": known or name}
    if known is not None:
        return Permission(action, known, keys=keys)
    return Permission(
        action, name if name.startswith("arn:") else call.arn("secretsmanager", f"secret:{name}"), keys=keys
    )
