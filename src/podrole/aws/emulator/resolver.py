"""What authorization asks of the account: ARNs that a name alone does not give, tags, and facts of resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from podrole.aws.emulator.backends import backend, backends, steadily, taggable
from podrole.iam.actions.call import Call, Keys, Values


class MotoResolver:
    """See ``podrole.iam.actions.call.Resolver``."""

    def arn_of(self, call: Call, kind: str, name: str) -> str | None:
        """See Resolver."""
        find = _ARNS.get(kind)
        return steadily(lambda: find(call, name)) if find is not None else None

    def tags_of(self, call: Call, arn: str) -> Mapping[str, str]:
        """See Resolver."""
        parts = arn.split(":", 5)
        if len(parts) < 6:
            return {}
        if parts[2] == "iam":
            return _iam_tags(parts)
        if parts[2] == "s3":
            return _bucket_tags(parts[5].partition("/")[0]) if "/" not in parts[5] else {}
        if parts[2] == "ec2":
            return _ec2_tags(parts, call)
        return steadily(lambda: _listed_tags(parts, arn))

    def facts_of(self, call: Call, kind: str, arn: str) -> Keys:
        """See Resolver."""
        facts = _FACTS.get(kind) or _FACTS.get(kind.partition(":")[0])
        return steadily(lambda: facts(call, arn)) if facts is not None else {}

    def partition_key(self, call: Call, table: str) -> str | None:
        """See Resolver."""
        parts = table.split(":", 5)
        account, region = (parts[4], parts[3]) if len(parts) == 6 else (call.account, call.region)
        found = backend("dynamodb", account, region)
        stored = found.tables.get(parts[-1].removeprefix("table/").partition("/")[0]) if found is not None else None
        return str(stored.hash_key_attr) if stored is not None else None


# ARNs


def _of_iam(collection: str, *, by: str = "name") -> Callable[[Call, str], str | None]:
    def find(call: Call, name: str) -> str | None:
        found = backend("iam", call.account, call.partition)
        entities = list(getattr(found, collection, {}).values())
        return next((str(one.arn) for one in entities if getattr(one, by) == name), None)

    return find


def _profile_role(call: Call, name: str) -> str | None:
    found = backend("iam", call.account, call.partition)
    profiles = list(found.instance_profiles.values()) if found is not None else []
    profile = next((one for one in profiles if name in (one.name, one.arn)), None)
    role = profile.role if profile is not None else None
    return str(role.arn) if role else None


def _secret(call: Call, name: str) -> str | None:
    account, region = _place(call, name)
    found = backend("secretsmanager", account, region)
    secret = found.secrets.get(name) if found is not None else None
    return str(secret.arn) if secret is not None else None


def _place(call: Call, name: str) -> tuple[str, str]:
    parts = name.split(":", 5)
    return (parts[4], parts[3]) if len(parts) == 6 and parts[0] == "arn" else (call.account, call.region)


def _key(call: Call, name: str) -> str | None:
    account, region = _place(call, name)
    found = backend("kms", account, region)
    if found is None:
        return None
    short = name.split(":", 5)[-1].removeprefix("key/")
    for key in list(found.keys.values()):
        if key.id == short or short in list(key.aliases):
            return str(key.arn)
    return None


def _ciphertext(call: Call, blob: str) -> str | None:
    """Return the key that a ciphertext of moto's names; the service itself checks that it is one."""
    from moto.kms.utils import _deserialize_ciphertext_blob

    try:
        key_id = _deserialize_ciphertext_blob(ciphertext_blob=bytes.fromhex(blob)).key_id
    except Exception:  # noqa: BLE001 - any client's bytes; what cannot be read names no key
        return None
    return _key(call, key_id)


def _security_group(call: Call, name: str) -> str | None:
    found = backend("ec2", call.account, call.region)
    for groups in list(found.groups.values()) if found is not None else []:
        for group in list(groups.values()):
            if group.name == name:
                return call.arn("ec2", f"security-group/{group.id}")
    return None


def _launch_template(call: Call, name: str) -> str | None:
    found = backend("ec2", call.account, call.region)
    template = found.launch_template_name_to_ids.get(name) if found is not None else None
    return call.arn("ec2", f"launch-template/{template}") if template else None


def _stack(call: Call, name: str) -> str | None:
    found = backend("cloudformation", call.account, call.region)
    stacks = list(found.stacks.values()) if found is not None else []
    return next((str(one.stack_id) for one in stacks if name in (one.name, one.stack_id)), None)


def _scaling_group(call: Call, name: str) -> str | None:
    found = backend("autoscaling", call.account, call.region)
    group = found.autoscaling_groups.get(name) if found is not None else None
    return str(group.arn) if group is not None else None


