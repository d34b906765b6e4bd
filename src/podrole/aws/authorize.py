"""The fourth station: may this caller do what the call does?

A call needs one or more permissions, each an action on a resource (podrole.iam.actions); all of them must be allowed.
``podrole.iam`` decides, by the policies attached to the caller, the policy of the resource, and the control policies of
both their organizations. podrole.aws.access_denied writes the refusal in the words of the service.
"""

from __future__ import annotations

from collections.abc import Callable, Container, ItemsView, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from podrole.account.identities import IdentityDirectory
from podrole.account.organizations.state import Levels
from podrole.aws.access_denied import Refusals
from podrole.aws.called_place import require_called_place
from podrole.aws.caller import Caller
from podrole.aws.errors import AWSError
from podrole.aws.global_keys import organization_keys
from podrole.aws.interfaces import AuthorizedCall, Facts, Resource
from podrole.aws.policies import compile_stored, policies_of
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import operation_of, parameters, scalar_members
from podrole.aws.protocol.wire import HTTPResponse
from podrole.aws.services import s3
from podrole.aws.services.registry import rules_of
from podrole.aws.signature.sigv4 import epoch_of
from podrole.base.partitions import partition_of
from podrole.iam.actions.call import Call, Permission
from podrole.iam.actions.keys import ConditionKeys, condition_keys
from podrole.iam.actions.operations import permissions
from podrole.iam.actions.reference import prefix_of, supports_rcps
from podrole.iam.actions.s3 import object_arn
from podrole.iam.arn import is_account_id
from podrole.iam.evaluate import Decision, NamedPolicy, Outcome, PolicySet, Request, evaluate
from podrole.iam.explain import explain
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import PrincipalType
from podrole.iam.request import NO_RESOURCE
from podrole.sts.circumstances import Circumstances

# STS evaluates the role's trust policy and the caller's policies together, when it makes the session.
_DECIDED_THERE = frozenset({"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"})
_READS_OBJECT = frozenset({"GetObject", "HeadObject", "GetObjectAttributes", "GetObjectTagging", "GetObjectAcl"})


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
    if call.service.name == "sts" and call.operation in _DECIDED_THERE:
        return AuthorizedCall(call, caller.account)
    question = _Question(call, caller, directory, facts)
    needed = permissions(question.iam_call, facts)
    require_called_place(call, needed)
    finish: Callable[[HTTPResponse], HTTPResponse] | None = None
    if call.service.name == "s3" and call.operation == "DeleteObjects":
        refused_keys = _delete_each(call, question, needed, refusals)
        if refused_keys and not parameters(call)["Delete"]["Objects"]:
            return s3.nothing_deleted(call, refused_keys)
        if refused_keys:
            finish = partial(s3.with_refused_keys, refused_keys)
    else:
        for permission in needed:
            verdict = question.ask(permission)
            if not verdict.decision.allowed:
                raise refused(call, verdict, refusals)
            _explain_allowed(call, verdict)
        if call.operation in _READS_OBJECT and call.service.name == "s3":
            _hide_missing(call, question, facts, refusals)
    account = question.acting_account(needed)
    for permission in rules_of(call.service.name).also_needs(call, account, facts):
        verdict = question.ask(permission)
        if not verdict.decision.allowed:
            raise refused(call, verdict, refusals)
    if call.service.name == "ec2" and parameters(call).get("DryRun") is True:
        raise AWSError("DryRunOperation", 412, "Request would have succeeded, but DryRun flag is set.")
    authorized = AuthorizedCall(call, account, needed[0].resource if needed else "")
    return authorized if finish is None else replace(authorized, finish=finish)


def unsigned(call: IdentifiedCall) -> AuthorizedCall:
    """Return a call of an operation that AWS serves without a signature: it needs no permission."""
    return AuthorizedCall(call, "")


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


def refused(call: IdentifiedCall, verdict: Verdict, refusals: Refusals) -> AWSError:
    """Return the refusal with its evidence, which is only worked out for refusals."""
    evidence = explain(verdict.request, verdict.policies, verdict.decision)
    return refusals.access_denied(call, verdict.request, verdict.decision, evidence)


