"""What a service's file can say about it. ``podrole.aws.services.registry`` collects the files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from podrole.aws.errors import AWSError
from podrole.aws.interfaces import Facts
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.wire import HTTPResponse
from podrole.iam.actions.call import Call, Permission
from podrole.iam.directory import Directory
from podrole.iam.errors import MalformedPolicyDocument, PolicyError
from podrole.iam.evaluate import Request
from podrole.iam.policy import Policy


class Storing(NamedTuple):
    """A call that stores a policy document: its input, the account in which it acts, and the state of that account."""

    call: IdentifiedCall
    given: Mapping[str, Any]
    account: str
    facts: Facts


class Resolving(NamedTuple):
    """A call whose identifiers are to be resolved: its input, which is rewritten, and the state of the account.

    ``asked`` is the same call with the same input, as podrole.iam.actions takes it.
    """

    call: IdentifiedCall
    asked: Call
    given: dict[str, Any]
    facts: Facts


class Authorizing(NamedTuple):
    """A call that is authorized: the account in which it acts, the state of that account, and the permissions that its
    operation needs."""

    call: IdentifiedCall
    account: str
    facts: Facts
    needed: Sequence[Permission]


class Delivering(NamedTuple):
    """An authorized call that may make the service deliver somewhere: the account in which it acts, the state of the
    account, and its roles."""

    call: IdentifiedCall
    account: str
    facts: Facts
    directory: Directory


class Document(NamedTuple):
    """A document that a call stores.

    ``resource`` is the ARN of what the document is attached to, or finds it in the service's answer; None if it is the
    resource that the call was authorized on. The principals of the document are bound to unique ids.
    """

    text: str
    resource: str | Callable[[HTTPResponse], str] | None = None


Find = Callable[[Storing], Document | None]


def parameter(*path: str) -> Find:
    """Return what finds the document in a parameter of the call. An empty text removes a policy, and is no document."""

    def find(storing: Storing) -> Document | None:
        value: Any = storing.given
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return Document(value) if isinstance(value, str) and value else None

    return find


class NoSuchPrincipal(PolicyError):
    """A document names a role or user that does not exist, of an account that does."""

    def __init__(self, arn: str) -> None:
        super().__init__(f'Invalid principal in policy: "AWS":"{arn}"', aws_code="MalformedPolicyDocument")
        self.arn = arn


def error(code: str, text: str, fault: PolicyError, status: int = 400) -> AWSError:
    """Return the refusal of a document in a service's words, with all faults for the event log."""
    faults = (
        [document_fault.to_dict() for document_fault in fault.faults]
        if isinstance(fault, MalformedPolicyDocument)
        else []
    )
    why = f"The document names {fault.arn}, which does not exist." if isinstance(fault, NoSuchPrincipal) else str(fault)
    why = why.partition("\n")[0]
    return AWSError(code, status, text, why=why, explanation={"faults": faults} if faults else None)


def _malformed(fault: PolicyError) -> AWSError:
    return error("MalformedPolicyDocumentException", fault.message, fault)


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """What is special about one service.

    ``name`` is botocore's name of the service.

    ``documents`` finds, by operation, the policy documents that a call stores; ``check`` are the service's own rules
    for them, and ``fault`` turns a fault into the service's error. ``not_judged`` are the operations with a resource
    policy that takes no part in decisions, with the parameters that hold it (none: the operation has no other purpose).
    Such a call is refused, so that no policy is silently ignored.

    ``resolve`` rewrites the identifiers in the call's input as the resources that they mean, and refuses those that
    contradict each other (podrole.aws.resolve).

    ``before`` refuses a call before it is authorized. ``also_needs`` yields the permissions that a call needs beside
    those of its operation. ``require_destinations`` refuses an authorized call whose destination does not let the
    service, or the role that it is given, deliver to it. ``answer`` rewrites the service's answer for the client.
    ``denied`` are code and status of a refusal by policy, where the protocol does not determine them, ``key_denied``
    those of a refusal to use a KMS key, where the service has its own, and ``spell`` rewrites AWS's sentence as the
    service spells it.
    """

    name: str
    documents: Mapping[str, Find] = field(default_factory=dict)
    check: Callable[[Storing, Policy], None] = lambda *_: None
    fault: Callable[[PolicyError], AWSError] = _malformed
    not_judged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    resolve: Callable[[Resolving], None] | None = None
    before: Callable[[IdentifiedCall, Facts], None] = lambda *_: None
    require_destinations: Callable[[Delivering], None] = lambda _: None
    also_needs: Callable[[Authorizing], Iterable[Permission]] = lambda _: ()
    answer: Callable[[IdentifiedCall, HTTPResponse], HTTPResponse] = lambda _, answer: answer
    denied: tuple[str, int] | None = None
    key_denied: tuple[str, int] | None = None
    spell: Callable[[str, Request], str] = lambda sentence, _: sentence


def unjudged(call: IdentifiedCall, what: str = "a resource policy") -> AWSError:
    """Return the refusal of a call that stores a policy which podrole would ignore."""
    return AWSError(
        "NotImplemented",
        501,
        f"podrole's local AWS does not simulate {call.action} with {what}: it would not take part in decisions.",
    )
