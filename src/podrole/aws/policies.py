"""The policies that decide about a call, read from the account and compiled.

Compiled policies are cached by document (podrole.iam.document), so a request costs the reading alone. A document that
cannot be compiled was stored without the checks of IAM's operations (by CloudFormation, for example). What it denies is
unknown, so nothing is allowed while it is attached.
"""

from __future__ import annotations

from collections.abc import Iterable

from podrole.account.identities import IdentityDirectory
from podrole.aws.caller import Caller
from podrole.aws.errors import AWSError
from podrole.iam.directory import PolicyText
from podrole.iam.document import compile_policy
from podrole.iam.errors import PolicyError
from podrole.iam.evaluate import NamedPolicy, PolicySet
from podrole.iam.policy import Policy, PolicyKind
from podrole.sts.session import Session

_DENY = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}'
"""Stands for a session policy that has been deleted: what it denied is unknown by then, so it denies everything."""


def policies_of(caller: Caller, directory: IdentityDirectory) -> PolicySet:
    """Return everything attached to the caller: identity policies, boundary, session policies. Raises AWSError."""
    if caller.entity is None:
        return PolicySet()
    attached = directory.policies_of(caller.entity)
    boundary = attached.boundary
    return PolicySet(
        identity=_compiled(attached.identity, PolicyKind.IDENTITY),
        boundaries=None if boundary is None else _compiled((boundary,), PolicyKind.BOUNDARY),
        session=None if caller.session is None else _of_session(caller.session, directory),
    )


def _of_session(session: Session, directory: IdentityDirectory) -> tuple[NamedPolicy, ...] | None:
    if not session.restricted:
        return None
    texts: list[PolicyText] = []
    if session.policy is not None:
        texts.append(PolicyText("the session's inline policy", session.policy))
    texts += [directory.managed_policy(arn) or PolicyText(f"{arn} (deleted)", _DENY) for arn in session.policy_arns]
    # As identity policies: managed ones may be larger than a session policy, whose size was checked for the session.
    return _compiled(texts, PolicyKind.IDENTITY)


def _compiled(texts: Iterable[PolicyText], kind: PolicyKind) -> tuple[NamedPolicy, ...]:
    return tuple([NamedPolicy(text.name, compile_stored(text, kind)) for text in texts])


def compile_stored(text: PolicyText, kind: PolicyKind) -> Policy:
    """Compile a stored document. Raises AWSError (AccessDenied) for one that cannot be read."""
    try:
        return compile_policy(text.document, kind)
    except PolicyError as fault:
        raise AWSError(
            "AccessDenied",
            403,
            "Access Denied",
            why=f"{text.name} is not a policy that AWS accepts, so nothing is allowed: {fault.message}",
        ) from fault