_ARNS: dict[str, Callable[[Call, str], str | None]] = {
    "autoscaling:autoscalinggroup": _scaling_group,
    "cloudformation:stack": _stack,
    "ec2:launch-template": _launch_template,
    "ec2:security-group": _security_group,
    "iam:group": _of_iam("groups"),
    "iam:instance-profile": _of_iam("instance_profiles"),
    "iam:instance-profile-role": _profile_role,
    "iam:policy": _of_iam("managed_policies"),
    "iam:role": _of_iam("roles"),
    "iam:server-certificate": _of_iam("certificates", by="cert_name"),
    "iam:user": _of_iam("users"),
    "kms:ciphertext": _ciphertext,
    "kms:key": _key,
    "secretsmanager:secret": _secret,
}


# Tags


def _iam_tags(parts: list[str]) -> Mapping[str, str]:
    entity = _iam_entity(parts)
    tags = getattr(entity, "tags", None)
    if isinstance(tags, dict):
        return {
            str(key): str(value["Value"] if isinstance(value, dict) else value) for key, value in list(tags.items())
        }
    return {tag["Key"]: tag["Value"] for tag in list(tags or [])}


def _iam_entity(parts: list[str]) -> Any | None:
    found = backend("iam", parts[4], parts[1])
    if found is None:
        return None
    kind, _, name = parts[5].partition("/")
    if kind == "policy":
        return found.managed_policies.get(":".join(parts))
    entities = {"role": found.roles, "user": found.users, "instance-profile": found.instance_profiles}.get(kind, {})
    return next((one for one in list(entities.values()) if one.name == name.rpartition("/")[2]), None)


def _bucket_tags(name: str) -> Mapping[str, str]:
    bucket = bucket_of(name)
    if bucket is None:
        return {}
    every = backends("s3")
    tagger = every[bucket.account_id][bucket.partition].tagger if every is not None else None
    return dict(tagger.get_tag_dict_for_resource(bucket.arn)) if tagger is not None else {}


def bucket_of(name: str) -> Any | None:
    """Return moto's bucket of that name, whosever it is: names of buckets are unique in the world."""
    every = backends("s3")
    owner = every.bucket_accounts.get(name) if every is not None else None
    if owner is None:
        return None
    found = backend("s3", owner[1], owner[0])
    return found.buckets.get(name) if found is not None else None


def _ec2_tags(parts: list[str], call: Call) -> Mapping[str, str]:
    found = backend("ec2", parts[4] or call.account, parts[3])
    name = parts[5].rpartition("/")[2]
    tags = dict.get(found.tags, name) if found is not None else None
    return {str(key): str(value) for key, value in list((tags or {}).items())}


def _listed_tags(parts: list[str], arn: str) -> Mapping[str, str]:
    for found in taggable(parts[2], parts[4], parts[3], parts[1]):
        for one in found.iter_tagged_resources():
            if one.arn == arn or f"{one.arn}:*" == arn:
                return dict(one.tags)
    return {}


# Facts


def _entity_facts(call: Call, arn: str) -> Keys:  # noqa: ARG001 - the signature of all
    entity = _iam_entity(arn.split(":", 5))
    boundary = getattr(entity, "permissions_boundary_arn", None)
    return {"iam:PermissionsBoundary": str(boundary)} if boundary else {}


def _object_facts(call: Call, arn: str) -> Keys:  # noqa: ARG001 - the signature of all
    name, _, key = arn.split(":", 5)[5].partition("/")
    bucket = bucket_of(name)
    if bucket is None:
        return {}
    facts: dict[str, Values] = {"s3:ResourceAccount": str(bucket.account_id)}
    stored = bucket.keys.get(key) if key else None
    if stored is not None:
        every = backends("s3")
        tagger = every[bucket.account_id][bucket.partition].tagger if every is not None else None
        tags = tagger.get_tag_dict_for_resource(stored.arn) if tagger is not None else {}
        facts.update({f"s3:ExistingObjectTag/{tag}": str(value) for tag, value in tags.items()})
    return facts


def _ec2_facts(call: Call, arn: str) -> Keys:
    parts = arn.split(":", 5)
    found = backend("ec2", parts[4] or call.account, parts[3])
    kind, _, name = parts[5].partition("/")
    if found is None:
        return {}
    if kind == "instance":
        instance = next((one for one in list(found.all_instances()) if one.id == name), None)
        return {} if instance is None else {"ec2:InstanceType": str(instance.instance_type), "ec2:InstanceID": name}
    if kind == "subnet":
        subnet = found.get_subnet(name) if any(name in zone for zone in list(found.subnets.values())) else None
        vpc = {} if subnet is None else {"ec2:Vpc": call.arn("ec2", f"vpc/{subnet.vpc_id}")}
        return {"ec2:SubnetID": name, **vpc}
    return {}


_FACTS: dict[str, Callable[[Call, str], Keys]] = {
    "ec2": _ec2_facts,
    "iam": _entity_facts,
    "s3": _object_facts,
}
