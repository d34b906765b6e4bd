"""What moto would reach outside of itself: replaced, so that a call neither waits for it nor fails with it.

- HTTP requests to subscribers are handed to ``Deliveries``, which the event loop sends.
- A message that cannot be delivered (a queue that has been deleted, a target that is not simulated) is logged once and
  does not fail the call that published it, as in AWS.
- Lambda functions and Batch jobs are not run. moto would run them with Docker, in its own thread or beside it, with
  credentials and an endpoint that are not podrole's.

moto has no switches for these, so attributes of its modules are assigned, as soon as a call has imported them.
"""

from __future__ import annotations

import functools
import json
import sys
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from podrole.aws.emulator.deliveries import Delivery

Start = Callable[[Delivery], None]
NoteFailure = Callable[[str, str, str], None]
"""Takes the service that sends, the receiver, and why the receiver gets nothing."""

_NOT_RUN = "podrole runs no Lambda functions"
_WAITING_FOR_FUNCTIONS = frozenset({"lambda", "secretsmanager"})
"""The services whose calls wait for what a function returns; the others deliver an event to it."""


class Outgoing:
    """What stands in for the outside. ``current`` is that of the world, as moto's modules are those of the process."""

    current: ClassVar[Outgoing]

    def __init__(self, start: Start, note_failure: NoteFailure) -> None:
        self._start = start
        self._note_failure = note_failure
        self._calling = threading.local()  # moto starts threads for custom resources

    def before_call(self, service: str) -> None:
        """Prepare for a call of ``service``. Runs in moto's thread before each call."""
        Outgoing.current = self
        self._calling.service = service
        _replace_what_is_new()

    def request(self, sender: str, method: str, url: str, **options: Any) -> None:
        """Stand in for ``requests.request``: have the request sent, and return nothing."""
        unknown = options.keys() - {"data", "headers", "json"}
        if unknown:
            raise NotImplementedError(f"a delivery with {', '.join(sorted(unknown))}")
        body = json.dumps(options["json"]) if "json" in options else options.get("data") or b""
        data = body if isinstance(body, bytes) else str(body).encode()
        self._start(Delivery(sender, method.upper(), url, options.get("headers") or {}, data))

    def attempt(
        self, sender: str, receiver: str, deliver: Callable[[], Any], refusal: type[Exception] | None = None
    ) -> Any:
        """Return what a delivery inside moto returns, None if it fails. A ``refusal`` is the answer to the call."""
        try:
            return deliver()
        except Exception as problem:  # whatever it is, the call that published has succeeded
            if refusal is not None and isinstance(problem, refusal):
                raise
            reason = str(problem) if isinstance(problem, NotImplementedError) else ""
            self._note_failure(sender, receiver, reason or type(problem).__name__)
            return None

    def run_function(self, function: Any) -> tuple[str, bool, str]:
        """Stand in for the run of a Lambda function: return its result, whether it failed, its log."""
        if getattr(self._calling, "service", None) in _WAITING_FOR_FUNCTIONS:
            raise NotImplementedError(_NOT_RUN)
        self._note_failure("A service", str(function.function_arn), _NOT_RUN)
        return "", True, ""

    def run_job(self, job: Any) -> None:
        """Stand in for the run of a Batch job: it fails at once."""
        self._note_failure("Batch", str(job.job_definition.arn), "podrole runs no jobs")
        job._mark_stopped(success=False)


class _Requests:
    """Stands in for the module ``requests`` in a module of moto that ignores the responses."""

    def __init__(self, sender: str) -> None:
        self._sender = sender

    def request(self, method: str, url: str, **options: Any) -> None:
        Outgoing.current.request(self._sender, method, url, **options)

    def post(self, url: str, **options: Any) -> None:
        Outgoing.current.request(self._sender, "POST", url, **options)


def _replace_in_sns(sns: Any) -> None:
    sns.requests = _Requests("SNS")
    publish = sns.Subscription.publish

    @functools.wraps(publish)
    def publish_or_log(self: Any, *values: Any, **options: Any) -> None:
        deliver = functools.partial(publish, self, *values, **options)
        receiver = f"a subscriber of {self.topic.arn} ({self.protocol})"
        Outgoing.current.attempt("SNS", receiver, deliver, sns.InvalidParameterValue)

    sns.Subscription.publish = publish_or_log


def _replace_in_firehose(firehose: Any) -> None:
    firehose.requests = _Requests("Firehose")


def _replace_in_events(events: Any) -> None:
    events.requests = _Requests("EventBridge")
    send = events.Rule.send_to_targets

    @functools.wraps(send)
    def send_to_each(self: Any, *values: Any, **options: Any) -> None:
        targets = self.targets
        try:
            for target in list(targets):
                self.targets = [target]
                receiver = str(target.get("Arn"))
                Outgoing.current.attempt("EventBridge", receiver, lambda: send(self, *values, **options))
        finally:
            self.targets = targets

    events.Rule.send_to_targets = send_to_each


def _replace_in_logs(logs: Any) -> None:
    send = logs.LogStream._send_log_events

    @functools.wraps(send)
    def send_or_log(self: Any, service: str, destination_arn: str, **options: Any) -> None:
        deliver = functools.partial(send, self, service, destination_arn, **options)
        Outgoing.current.attempt("CloudWatch Logs", destination_arn, deliver)

    logs.LogStream._send_log_events = send_or_log


def _replace_in_lambda(functions: Any) -> None:
    @functools.wraps(functions.LambdaFunction._invoke_lambda)
    def run(self: Any, event: str | None = None) -> tuple[str, bool, str]:  # noqa: ARG001 - nothing reads the event
        return Outgoing.current.run_function(self)

    functions.LambdaFunction._invoke_lambda = run
    backend = functions.LambdaBackend
    for name in ("send_dynamodb_items", "send_kinesis_message", "send_log_event", "send_sns_message", "send_sqs_batch"):
        setattr(backend, name, _attempted(getattr(backend, name)))


def _attempted(send: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(send)
    def send_or_log(self: Any, function: str, *values: Any, **options: Any) -> Any:
        deliver = functools.partial(send, self, function, *values, **options)
        return Outgoing.current.attempt("A service", function, deliver)

    return send_or_log


def _replace_in_batch(batch: Any) -> None:
    def start(self: Any) -> None:
        Outgoing.current.run_job(self)

    batch.Job.start = start


REPLACEMENTS: dict[str, Callable[[Any], None]] = {
    "moto.awslambda.models": _replace_in_lambda,
    "moto.batch.models": _replace_in_batch,
    "moto.events.models": _replace_in_events,
    "moto.firehose.models": _replace_in_firehose,
    "moto.logs.models": _replace_in_logs,
    "moto.sns.models": _replace_in_sns,
}
"""By module of moto. A delivery needs a resource that an earlier call created, and that call imported the module."""

_waiting = dict(REPLACEMENTS)
_modules_seen = 0


def _replace_what_is_new() -> None:
    """Replace what calls have imported since the last time."""
    global _modules_seen  # noqa: PLW0603 - a process has one moto
    if len(sys.modules) == _modules_seen:
        return
    _modules_seen = len(sys.modules)
    for name in [name for name in _waiting if name in sys.modules]:
        _waiting.pop(name)(sys.modules[name])
