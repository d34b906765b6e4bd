"""The fourth station: may this caller do what the call does?

A call needs one or more permissions, each an action on a resource (podrole.iam.actions); all of them must be allowed.
``podrole.iam`` decides, by the policies attached to the caller, the policy of the resource, and the control policies of
both their organizations. podrole.aws.access_denied writes the refusal in the words of the service.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from msgspec.structs import replace

from podrole.account.identities import IdentityDirectory
from podrole.account.organizations.state import Levels
from podrole.aws.access_denied import Refusals
from podrole.aws.call_context import circumstances, iam_call, s3_connection
from podrole.aws.called_place import require_called_place
from podrole.aws.caller import Caller
from podrole.aws.errors import AWSError
from podrole.aws.global_keys import organization_keys
from podrole.aws.interfaces import AuthorizedCall, Facts, Resource, StoredPolicy
from podrole.aws.lazy_keys import LazyKeys, PermissionKeys
from podrole.aws.policies import compile_stored, policies_of
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import parameters
from podrole.aws.protocol.wire import HTTPResponse
from podrole.aws.services import s3
from podrole.aws.services.registry import rules_of
from podrole.aws.services.rules import Authorizing
from podrole.iam.actions.call import Permission
from podrole.iam.actions.keys import ConditionKeys, condition_keys
from podrole.iam.actions.operations import NO_PERMISSION, permissions
from podrole.iam.actions.reference import supports_rcps
from podrole.iam.actions.s3 import object_arn
from podrole.iam.arn import is_account_id
from podrole.iam.directory import PolicyText
from podrole.iam.document import compile_policy
from podrole.iam.evaluate import Decision, NamedPolicy, Outcome, PolicySet, Request, evaluate
from podrole.iam.explain import explain
from podrole.iam.policy import Effect, PolicyKind
from podrole.iam.request import NO_RESOURCE

# STS evaluates the role's trust policy and the caller's policies together, when it makes the session.
_NOT_DECIDED_HERE = NO_PERMISSION | {
    ("sts", operation) for operation in ("AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity")
}
_READS_OBJECT = frozenset(
    {
        ("s3", "GetObject"),
        ("s3", "GetObjectAcl"),
        ("s3", "GetObjectAttributes"),
        ("s3", "GetObjectTagging"),
        ("s3", "HeadObject"),
    }
)


class Verdict(NamedTuple):
    """The decision about one permission, with the request and the policies that it is about."""

    permission: Permission
    request: Request
    policies: PolicySet
    decision: Decision


def authorize(
    call: IdentifiedCall, caller: Caller, directory: IdentityDirectory, facts: Facts, refusals: Refusals
) -> AuthorizedCall | HTTPResponse:
    """Return the call if everything that it does is allowed. Raises AWSError if it is refused.

    S3's DeleteObjects is refused key by key: keys that the caller may not delete are removed from the call, and the
    answer says so. If no key is left to delete, that answer is returned.
    """
    operation = (call.service.name, call.operation)
    if operation in _NOT_DECIDED_HERE:
        return AuthorizedCall(call, caller.account)
    question = _Question(call, caller, directory, facts)
    needed = permissions(question.iam_call, facts)
    require_called_place(call, needed)
    refused_keys: s3.RefusedKeys = []
    if operation == ("s3", "DeleteObjects"):
        refused_keys = _delete_each(call, question, needed, refusals)
    else:
        for permission in needed:
            verdict = question.ask(permission)
            _require_allowed(call, verdict, refusals)
            _explain_allowed(call, verdict)
        if operation in _READS_OBJECT:
            _hide_missing(call, question, facts, refusals)
    account = question.acting_account()
    for permission in rules_of(call.service.name).also_needs(Authorizing(call, account, facts, needed)):
        _require_allowed(call, question.ask(permission), refusals)
    if call.service.name == "ec2" and parameters(call).get("DryRun"):
        raise AWSError("DryRunOperation", 412, "Request would have succeeded, but DryRun flag is set.")
    authorized = AuthorizedCall(call, account, needed[0].resource if needed else "")
    if not refused_keys:
        return authorized
    if not parameters(call)["Delete"]["Objects"]:
        return s3.nothing_deleted(call, refused_keys)
    return replace(authorized, finish=partial(s3.with_refused_keys, refused_keys))


def unsigned(call: IdentifiedCall) -> AuthorizedCall:
    """Return a call of an operation that AWS serves without a signature: it needs no permission."""
    return AuthorizedCall(call, "")


def require_no_lockout(
    call: IdentifiedCall, caller: Caller, directory: IdentityDirectory, facts: Facts, stored: StoredPolicy
) -> None:
    """Refuse a policy of a KMS key that does not let the caller change it again. Raises AWSError.

    The key's policy must allow it, or leave it to the account's policies; what these say does not count.
    https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html
    """
    if parameters(call).get("BypassPolicyLockoutSafetyCheck"):
        return
    question = _Question(call, caller, directory, facts)
    changing = replace(question.iam_call, operation="PutKeyPolicy")
    key = stored.resource if isinstance(stored.resource, str) else changing.arn("kms", "key/*")
    permission = Permission("kms:PutKeyPolicy", key, call=changing)
    if not question.is_left_open_by(PolicyText("the new key policy", stored.document), permission):
        raise AWSError(
            "MalformedPolicyDocumentException",
            400,
            "The new key policy will not allow you to update the key policy in the future.",
            why="It does not allow the caller kms:PutKeyPolicy. BypassPolicyLockoutSafetyCheck skips this check.",
        )


def _explain_allowed(call: IdentifiedCall, verdict: Verdict) -> None:
    """Keep which statement allowed the call, for the event log. The root user needs no statement."""
    decision = verdict.decision
    if decision.policy:
        call.explanation = {
            "action": verdict.request.action,
            "resource": verdict.request.resource,
            "decision": decision.outcome.value,
            "policy": decision.policy,
            "statement": decision.reference,
        }


def _require_allowed(call: IdentifiedCall, verdict: Verdict, refusals: Refusals) -> None:
    """Raise AWSError for a refusal, with its evidence, which is only worked out for refusals."""
    if not verdict.decision.allowed:
        evidence = explain(verdict.request, verdict.policies, verdict.decision)
        raise refusals.access_denied(call, verdict.request, verdict.decision, evidence)


_EVERYTHING = NamedPolicy(
    "everything",
    compile_policy(
        '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}',
        PolicyKind.IDENTITY,
    ),
)


class _Question:
    """What the permissions of one call have in common: the caller's policies, and the facts."""

    def __init__(self, call: IdentifiedCall, caller: Caller, directory: IdentityDirectory, facts: Facts) -> None:
        self._call = call
        self._caller = caller
        self._facts = facts
        self.iam_call = iam_call(call, caller)
        self._attached = policies_of(caller, directory)
        self._scps = _compiled(facts.control_policies(caller.account, "scp"), PolicyKind.SCP)
        self._owner = ""
        self._of_call = LazyKeys(partial(_keys_of_call, call, caller, facts))

    def ask(self, permission: Permission) -> Verdict:
        """Decide one permission."""
        owner = self._facts.resource(permission.resource)
        account = owner.account if is_account_id(owner.account) else ""
        if not self._owner and permission.action.startswith(f"{self.iam_call.prefix}:"):
            self._owner = account
        request = self._request(permission, account)
        policies = self._policies(permission, owner, account)
        decision = evaluate(request, policies, by_policies_alone=self._call.service.name == "iam")
        if permission.partial and permission.exists:
            denied = self._denied_within(request, policies)
            if denied is not None:
                return Verdict(permission, request, *denied)
        is_stranger = self._caller.account != account
        if decision.allowed and owner.closed and is_stranger and _is_public(policies.resource):
            decision = Decision(Outcome.IMPLICITLY_DENIED, PolicyKind.RESOURCE)
        return Verdict(permission, request, policies, decision)

    def is_left_open_by(self, policy: PolicyText, permission: Permission) -> bool:
        """Say whether a policy of the caller's resource allows a permission, or leaves it to the caller's policies."""
        resource = NamedPolicy(policy.name, compile_stored(policy, PolicyKind.RESOURCE))
        request = self._request(permission, self._caller.account)
        return evaluate(request, PolicySet((_EVERYTHING,), resource)).allowed

    def _request(self, permission: Permission, account: str) -> Request:
        keys = PermissionKeys(lambda: self._keys_of(permission, account))
        return Request(
            self._caller.principal,
            permission.action,
            permission.resource,
            account,
            self._of_call,
            permission.partial,
            keys.unknown,
            keys,
        )

    def acting_account(self) -> str:
        """Return the account in which the service acts: that of its first resource's owner, or the caller's."""
        return self._owner or self._caller.account

    def _denied_within(self, request: Request, policies: PolicySet) -> tuple[PolicySet, Decision] | None:
        """Return the Deny of a resource that a partial request may mean: which one it means is not known."""
        prefix = request.action.partition(":")[0]
        within = self.iam_call.arn(prefix, "*") if request.resource == NO_RESOURCE else request.resource
        for text in self._facts.policies_within(within):
            policy = NamedPolicy(text.name, compile_stored(text, PolicyKind.RESOURCE))
            if all(statement.effect is Effect.ALLOW for statement in policy.policy.statements):
                continue
            with_policy = replace(policies, resource=policy)
            decision = evaluate(request, with_policy)
            if decision.outcome is Outcome.EXPLICITLY_DENIED:
                return with_policy, decision
        return None

    def _policies(self, permission: Permission, owner: Resource, account: str) -> PolicySet:
        resource = None
        if owner.policy is not None and permission.exists:
            resource = NamedPolicy(owner.policy.name, compile_stored(owner.policy, PolicyKind.RESOURCE))
        rcps = None
        if account and supports_rcps(permission.action.partition(":")[0]):
            rcps = _compiled(self._facts.control_policies(account, "rcp"), PolicyKind.RCP)
        if resource is None and rcps is None and self._scps is None:
            return self._attached
        attached = self._attached
        return PolicySet(attached.identity, resource, attached.boundaries, attached.session, self._scps, rcps)

    def _keys_of(self, permission: Permission, account: str) -> ConditionKeys:
        permission_keys = condition_keys(self.iam_call, permission, self._facts)
        owner = account or self._caller.account
        if not owner or permission.resource == NO_RESOURCE:
            return permission_keys
        keys: dict[str, str | list[str]] = {"aws:ResourceAccount": owner}
        if (place := self._facts.organization(owner)) is not None:
            keys.update(organization_keys("Resource", place))
        keys.update(permission_keys.values)
        return ConditionKeys(keys, permission_keys.unknown)


