"""The tagging API: to tag resources of other services, their own tagging actions must be allowed too.

Source: AWS, "Resource Groups Tagging API Reference", TagResources and UntagResources.
"""

from __future__ import annotations

import re

from podrole.iam.actions.call import Call, Permission, Resolver
from podrole.iam.actions.reference import Service, service

_TAGS = re.compile(r"(Tag|AddTags|CreateTags|CreateOrUpdateTags|ChangeTags|PutBucketTagging|AddResourceTags)")
_UNTAGS = re.compile(r"(Untag|RemoveTags|DeleteTags|ChangeTags|RemoveResourceTags)")
# The likeliest of several.
_USUAL = ("TagResource", "AddTagsToResource", "AddTags", "CreateTags", "UntagResource", "RemoveTagsFromResource")
# S3 has one action for setting and removing, and tags of objects are not in this API; API Gateway has its own methods.
_OTHERS = {"apigateway": ("PUT", "DELETE"), "s3": ("PutBucketTagging", "PutBucketTagging")}


def permissions(call: Call, resolver: Resolver) -> list[Permission] | None:  # noqa: ARG001 - the signature of all
    """Return what TagResources and UntagResources need; None for the others."""
    if call.operation not in ("TagResources", "UntagResources"):
        return None
    removing = call.operation == "UntagResources"
    arns = [str(arn) for arn in call.parameters.get("ResourceARNList") or ()]
    return [Permission(f"tag:{call.operation}"), *(_on(arn, removing=removing) for arn in arns)]


def _on(arn: str, *, removing: bool) -> Permission:
    prefix = arn.split(":")[2] if arn.count(":") >= 5 else ""
    reference = service(prefix)
    if reference is None:
        return Permission("tag:UntagResources" if removing else "tag:TagResources", arn or "*", partial=True)
    name = _OTHERS[prefix][removing] if prefix in _OTHERS else _action(reference, arn, _UNTAGS if removing else _TAGS)
    return Permission(f"{prefix}:{name}", arn)


def _action(reference: Service, arn: str, form: re.Pattern[str]) -> str:
    """Return the tagging action for a resource: one that is on its type, the usual one first."""
    names = sorted((name for name in reference.action_names() if form.match(name)), key=_rank)
    kind = reference.type_of(arn)
    actions = [known for name in names if (known := reference.action(name)) is not None]
    on_type = [action.name for action in actions if kind in [target for target, _ in action.on]]
    return next(iter(on_type or names), "TagResource" if form is _TAGS else "UntagResource")


def _rank(name: str) -> tuple[int, str]:
    return (_USUAL.index(name) if name in _USUAL else len(_USUAL), name)
