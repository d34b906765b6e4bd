"""Which resources a call is on: the variables of a resource type's ARN, filled from the call's parameters.

Services name the same thing in many ways: ``FunctionName``, ``functionArn``, ``Resource``. The names tried here are
made from the type and the variable; a table holds those that cannot be guessed (podrole.iam.actions.tables). What is
not found is not assumed to be harmless: see :func:`resources`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from podrole.iam.actions.call import Call, Permission, Resolver, distinct, find
from podrole.iam.actions.reference import Action, ResourceType
from podrole.iam.actions.tables import parameters_of
from podrole.iam.arn import is_account_id

# What the call makes has no name yet: AWS asks about "…:instance/*".
_MAKING = re.compile(r"(Create|Run|Allocate|Register|Import|Copy|Request|Restore|Purchase|Issue|Upload|Clone)[A-Z]")
# Parameters that name the resource where nothing more telling does, the likeliest first.
_ANYTHING = (
    *("resourcearn", "resourcearns", "resource", "resourceid", "resourcearnlist", "resourceidentifier", "arn", "arns"),
    *("name", "id", "identifier"),
)
_ARNS = ("arn", "arns", "resource", "resourcearn", "resourcearnlist", "resourcearns", "resourcename")
_NAMING_TYPES = frozenset({"route53", "ssm"})
"""The services whose calls say the type of a resource in the parameter ResourceType."""
# Parameters that say how much to list, not what the call is on.
_NOT_A_RESOURCE = re.compile(
    r"(max|limit|page|next|marker|token|filter|sort|order|dryrun|client|include|statusfilter|start|end|time|type|owner"
    r"|scope|pathprefix|all|verbose|status|state|region|only|attributes|tags|description|query|count)",
)
# Members that name the account of a registry or catalog.
_ACCOUNT_MEMBERS = {"ecr": "registryId", "glue": "CatalogId"}
# Types whose ARN says more than a name does: the resolver knows.
_OF_STATE = frozenset(
    {
        "autoscaling:autoscalinggroup",
        "autoscaling:launchconfiguration",
        "cloudformation:stack",
        "elasticloadbalancing:loadbalancer",
        "iam:group",
        "iam:instance-profile",
        "iam:mfa",
        "iam:policy",
        "iam:role",
        "iam:server-certificate",
        "iam:user",
        "kms:key",
        "rds:proxy",
        "secretsmanager:secret",
    }
)


def plain(name: str) -> str:
    """Return a name as names are compared: letters and digits, case apart."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


@functools.lru_cache(maxsize=4096)
def _names(client: str, type_name: str, variable: str, alone: bool) -> tuple[str, ...]:
    """Return the parameters that a variable may stand in, the likeliest first."""
    kind, name = plain(type_name), plain(variable)
    stem = re.sub(r"(name|id|arn|identifier)$", "", name)
    guessed = [name, f"{name}s", f"{stem}arn", f"{stem}arns", f"{stem}name", f"{stem}names", f"{stem}id", f"{stem}ids"]
    guessed += [f"{stem}identifier", f"{stem}identifiers", stem, f"{stem}s"]
    if alone:  # the variable that tells one resource of the type from another
        guessed += [f"{kind}arn", f"{kind}arns", f"{kind}name", f"{kind}names", f"{kind}id", f"{kind}ids"]
        guessed += [f"{kind}identifier", kind, f"{kind}s", *_ANYTHING]
    listed = map(plain, parameters_of(client, variable))
    return tuple(dict.fromkeys([*listed, *(guess for guess in guessed if (client, guess) not in _NEVER)]))


_NEVER = frozenset({("rds", "dbname"), ("ec2", "name"), ("cloudwatch", "name")})
"""Parameters that name something else than the resource, unless the table of parameters says so."""


def resources(call: Call, name: str, action: Action, resolver: Resolver) -> list[Permission]:
    """Return the action, by its name with its service, on each resource that the call names.

    All required types of resource must be allowed, and of the others those that the call names. Where the call names
    none: what it is about to make is ``type/*``, as AWS asks; a call without anything that could be a name is on ``*``;
    and anything else is a partial resource, which only an Allow on all that it can be covers, and a Deny on any of it
    hits.
    """
    if not action.on:
        return [Permission(name)]
    parameters = {plain(key): value for key, value in call.parameters.items()}
    wanted: list[Permission] = []
    types, others = _of_named_type(call, action), list(_arns(parameters))
    # The reference does not list every type that has tags: the ARN says what the call is on.
    is_told = bool(others) and "Tag" in call.operation
    for kind, needed in types:
        permissions = list(
            _of_type(call, kind, [resource_type for resource_type, _ in types], parameters, resolver, needed=needed)
        )
        if needed and not is_told:
            permissions = permissions or [_unknown(call, kind)]
        wanted += [permission._replace(action=name) for permission in permissions]
    wanted += [Permission(name, arn) for arn in others]
    if wanted:
        return distinct(wanted)
    named = any(not _NOT_A_RESOURCE.search(key) for key, value in parameters.items() if value not in (None, "", [], {}))
    return [Permission(name, partial=named)]


def _of_named_type(call: Call, action: Action) -> Sequence[tuple[ResourceType, bool]]:
    """Return the types that an action is on: the one that the call names, where a parameter says the type."""
    named = plain(str(call.parameters.get("ResourceType", ""))) if call.client in _NAMING_TYPES else ""
    fitting = [(kind, needed) for kind, needed in action.on if plain(kind.name).startswith(named)]
    return fitting or action.on