def _keys_of_call(call: IdentifiedCall, caller: Caller, facts: Facts) -> dict[str, str | list[str]]:
    """Return the keys of the caller and of the connection, which are the same for all permissions of the call."""
    keys = {**circumstances(call).context_keys(), **caller.context_keys()}
    if (place := facts.organization(caller.account)) is not None:
        keys.update(organization_keys("Principal", place))
    if call.service.name == "s3":
        keys.update(s3_connection(call))
    return keys


def _is_public(resource: NamedPolicy | None) -> bool:
    return resource is not None and s3.is_public(resource.policy)


def _compiled(levels: Levels | None, kind: PolicyKind) -> tuple[tuple[NamedPolicy, ...], ...] | None:
    if levels is None:
        return None
    return tuple(tuple(NamedPolicy(policy.name, compile_stored(policy, kind)) for policy in level) for level in levels)


def _hide_missing(call: IdentifiedCall, question: _Question, facts: Facts, refusals: Refusals) -> None:
    """Refuse to read a missing key if the caller may not list the bucket: S3 does not tell them that it is missing."""
    call_input = parameters(call)
    name = str(call_input.get("Bucket", ""))
    if facts.object_exists(name, str(call_input.get("Key", ""))):
        return
    bucket = facts.bucket(name)
    if bucket is not None:
        _require_allowed(call, question.ask(Permission("s3:ListBucket", bucket.arn)), refusals)


def _delete_each(
    call: IdentifiedCall, question: _Question, needed: tuple[Permission, ...], refusals: Refusals
) -> s3.RefusedKeys:
    """Take the keys out of the call that the caller may not delete, and return them."""
    if not needed:
        return []  # a list without keys, which the service refuses
    call_input = parameters(call)
    verdicts = [question.ask(permission) for permission in needed]
    denied = {
        (verdict.permission.resource, verdict.permission.version): verdict
        for verdict in verdicts
        if not verdict.decision.allowed
    }
    kept: list[dict[str, Any]] = []
    refused_keys: s3.RefusedKeys = []
    for identifier in call_input["Delete"]["Objects"]:
        arn = object_arn(question.iam_call, str(call_input.get("Bucket", "")), str(identifier.get("Key", "")))
        verdict = denied.get((arn, str(identifier.get("VersionId") or "")))
        if verdict is None:
            kept.append(identifier)
        else:
            refused_keys.append((identifier, refusals.text(question.iam_call, verdict.request, verdict.decision)))
    call_input["Delete"]["Objects"] = kept
    return refused_keys
