"""A stack's resources are made by the calls in podrole.aws.services.resource_types, or after these have been decided.

moto would make them without asking, and leaves out policies and destinations.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from moto.cloudformation import parsing

from podrole.aws.emulator.bound_principals import bind
from podrole.aws.emulator.entry import complete_bucket
from podrole.aws.emulator.stack_calls import of_this_call
from podrole.aws.errors import AWSError
from podrole.aws.services.cloudformation import ignored_policy
from podrole.aws.services.resource_types.made_by_calls import MADE_BY_CALLS, MadeByCalls
from podrole.aws.services.resource_types.made_by_moto import MADE_BY_MOTO, MadeByMoto
from podrole.aws.services.resource_types.making import Making, ServiceCall

_parsing: Any = parsing
_GONE = re.compile("NoSuch|NotFound|NonExist|NotExist")
"""What stands in the codes of errors about something that does not exist."""


class ResourceOfCalls:
    """A resource that calls of its service make. ``kind`` is its type, ``name`` its physical id."""

    def __init__(self, kind: str, making: Making) -> None:
        self.kind = kind
        self.name = making.name
        self.properties: Mapping[str, Any] = making.properties
        self.account = making.account
        self.region = making.region

    @property
    def physical_resource_id(self) -> str:
        """What Ref returns."""
        return self.name

    def get_cfn_attribute(self, attribute_name: str) -> str:  # noqa: ARG002 - moto's signature
        """Return what Fn::GetAtt does."""
        return self.name

    def is_created(self) -> bool:
        """Return True: everything is there when the calls have returned."""
        return True

    def made(self) -> Making:
        """Return what the resource was made as."""
        return Making(self.name, self.properties, self.account, self.region)

    def delete(self, account_id: str, region_name: str) -> None:  # noqa: ARG002 - moto's signature
        """Take back what the calls did; what it was done to may be gone."""
        _take_back(list(MADE_BY_CALLS[self.kind].remove(self.made())))


def _take_back(calls: Sequence[ServiceCall]) -> None:
    for call in calls:
        try:
            of_this_call().run(call)
        except AWSError as refusal:
            if refusal.status != 404 and not _GONE.search(refusal.error_code):
                raise


def _put(kind: MadeByCalls, making: Making) -> None:
    """Make the calls of a resource. If one of them fails, take back those before it."""
    done = 0
    try:
        for call in kind.put(making):
            of_this_call().run(call)
            done += 1
    except Exception:
        with contextlib.suppress(AWSError):
            _take_back(list(kind.remove(making))[:done])
        raise


def _require_no_policy(kind: MadeByCalls, making: Making) -> None:
    """Refuse to replace a policy that the stack did not make: the stack's end would remove it."""
    arn = kind.holds_policy(making) if kind.holds_policy is not None else None
    if arn is not None and of_this_call().facts.resource(arn).policy is not None:
        raise AWSError("AlreadyExists", 400, f"The policy already exists on {arn}.")


