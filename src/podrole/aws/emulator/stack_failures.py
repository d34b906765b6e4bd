"""A stack that cannot be made or changed is rolled back, as CloudFormation does: moto would leave it half-made.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html. The call only starts the
work, so a failure is not its answer: it is an event of the resource, with its reason, and the stack's status. A
template that is malformed or has a type of resource that moto cannot make is refused before there is a stack
(podrole.aws.services.template_faults, and ``_require_known_types``).
"""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from moto.cloudformation import models, parsing
from moto.cloudformation.parsing import OutputMap

from podrole.account.errors import AccountError
from podrole.aws.emulator.stack_calls import of_this_call
from podrole.iam.errors import PolicyError

stacks: Any = models.Stack
backends: Any = models.CloudFormationBackend
"""moto's classes; methods of theirs are replaced in ways that its types do not foresee."""


class ResourceFailed(Exception):
    """A resource of a stack could not be made or changed."""

    def __init__(self, logical_id: str, kind: str, problem: Exception) -> None:
        super().__init__(logical_id)
        self.logical_id = logical_id
        self.kind = kind
        self.problem = problem


def roll_back_failed_stacks() -> None:
    """Replace what makes, changes and deletes stacks. A second time does nothing."""
    if hasattr(backends.create_stack, "__wrapped__"):
        return
    create, update, delete = backends.create_stack, stacks.update, stacks.delete

    @functools.wraps(create)
    def create_stack(backend: Any, name: str, template: str, *further: Any, **named: Any) -> Any:
        _require_known_types(_resources(template))
        known = set(backend.stacks)
        try:
            return create(backend, name, template, *further, **named)
        except Exception as problem:
            new = [stack for stack_id, stack in backend.stacks.items() if stack_id not in known]
            if not new:
                raise  # refused before there was a stack
            _roll_back_new(new[0], problem)
            return new[0]

    @functools.wraps(update)
    def update_resources(stack: Any, template: str, *further: Any, **named: Any) -> None:
        _require_known_types(_resources(template))
        template_before, parameters = stack.template, dict(stack.parameters)
        try:
            update(stack, template, *further, **named)
        except Exception as problem:  # noqa: BLE001 - what failed is in the stack's events
            stack.template = template_before
            stack._parse_template()
            _add_failure(stack, "UPDATE", problem)
            _end(stack, "UPDATE_ROLLBACK", lambda: stack.resource_map.update(stack.template_dict, parameters))

    @functools.wraps(delete)
    def delete_resources(stack: Any) -> None:
        try:
            delete(stack)
        except Exception as problem:  # noqa: BLE001 - what failed is in the stack's events
            _add_event(stack, "DELETE_FAILED", _reason(problem))
            return
        _forget_resources(stack)

    backends.create_stack, stacks.update, stacks.delete = create_stack, update_resources, delete_resources
    create_change_set = backends.create_change_set

    @functools.wraps(create_change_set)
    def create_known_change_set(backend: Any, **named: Any) -> Any:
        _require_known_types(_resources(named["template"]))
        return create_change_set(backend, **named)

    backends.create_change_set, backends.execute_change_set = create_known_change_set, _execute_change_set
    parsing.parse_and_create_resource = _naming_its_resource(parsing.parse_and_create_resource)
    parsing.parse_and_update_resource = _naming_its_resource(parsing.parse_and_update_resource)


def _execute_change_set(backend: Any, change_set_name: str, stack_name: str | None = None) -> None:  # noqa: ARG001
    """Create or change a stack as the operations for that do; moto's own way leaves out outputs and failures."""
    change_set = backend.change_sets[change_set_name]  # podrole resolves names to ids
    stack = backend.stacks[change_set.stack_id]
    change_set.execution_status = "EXECUTE_COMPLETE"
    if change_set.change_set_type != "CREATE":
        stack.update(change_set.template, parameters=change_set.parameters)
        return
    _add_event(stack, "CREATE_IN_PROGRESS", "User Initiated")
    try:
        stack.template, stack.parameters = change_set.template, change_set.parameters
        stack._parse_template()
        stack.resource_map = stack._create_resource_map()
        stack.output_map = stack._create_output_map()
        backend._validate_export_uniqueness(stack)
        for export in stack.exports:
            backend.exports[export.name] = export
        stack.create_resources()
    except Exception as problem:  # noqa: BLE001 - what failed is in the stack's events
        _roll_back_new(stack, problem)


