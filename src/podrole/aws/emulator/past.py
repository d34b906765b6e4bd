"""What moto keeps of the past, cut to its newest part, so that a world's memory does not grow with its traffic.

moto also makes what nothing uses: a pair of RSA keys for each symmetric key.

moto remembers what it sent, received and deleted, for tests that look at it, and every object that it ever made. What a
service's API shows stays: objects, messages that wait, log events, executions. moto has no switches for this, so
attributes of its modules are assigned, as soon as a call has imported them. Snapshots are then smaller too.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable
from typing import Any

MOST = 100
"""How much is left of what no API shows."""
MOST_SHOWN = 1_000
"""How much is left of what an API shows and AWS forgets after a time: an alarm's history, deleted stacks."""
MOST_HANDLES = 5_000
"""Receipt handles of deleted messages of a queue: deleting a message once more succeeds, as in AWS, while its handle is
known. Of each queue at least so many are known, and at most twice as many."""

Trim = Callable[[Any], None]


def before_call() -> None:
    """Prepare for a call. Runs in moto's thread before each call."""
    for name in [name for name in _waiting if name in sys.modules]:
        _waiting.pop(name)(sys.modules[name])


@functools.cache
def forget_instances() -> None:
    """Have moto not keep a list of every object that it ever made. To be called before it makes one."""
    from moto.core.common_models import BaseModel

    def make(cls: type[Any], *_: Any, **__: Any) -> Any:
        return object.__new__(cls)

    BaseModel.__new__ = staticmethod(make)  # type: ignore[method-assign]  # see above


def _after(kind: Any, method: str, trim: Trim) -> None:
    """Have ``trim`` called with the object after each call of one of its methods."""
    original = getattr(kind, method)

    @functools.wraps(original)
    def call(self: Any, *values: Any, **options: Any) -> Any:
        try:
            return original(self, *values, **options)
        finally:
            trim(self)

    setattr(kind, method, call)


def _newest(attribute: str, most: int = MOST) -> Trim:
    """Return a function that leaves the newest members of a list or dict."""

    def trim(holder: Any) -> None:
        kept = getattr(holder, attribute)
        if isinstance(kept, list):
            del kept[:-most]
        else:
            for key in list(kept)[:-most]:
                del kept[key]

    return trim


def _cut_sns(sns: Any) -> None:
    _after(sns.Topic, "publish", _newest("sent_notifications"))
    _after(sns.PlatformEndpoint, "publish", _newest("messages"))
    _after(sns.SNSBackend, "publish", _newest("sms_messages"))


def _cut_ses(ses: Any) -> None:
    for method in ("send_email", "send_templated_email", "send_bulk_templated_email", "send_raw_email"):
        _after(ses.SESBackend, method, _newest("sent_messages"))


def _cut_sqs(sqs: Any) -> None:
    older: weakref.WeakKeyDictionary[Any, set[str]] = weakref.WeakKeyDictionary()
    delete = sqs.Queue.delete_message

    @functools.wraps(delete)
    def delete_message(self: Any, receipt_handle: str) -> None:
        if receipt_handle in older.get(self, ()):
            return
        delete(self, receipt_handle)
        if len(self.deleted_messages) >= MOST_HANDLES:
            older[self] = self.deleted_messages
            self.deleted_messages = set()

    sqs.Queue.delete_message = delete_message


def _cut_iot_data(iot_data: Any) -> None:
    _after(iot_data.IoTDataPlaneBackend, "publish", _newest("published_payloads"))


def _cut_cloudwatch(cloudwatch: Any) -> None:
    _after(cloudwatch.Alarm, "update_state", _newest("history", MOST_SHOWN))


def _cut_cloudformation(cloudformation: Any) -> None:
    _after(cloudformation.CloudFormationBackend, "delete_stack", _newest("deleted_stacks", MOST_SHOWN))
    _after(cloudformation.Stack, "_add_stack_event", _newest("events", MOST_SHOWN))


def _cut_ec2(instances: Any) -> None:
    # An instance would free its addresses when it is collected: in any thread, perhaps in another state of EC2.
    del instances.Instance.__del__


def _cut_kms(kms: Any) -> None:
    """Give a symmetric key no pair of RSA keys: moto takes 35 ms for it, and only GetPublicKey reads it."""
    make, get = kms.generate_private_key, kms.KmsBackend.get_public_key

    def is_symmetric(key_spec: str) -> bool:
        return key_spec.startswith(("SYMMETRIC", "HMAC"))

    def generate_private_key(key_spec: str) -> Any:
        return None if is_symmetric(key_spec) else make(key_spec)

    @functools.wraps(get)
    def get_public_key(self: Any, key_id: str) -> Any:
        key = self.describe_key(key_id)
        if is_symmetric(key.key_spec):
            message = f"{key.arn} key spec is {key.key_spec} which is not valid for GetPublicKey."
            raise kms.JsonRESTError("UnsupportedOperationException", message)
        return get(self, key_id)

    kms.generate_private_key = generate_private_key
    kms.KmsBackend.get_public_key = get_public_key


def _cut_s3(s3: Any) -> None:
    def close(key: Any) -> None:
        buffer = vars(key).get("_value_buffer")
        if buffer is not None:
            buffer.close()

    @functools.wraps(s3.TaggingService.tag_resource)
    def tag_resource(self: Any, arn: str, tags: Any) -> None:
        if tags or ":s3:::" not in arn:  # moto's own one keeps the ARN of every object, also of those without tags
            tag(self, arn, tags)

    tag = s3.TaggingService.tag_resource
    s3.TaggingService.tag_resource = tag_resource
    # moto's own one warns, and closes the parts of an upload, which another key may use: they close themselves.
    s3.FakeKey.__del__ = close


CUTS: dict[str, Callable[[Any], None]] = {
    "moto.cloudformation.models": _cut_cloudformation,
    "moto.cloudwatch.models": _cut_cloudwatch,
    "moto.ec2.models.instances": _cut_ec2,
    "moto.iotdata.models": _cut_iot_data,
    "moto.kms.models": _cut_kms,
    "moto.s3.models": _cut_s3,
    "moto.ses.models": _cut_ses,
    "moto.sns.models": _cut_sns,
    "moto.sqs.models": _cut_sqs,
}
"""By module of moto."""

_waiting = dict(CUTS)