class _Question:
    """What the permissions of one call have in common: the caller's policies, and the facts."""

    def __init__(self, call: IdentifiedCall, caller: Caller, directory: IdentityDirectory, facts: Facts) -> None:
        self._call = call
        self._caller = caller
        self._facts = facts
        self.iam_call = iam_call(call, caller)
        self._attached = policies_of(caller, directory)
        account = caller.account
        self._scps = _compiled(facts.control_policies(account, "scp"), PolicyKind.SCP) if account else None
        self._owner = Resource()

    def ask(self, permission: Permission) -> Verdict:
        """Decide one permission."""
        owner = self._facts.resource(permission.resource) if permission.resource != NO_RESOURCE else Resource()
        account = owner.account if is_account_id(owner.account) else ""
        if not self._owner.account and account and permission.action.startswith(f"{self.iam_call.prefix}:"):
            self._owner = owner
        keys = LazyKeys(lambda: self._keys(permission, account))
        request = Request(
            self._caller.principal,
            permission.action,
            permission.resource,
            account,
            keys,
            permission.partial,
            keys.unknown,
        )
        policies = self._policies(permission, owner, account)
        decision = evaluate(request, policies)
        if permission.partial and permission.exists:
            denied = self._denied_within(request, policies)
            if denied is not None:
                return Verdict(permission, request, *denied)
        if decision.allowed and owner.closed and self._is_stranger(account) and self._is_public(policies):
            decision = Decision(Outcome.IMPLICITLY_DENIED, PolicyKind.RESOURCE)
        return Verdict(permission, request, policies, decision)

    def acting_account(self, needed: tuple[Permission, ...]) -> str:
        """Return the account in which the service acts: that of its first resource's owner, or the caller's."""
        return self._owner.account if self._owner.account and needed else self._caller.account

    def _denied_within(self, request: Request, policies: PolicySet) -> tuple[PolicySet, Decision] | None:
        """Return the Deny of a resource that a partial request may mean: which one it means is not known."""
        for text in self._facts.policies_within(request.resource):
            policy = NamedPolicy(text.name, compile_stored(text, PolicyKind.RESOURCE))
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

    @staticmethod
    def _is_public(policies: PolicySet) -> bool:
        return policies.resource is not None and s3.is_public(policies.resource.policy)

    def _is_stranger(self, account: str) -> bool:
        return self._caller.account != account and self._caller.principal.type is not PrincipalType.SERVICE

    def _keys(self, permission: Permission, account: str) -> ConditionKeys:
        call = self._call
        keys = {**circumstances(call).context_keys(), **self._caller.context_keys()}
        owner = account or self._caller.account
        if owner and permission.resource != NO_RESOURCE:
            keys["aws:ResourceAccount"] = owner
            if (place := self._facts.organization(owner)) is not None:
                keys.update(organization_keys("Resource", place))
        if self._caller.account and (place := self._facts.organization(self._caller.account)) is not None:
            keys.update(organization_keys("Principal", place))
        if call.service.name == "s3":
            keys.update(_s3_connection(call))
        of_permission = condition_keys(self.iam_call, permission, self._facts)
        keys.update(of_permission.values)
        return ConditionKeys(keys, of_permission.unknown)


