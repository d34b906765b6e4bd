"""Secrets Manager's secrets."""

from __future__ import annotations

from collections.abc import Iterator

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import ARNParts, PolicyHolder, Reader, document_text, place_of
from podrole.aws.interfaces import Encryption
from podrole.iam.actions.call import Call, Keys
from podrole.iam.unknown import UnknownKeys


def _policy_holder(arn: ARNParts) -> PolicyHolder | None:
    stored = backend("secretsmanager", arn.account, arn.region)
    secret = stored.secrets.get(arn.text) if stored is not None else None
    if secret is None:
        return None
    policy = document_text(getattr(secret, "policy", None))
    return PolicyHolder(arn.account, f"secret {secret.name}", policy, secret)


def _facts(arn: ARNParts, _: Call) -> Keys:
    stored = backend("secretsmanager", arn.account, arn.region)
    secret = stored.secrets.get(arn.text) if stored is not None else None
    if secret is None:
        return {}
    facts = {"secretsmanager:SecretPrimaryRegion": str(secret.region)}
    function = secret.rotation_lambda_arn
    return facts | ({"secretsmanager:resource/AllowRotationLambdaArn": str(function)} if function else {})


def _secret(call: Call, name: str) -> str | None:
    account, region = place_of(call, name)
    stored = backend("secretsmanager", account, region)
    secret = stored.secrets.get(name) if stored is not None else None
    return str(secret.arn) if secret is not None else None


def _holders(account: str, region: str) -> Iterator[str]:
    stored = backend("secretsmanager", account, region)
    yield from (str(secret.arn) for secret in stored.secrets.values()) if stored is not None else ()


def _encryption(arn: ARNParts, _: str) -> Encryption:
    stored = backend("secretsmanager", arn.account, arn.region)
    secret = stored.secrets.get(arn.text) if stored is not None else None
    return Encryption(str(secret.kms_key_id or "")) if secret is not None else Encryption()


READER = Reader(
    encryption=_encryption,
    policy_holder=_policy_holder,
    holders=_holders,
    arns={"secretsmanager:secret": _secret},
    facts=_facts,
    described={
        "secret": UnknownKeys(("secretsmanager:SecretPrimaryRegion", "secretsmanager:resource/AllowRotationLambdaArn"))
    },
)
