"""EC2 Auto Scaling's groups."""

from __future__ import annotations

from collections.abc import Mapping

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import ARNParts, Reader
from podrole.iam.actions.call import Call


def _scaling_group(call: Call, name: str) -> str | None:
    stored = backend("autoscaling", call.account, call.region)
    group = stored.autoscaling_groups.get(name) if stored is not None else None
    return str(group.arn) if group is not None else None


def _group_of(call: Call, instance: str) -> str | None:
    """Return the group that an instance belongs to."""
    stored = backend("autoscaling", call.account, call.region)
    for group in stored.autoscaling_groups.values() if stored is not None else ():
        if any(state.instance.id == instance for state in group.instance_states):
            return str(group.arn)
    return None


def _tags(arn: ARNParts, _: Call) -> Mapping[str, str]:
    """Return a group's tags: moto does not list them."""
    stored = backend("autoscaling", arn.account, arn.region)
    name = arn.resource.partition("autoScalingGroupName/")[2]
    group = stored.autoscaling_groups.get(name) if stored is not None else None
    return {str(tag["Key"]): str(tag.get("Value") or "") for tag in group.tags or ()} if group is not None else {}


READER = Reader(arns={"autoscaling:autoscalinggroup": _scaling_group, "autoscaling:instance": _group_of}, tags=_tags)
