"""EC2 Auto Scaling's groups."""

from __future__ import annotations

from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.readers.reader import Reader
from podrole.iam.actions.call import Call


def _scaling_group(call: Call, name: str) -> str | None:
    stored = backend("autoscaling", call.account, call.region)
    group = stored.autoscaling_groups.get(name) if stored is not None else None
    return str(group.arn) if group is not None else None


READER = Reader(arns={"autoscaling:autoscalinggroup": _scaling_group})
