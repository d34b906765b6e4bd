"""Messages that a service sends to a queue or a topic for a resource: the policy of the queue or topic must allow it.

SNS, EventBridge and S3 have no identity policies; only a resource policy can allow them. A message that it does not
allow is dropped, as in AWS, and logged once for each receiver. The call that led to it succeeds.

https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from podrole.aws.interfaces import Facts
from podrole.aws.service_requests import Sender, is_allowed


class ServiceAccess:
    """Decides what a service may send. ``current`` is that of the world, as moto's modules are those of the process."""

    current: ClassVar[ServiceAccess]

    def __init__(self, facts: Facts, note_failure: Callable[[str, str, str], None]) -> None:
        self._facts = facts
        self._note_failure = note_failure
        self._senders: list[Sender] = []
        self._called = ""

    def before_call(self, service: str) -> None:
        """Prepare for a call of a service."""
        ServiceAccess.current = self
        self._called = service
        self._senders.clear()
        _replace_what_is_new()

    @contextlib.contextmanager
    def sending(self, sender: Sender) -> Iterator[None]:
        """Let a service send messages while the context lasts."""
        self._senders.append(sender)
        try:
            yield
        finally:
            self._senders.pop()

    def may_send(self, receiver: str, action: str) -> bool:
        """Return whether the message that is being sent may reach its receiver. The authorized call itself may."""
        if not self._senders:
            if self._called == action.partition(":")[0]:
                return True
            self._note_failure(self._called, receiver, "with whose rights it is sent is not simulated")
            return False
        sender = self._senders[-1]
        if not self._facts.resource(receiver).exists:
            return True  # the service finds that out itself
        if is_allowed(self._facts, sender, action, receiver):
            return True
        why = f"its policies do not allow {sender.principal} to perform {action}"
        self._note_failure(sender.principal.partition(".")[0], receiver, why)
        return False


def _replace_in_sqs(sqs: Any) -> None:
    send = sqs.SQSBackend.send_message

    @functools.wraps(send)
    def send_if_allowed(self: Any, queue_name: str, *values: Any, **options: Any) -> Any:
        arn = f"arn:{self.partition}:sqs:{self.region_name}:{self.account_id}:{queue_name}"
        if ServiceAccess.current.may_send(arn, "sqs:SendMessage"):
            return send(self, queue_name, *values, **options)
        return None

    sqs.SQSBackend.send_message = send_if_allowed


def _replace_in_sns(sns: Any) -> None:
    publish, publish_to_topic = sns.Subscription.publish, sns.SNSBackend.publish

    @functools.wraps(publish)
    def publish_as_sns(self: Any, *values: Any, **options: Any) -> Any:
        with ServiceAccess.current.sending(Sender("sns.amazonaws.com", self.topic.arn, self.topic.account_id)):
            return publish(self, *values, **options)

    @functools.wraps(publish_to_topic)
    def publish_if_allowed(self: Any, message: str, arn: str | None = None, *values: Any, **options: Any) -> Any:
        if not arn or ServiceAccess.current.may_send(str(arn), "sns:Publish"):
            return publish_to_topic(self, message, arn, *values, **options)
        return None

    sns.Subscription.publish = publish_as_sns
    sns.SNSBackend.publish = publish_if_allowed


def _replace_in_events(events: Any) -> None:
    send = events.Rule.send_to_targets

    @functools.wraps(send)
    def send_as_events(self: Any, *values: Any, **options: Any) -> Any:
        with ServiceAccess.current.sending(Sender("events.amazonaws.com", self.arn, self.account_id)):
            return send(self, *values, **options)

    events.Rule.send_to_targets = send_as_events


def _replace_in_s3(notifications: Any) -> None:
    send_event, send_test_event = notifications.send_event, notifications.send_test_event

    @functools.wraps(send_event)
    def send_event_as_s3(account_id: str, event_name: Any, bucket: Any, key: Any) -> Any:
        with ServiceAccess.current.sending(Sender("s3.amazonaws.com", bucket.arn, account_id)):
            return send_event(account_id, event_name, bucket, key)

    @functools.wraps(send_test_event)
    def send_test_event_as_s3(account_id: str, bucket: Any) -> Any:
        with ServiceAccess.current.sending(Sender("s3.amazonaws.com", bucket.arn, account_id)):
            return send_test_event(account_id, bucket)

    notifications.send_event = send_event_as_s3
    notifications.send_test_event = send_test_event_as_s3


REPLACEMENTS: Mapping[str, Callable[[Any], None]] = {
    "moto.events.models": _replace_in_events,
    "moto.s3.notifications": _replace_in_s3,
    "moto.sns.models": _replace_in_sns,
    "moto.sqs.models": _replace_in_sqs,
}
"""By module of moto. A message needs a resource that an earlier call created, and that call imported the module."""

_waiting = dict(REPLACEMENTS)


def _replace_what_is_new() -> None:
    for name in [name for name in _waiting if name in sys.modules]:
        _waiting.pop(name)(sys.modules[name])