class _TypeOfCalls:
    """One type, as moto's stacks know types."""

    type_name: ClassVar[str]
    calls: ClassVar[MadeByCalls]

    @classmethod
    def cloudformation_type(cls) -> str:
        """Return the type in templates."""
        return cls.type_name

    @classmethod
    def cloudformation_name_type(cls) -> str:
        """Return the property that names the resource."""
        return cls.calls.name_property

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Say whether Fn::GetAtt knows an attribute."""
        return attr == "Id"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> ResourceOfCalls:
        """Make the resource. Raises AWSError."""
        making = Making(resource_name, cloudformation_json.get("Properties", {}), account_id, region_name)
        _require_no_policy(cls.calls, making)
        _put(cls.calls, making)
        return ResourceOfCalls(cls.type_name, making)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: ResourceOfCalls,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> ResourceOfCalls:
        """Make the resource as it should be now, then take back what no longer belongs to it."""
        properties = cloudformation_json.get("Properties", {})
        is_named = cls.calls.name_property in properties
        name = new_resource_name if is_named or cls.calls.renamed else original_resource.name
        before, making = original_resource.made(), Making(name, properties, account_id, region_name)
        kept = list(cls.calls.remove(making))
        gone = [call for call in cls.calls.remove(before) if call not in kept]
        if gone:
            _require_no_policy(cls.calls, making)
        _put(cls.calls, making)
        _take_back(gone)
        return ResourceOfCalls(cls.type_name, making)


class _Decided:
    """Stands in for moto's class of a type while a resource is made or changed."""

    def __init__(self, kind: str, model: Any) -> None:
        self._kind = MADE_BY_MOTO.get(kind, MadeByMoto())
        self._type = kind
        self._model = model
        self._is_fixed = hasattr(model.update_from_cloudformation_json, "__isabstractmethod__")

    def create_from_cloudformation_json(
        self, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **more: Any
    ) -> Any:
        properties = {**self._kind.defaults, **cloudformation_json.get("Properties", {})}
        if self._kind.defaults:
            cloudformation_json = {**cloudformation_json, "Properties": properties}
        making = Making(resource_name, properties, account_id, region_name)
        decided = [of_this_call().decide(call) for call in self._kind.create(making)]
        made = self._model.create_from_cloudformation_json(
            resource_name, cloudformation_json, account_id, region_name, **more
        )
        for authorized_call in decided:
            if authorized_call.stored is not None:
                bind(
                    made,
                    authorized_call.stored.document,
                    authorized_call.stored.document,
                    of_this_call().facts.principal_id,
                )
        try:
            self._complete(made, making)
        except Exception:
            with contextlib.suppress(Exception):  # the first failure is the one to tell
                self._remove(made, cloudformation_json, making)
            raise
        return made

    def update_from_cloudformation_json(
        self,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        making = Making(new_resource_name, cloudformation_json.get("Properties", {}), account_id, region_name)
        if self._kind.change is not None:
            for call in self._kind.change(making._replace(name=original_resource.physical_resource_id)):
                of_this_call().run(call)
            return original_resource
        if self._is_fixed:
            if of_this_call().is_rolling_back:
                return original_resource  # it was not changed
            raise self._unchangeable()
        for call in self._kind.create(making):
            of_this_call().decide(call)
        changed = self._model.update_from_cloudformation_json(
            original_resource=original_resource,
            new_resource_name=new_resource_name,
            cloudformation_json=cloudformation_json,
            account_id=account_id,
            region_name=region_name,
        )
        if self._kind.clear is not None:
            _take_back(list(self._kind.clear(_named(changed, making))))
        self._complete(changed, making)
        return changed

    def _unchangeable(self) -> AWSError:
        """Return the refusal of a change that moto would ignore, and after which it no longer knows the resource."""
        return AWSError(
            "NotImplemented",
            501,
            f"podrole's local AWS does not change resources of type {self._type} that are there. "
            "Give the resource another logical id: the new one is made, and the old one deleted.",
        )

    def _complete(self, made: Any, making: Making) -> None:
        if self._model.cloudformation_type() == "AWS::S3::Bucket":
            complete_bucket(made.name)
        for call in self._kind.complete(_named(made, making)) if self._kind.complete is not None else ():
            of_this_call().run(call)

    def _remove(self, made: Any, cloudformation_json: dict[str, Any], making: Making) -> None:
        if hasattr(made, "delete"):
            made.delete(making.account, making.region)
        else:
            self._model.delete_from_cloudformation_json(
                made.physical_resource_id, cloudformation_json, making.account, making.region
            )


def _named(made: Any, making: Making) -> Making:
    return making._replace(name=made.physical_resource_id)


def decide_before_making() -> None:
    """Have moto's stacks make resources by calls, or after the calls have been decided. A second time does nothing."""
    parse = _parsing.parse_resource_and_generate_name
    if hasattr(parse, "__wrapped__"):
        return
    models: list[Any] = parsing.get_model_list()
    by_type: dict[str, Any] = parsing.get_model_map()
    ours = {
        kind: type("".join(kind.split("::")[1:]), (_TypeOfCalls,), {"type_name": kind, "calls": calls})
        for kind, calls in MADE_BY_CALLS.items()
    }
    models[:] = [model for model in models if model.cloudformation_type() not in ours]
    models += ours.values()
    by_type.update(ours)

    @functools.wraps(parse)
    def parse_decided(*arguments: Any) -> Any:
        parsed = parse(*arguments)
        if not parsed:
            return parsed
        model, resource_json, name = parsed
        kind = str(resource_json.get("Type"))
        if ignored_policy(kind, resource_json.get("Properties")):  # with conditions, it was not seen before
            raise NotImplementedError(f"the policy of a resource of type {kind}")
        if kind in MADE_BY_CALLS or kind.startswith("AWS::IAM::"):
            return parsed
        return _Decided(kind, model), resource_json, name

    _parsing.parse_resource_and_generate_name = parse_decided