def _naming_its_resource(run: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(run)
    def named(logical_id: str, resource_json: Mapping[str, Any], *further: Any, **more: Any) -> Any:
        try:
            return run(logical_id, resource_json, *further, **more)
        except ResourceFailed:
            raise  # a resource that this one needs
        except Exception as problem:
            raise ResourceFailed(logical_id, str(resource_json.get("Type")), problem) from problem

    return named


def _resources(template: str | None) -> Mapping[str, Mapping[str, Any]]:
    """Return the resources of a template; None is the template that a stack has."""
    return dict(stacks.parse_template(template).get("Resources") or {}) if template else {}


def _require_known_types(resources: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise NotImplementedError for a type that moto leaves out of a stack, with no more than a warning."""
    for kind in sorted({str(resource.get("Type")) for resource in resources.values()}):
        model: Any = parsing.resource_class_from_type(kind)
        if model is None or hasattr(model.create_from_cloudformation_json, "__isabstractmethod__"):
            raise NotImplementedError(f"resources of type {kind}")


# What happens to a stack that failed


def _roll_back_new(stack: Any, problem: Exception) -> None:
    _add_failure(stack, "CREATE", problem)
    _end(stack, "ROLLBACK", lambda: _delete_resources(stack))


def _add_failure(stack: Any, what: str, problem: Exception) -> None:
    done, started = {"CREATE": ("create", "ROLLBACK"), "UPDATE": ("update", "UPDATE_ROLLBACK")}[what]
    reason = _reason(problem)
    if isinstance(problem, ResourceFailed):
        event = models.Event(
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_resource_id=problem.logical_id,
            physical_resource_id="",
            resource_type=problem.kind,
            resource_status=f"{what}_FAILED",
            resource_status_reason=reason,
            resource_properties=json.dumps({}),
        )
        event.sendToSns(stack.account_id, stack.region_name, stack.notification_arns)
        stack.events.append(event)
        reason = f"The following resource(s) failed to {done}: [{problem.logical_id}]."
    _add_event(stack, f"{started}_IN_PROGRESS", reason)


def _reason(problem: Exception) -> str:
    """Return what the service says; of moto's own faults only their kind, as their texts may hold anything."""
    if isinstance(problem, ResourceFailed):
        return _reason(problem.problem)
    if isinstance(problem, AccountError):
        return problem.what
    if isinstance(problem, PolicyError):
        return problem.message
    said = getattr(problem, "message", None) or getattr(problem, "description", None)
    return str(said) if said else f"podrole's local AWS cannot make or change this ({type(problem).__name__})."


def _end(stack: Any, what: str, roll_back: Callable[[], None]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # moto warns of a resource that was never made
        of_this_call().is_rolling_back = True
        try:
            roll_back()
        except Exception as problem:  # noqa: BLE001 - the stack says what could not be taken back
            _add_event(stack, f"{what}_FAILED", _reason(problem))
            if what == "ROLLBACK":
                _forget_resources(stack)
        else:
            _add_event(stack, f"{what}_COMPLETE")
        finally:
            of_this_call().is_rolling_back = False


def _delete_resources(stack: Any) -> None:
    stack.resource_map.delete()
    _forget_resources(stack)


def _forget_resources(stack: Any) -> None:
    """Have no question about a stack that is gone make its resources again, as moto's lazy map does."""
    stack.resource_map._resource_json_map = {}
    stack.output_map = OutputMap(stack.resource_map, {}, stack.stack_id)


def _add_event(stack: Any, status: str, reason: str | None = None) -> None:
    stack.status = status
    stack._add_stack_event(status, resource_status_reason=reason)
