"""The tags of what EKS holds. https://docs.aws.amazon.com/eks/latest/APIReference/API_TagResource.html."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from podrole.account.eks.records import AssociationRecord, ClusterRecord, FargateProfileRecord, NodegroupRecord
from podrole.account.eks.request import EKSRequest, Output, refuse
from podrole.account.eks.state import EKSState

_MOST_TAGS = 50

Tagged = ClusterRecord | NodegroupRecord | FargateProfileRecord | AssociationRecord


def tagged(state: EKSState, arn: str) -> Tagged | None:
    """Return the record with that ARN."""
    kind, _, names = arn.split(":", 5)[-1].partition("/")
    parts = names.split("/")
    finders: Mapping[str, Callable[[], Tagged | None]] = {
        "cluster": lambda: state.get(ClusterRecord, names),
        "nodegroup": lambda: state.get(NodegroupRecord, "/".join(parts[:2])),
        "fargateprofile": lambda: state.get(FargateProfileRecord, "/".join(parts[:2])),
        "podidentityassociation": lambda: state.get(AssociationRecord, parts[-1]),
    }
    record = finders[kind]() if kind in finders else None
    return record if record is not None and _arn_of(record) == arn else None


def _arn_of(record: Tagged) -> str:
    if isinstance(record, AssociationRecord):
        return record.association.arn
    members = ("arn", "nodegroupArn", "fargateProfileArn")
    return str(next(record.description[member] for member in members if member in record.description))


def tags_of(record: Tagged) -> Mapping[str, str]:
    """Return a record's tags."""
    if isinstance(record, AssociationRecord):
        return record.tags
    tags: Mapping[str, str] = record.description["tags"]
    return tags


def tag_resource(request: EKSRequest) -> Output:
    """TagResource."""
    record = _tagged(request)
    tags = {**tags_of(record), **request.input["tags"]}
    if len(tags) > _MOST_TAGS:
        refuse("BadRequestException", 400, f"A resource can have at most {_MOST_TAGS} tags.")
    _retag(request, record, tags)
    return {}


def untag_resource(request: EKSRequest) -> Output:
    """UntagResource."""
    record, keys = _tagged(request), request.input["tagKeys"]
    _retag(request, record, {key: value for key, value in tags_of(record).items() if key not in keys})
    return {}


def list_tags_for_resource(request: EKSRequest) -> Output:
    """ListTagsForResource."""
    return {"tags": dict(tags_of(_tagged(request)))}


def _tagged(request: EKSRequest) -> Tagged:
    arn = request.input["resourceArn"]
    record = tagged(request.state, arn)
    if record is None:
        refuse("NotFoundException", 404, f"No resource found for {arn}.")
    return record


def _retag(request: EKSRequest, record: Tagged, tags: Mapping[str, str]) -> None:
    if isinstance(record, AssociationRecord):
        request.put(replace(record, tags=tags))
    else:
        request.put(replace(record, description={**record.description, "tags": tags}))