def _arns(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ARNs in the members that name what the call is on, of whichever type it is."""
    for member in _ARNS:
        value = parameters.get(member)
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str) and text.startswith("arn:") and text.count(":") >= 5:
                yield text


def made(call: Call, action: Action | None, resolver: Resolver) -> list[Permission]:
    """Return an action on what the call makes: of the action's types of resources the one that the operation names.
    Empty if it names none, or if the reference does not have the action."""
    kinds = [kind for kind, _ in (action.on if action is not None else ()) if plain(kind.name) in plain(call.operation)]
    if not kinds:
        return []
    kind = max(kinds, key=lambda candidate: len(candidate.name))
    parameters = {plain(key): value for key, value in call.parameters.items()}
    permissions = list(_of_type(call, kind, kinds, parameters, resolver, needed=True))
    return permissions or [_unknown(call, kind)]


def _of_type(
    call: Call,
    kind: ResourceType,
    others: Sequence[ResourceType],
    parameters: Mapping[str, Any],
    resolver: Resolver,
    *,
    needed: bool,
) -> Iterator[Permission]:
    place = {"Partition": call.partition, "Region": call.region, "Account": _account(call)}
    if not kind.variables:
        if needed:
            yield Permission("", kind.fill(place))
        return
    last = kind.variables[-1]
    main = _main_variable(kind)
    by_variable = {variable: _one(call, kind, variable, parameters) for variable in kind.variables if variable != main}
    missing = [variable for variable, text in by_variable.items() if text is None]
    values = {**place, **{variable: text for variable, text in by_variable.items() if text is not None}}
    for text in _values(call, kind, main, parameters):
        if text.startswith("arn:"):
            if kind.is_of(text) and not any(other.literals > kind.literals and other.is_of(text) for other in others):
                yield Permission("", text)
            continue
        known = resolver.arn_of(call, f"{kind.service}:{kind.name}", text) if _is_of_state(kind) else None
        if known is not None:
            yield Permission("", known)
        elif not missing or needed:
            arn = kind.fill({**values, main: _cleaned(kind, main, text)})
            # A random part at the end of an ARN of something that is about to be made is not known to anybody.
            partial = bool(missing) and not (_makes(call, kind) and (missing == [last] or missing == ["GroupId"]))
            yield Permission("", arn, partial=partial)


def _account(call: Call) -> str:
    """Return the account whose resources a call is on: some services let a call name it."""
    account_id = call.parameters.get(_ACCOUNT_MEMBERS.get(call.client, ""))
    return account_id if isinstance(account_id, str) and is_account_id(account_id) else call.account


def _main_variable(kind: ResourceType) -> str:
    """Return the variable that names the resource: the last one, but for an id that AWS makes up behind the name."""
    variables = kind.variables
    if len(variables) > 1 and plain(variables[-1]) in ("uuid", "id", "opaqueid"):
        return variables[-2]
    return variables[-1]


def _is_of_state(kind: ResourceType) -> bool:
    return f"{kind.service}:{kind.name}" in _OF_STATE


def _values(call: Call, kind: ResourceType, variable: str, parameters: Mapping[str, Any]) -> list[str]:
    """Return all that the call gives for the variable that names the resource: a name beside an ARN must be allowed
    too, because the service may prefer either."""
    for path in parameters_of(call.client, variable):
        nested = find(call.parameters, path.split(".")) if "[]" in path else []
        if texts := [item for item in nested if isinstance(item, str)]:
            return texts
    values: list[str] = []
    for name in _names(call.client, kind.name, variable, True):
        if values and name in _ANYTHING:
            continue
        value = parameters.get(name)
        if isinstance(value, str) and value:
            if not value.startswith("arn:") or kind.is_of(value):
                values.append(value)
        elif isinstance(value, list) and all(isinstance(item, str) for item in value):
            values.extend(value)
    return values or _usual(call, variable)


def _one(call: Call, kind: ResourceType, variable: str, parameters: Mapping[str, Any]) -> str | None:
    """Return what the call gives for another variable of the ARN."""
    for name in _names(call.client, kind.name, variable, False):
        value = parameters.get(name)
        if isinstance(value, str) and value:
            return value.rpartition("/")[2] if value.startswith("arn:") else value
    return next(iter(_usual(call, variable)), None)


_USUAL = {("athena", "WorkGroupName"): "primary", ("ecs", "ClusterName"): "default"}


def _usual(call: Call, variable: str) -> list[str]:
    """Return what a service takes where the call does not say."""
    name = _USUAL.get((call.client, variable))
    return [name] if name is not None else []


def _cleaned(kind: ResourceType, variable: str, text: str) -> str:
    if variable.endswith(("WithoutLeadingSlash", "WithPath")):
        return text.lstrip("/")
    if kind.service == "route53":
        return text.rpartition("/")[2]
    return text


def _makes(call: Call, kind: ResourceType) -> bool:
    """Say whether the call makes a resource of the type: CreateSubnet a subnet, and no VPC."""
    return _MAKING.match(call.operation) is not None and plain(kind.name) in plain(call.operation)


def _unknown(call: Call, kind: ResourceType) -> Permission:
    arn = kind.fill({"Partition": call.partition, "Region": call.region, "Account": call.account})
    making = _makes(call, kind)
    return Permission("", arn, partial=not making, exists=not making)