class LazyKeys(Mapping[str, "str | list[str]"]):
    """Condition keys that are computed when a policy first reads one: most policies read none."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], ConditionKeys]) -> None:
        self._make = make
        self._made: ConditionKeys | None = None

    def made(self) -> ConditionKeys:
        """Return the keys, computed once."""
        if self._made is None:
            self._made = self._make()
        return self._made

    def _all(self) -> dict[str, str | list[str]]:
        return self.made().values

    @property
    def unknown(self) -> Container[str]:
        """The keys whose value is unknown, which are not computed before one is asked for either."""
        return _LazyUnknown(self)

    def items(self) -> ItemsView[str, str | list[str]]:
        """Return the keys with their values, without a look-up for each."""
        return self._all().items()

    def __getitem__(self, key: str) -> str | list[str]:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


class _LazyUnknown(Container[str]):
    __slots__ = ("_keys",)

    def __init__(self, keys: LazyKeys) -> None:
        self._keys = keys

    def __contains__(self, key: object) -> bool:
        return key in self._keys.made().unknown


def iam_call(call: IdentifiedCall, caller: Caller) -> Call:
    """Return the call as podrole.iam.actions takes it."""
    service = call.service
    given = parameters(call)
    operation = operation_of(call)
    method, path = "POST", "/"
    if service.signing == "apigateway":
        method = operation.http["method"]
        path = operation.http["requestUri"].partition("?")[0]
        for name, value in call.path_parameters.items():
            path = path.replace(f"{{{name}}}", value).replace(f"{{{name}+}}", value)
    principal = caller.principal
    return Call(
        service.name,
        prefix_of(service.name, service.signing),
        call.operation,
        given,
        principal.account,
        call.region,
        partition_of(call.region),
        method,
        path,
        principal.arn if principal.type is PrincipalType.USER else "",
        call.http.scheme == "https",
        scalar_members(call),
    )


def circumstances(call: IdentifiedCall) -> Circumstances:
    """Return when, from where and how the call came."""
    return Circumstances(
        now=call.received_at,
        source_ip=call.http.client,
        region=call.region,
        secure_transport=call.http.scheme == "https",
        user_agent=call.http.header.get("user-agent", ""),
        referer=call.http.header.get("referer", ""),
    )


def _s3_connection(call: IdentifiedCall) -> dict[str, str | list[str]]:
    """Return the keys that say how a request to S3 was signed
    (https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html)."""
    in_header = "authorization" in call.http.header
    in_query = any(name == "X-Amz-Signature" for name, _ in call.http.query_pairs)
    if not (in_header or in_query):
        return {}
    found: dict[str, str | list[str]] = {
        "s3:authType": "REST-HEADER" if in_header else "REST-QUERY-STRING",
        "s3:signatureversion": "AWS4-HMAC-SHA256",
    }
    written = call.http.header.get("x-amz-date")
    signed_at = epoch_of(dict(call.http.query_pairs).get("X-Amz-Date", "") if written is None else written)
    if signed_at is not None:
        found["s3:signatureAge"] = str(max(0, int((call.received_at - signed_at) * 1000)))
    if "x-amz-content-sha256" in call.http.header:
        found["s3:x-amz-content-sha256"] = call.http.header["x-amz-content-sha256"]
    return found


def _compiled(levels: Levels | None, kind: PolicyKind) -> tuple[tuple[NamedPolicy, ...], ...] | None:
    if levels is None:
        return None
    return tuple(tuple(NamedPolicy(one.name, compile_stored(one, kind)) for one in level) for level in levels)


def _hide_missing(call: IdentifiedCall, question: _Question, facts: Facts, refusals: Refusals) -> None:
    """Refuse to read a missing key if the caller may not list the bucket: S3 does not tell them that it is missing."""
    given = parameters(call)
    name = str(given.get("Bucket", ""))
    if facts.object_exists(name, str(given.get("Key", ""))):
        return
    bucket = facts.bucket(name)
    if bucket is None:
        return
    listing = question.ask(Permission("s3:ListBucket", bucket.arn))
    if not listing.decision.allowed:
        raise refused(call, listing, refusals)


def _delete_each(
    call: IdentifiedCall, question: _Question, needed: tuple[Permission, ...], refusals: Refusals
) -> s3.RefusedKeys:
    """Take the keys out of the call that the caller may not delete, and return them."""
    given = parameters(call)
    verdicts = [question.ask(permission) for permission in needed]
    denied = {verdict.request.resource: verdict for verdict in verdicts if not verdict.decision.allowed}
    deleted = given.get("Delete") or {}
    bucket = str(given.get("Bucket", ""))
    objects = list(deleted.get("Objects") or ())
    arns = [object_arn(question.iam_call, bucket, str(one.get("Key", ""))) for one in objects]
    refused_keys = [
        (one, refusals.text(question.iam_call, denied[arn].request, denied[arn].decision))
        for one, arn in zip(objects, arns, strict=True)
        if arn in denied
    ]
    deleted["Objects"] = [one for one, arn in zip(objects, arns, strict=True) if arn not in denied]
    return refused_keys
