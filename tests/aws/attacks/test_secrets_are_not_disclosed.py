"""Whatever is sent, no token, key or signature shows up in the event log, or in any log of the server's process."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from podrole.account.opening import Account
from podrole.aws.emulator import MotoServices
from podrole.base.events import EventLog
from podrole.sts.credentials import Credentials
from support.aws import ADMIN_SECRET, LocalAWS, allow, refused, trust_of
from support.forgery import altered, part
from support.pods import associate, pod_token
from support.signing import SERVICES, caller_identity, sign


class Kept(logging.Handler):
    """Keeps what the threads of the server log, tracebacks included; the tests' own clients log in this thread."""

    def __init__(self) -> None:
        super().__init__(level=0)
        self.lines: list[str] = []
        self._own = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread != self._own:
            self.lines.append(f"{self.format(record)} {record.__dict__}")


@contextlib.contextmanager
def everything_logged() -> Iterator[Kept]:
    """Log at every level, whatever the loggers are set to."""
    root, kept = logging.getLogger(), Kept()
    names = ["", *logging.Logger.manager.loggerDict]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(1)
    root.addHandler(kept)
    try:
        yield kept
    finally:
        root.removeHandler(kept)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def told(aws: LocalAWS, kept: Kept) -> str:
    return "\n".join([*kept.lines, *(repr(event) for event in aws.events.recent())])


def secrets_of(token: str) -> list[str]:
    """A token whole, and each half of its signature; its claims are not secret."""
    signature = token.rpartition(".")[2]
    return [token, signature[:40], signature[-40:]] if len(signature) >= 80 else [token]


Sent = list[str]


def _exchange(aws: LocalAWS) -> Sent:
    aws.set_up_role()
    token = aws.token()
    found = aws.credentials(token)
    aws.client("sts", found).get_caller_identity()
    return [*secrets_of(token), found["SecretAccessKey"], found["SessionToken"]]


def _refused_tokens(aws: LocalAWS) -> Sent:
    aws.set_up_role()
    good = aws.token()
    tokens = [
        aws.token(sub="somebody:else"),
        aws.token(exp=1),
        aws.token(aud="other"),
        aws.token(iss="https://elsewhere.example.com"),
        altered(good, 1, lambda _: part({"iss": "x"})),
        altered(good, 2, lambda text: text[::-1]),
        good + "A",
        good.replace(".", "!"),
    ]
    for token in tokens:
        assert aws.exchange(token).status_code in (400, 403)
    return [secret for token in tokens for secret in secrets_of(token)]


def _a_token_in_another_place(aws: LocalAWS) -> Sent:
    token = aws.token()
    aws.exchange(token, Unknown=token)
    aws.post(f"Action=GetCallerIdentity&Version=2011-06-15&WebIdentityToken={token}")
    aws.post(f"Action={token}&Version=2011-06-15")
    aws.post(b"x", authorization=f"Bearer {token}")
    aws.post(b"x", authorization=f"AWS4-HMAC-SHA256 Credential={token}")
    aws.http.get(f"{aws.url}/?WebIdentityToken={token}")
    return secrets_of(token)


def _refused_signatures(aws: LocalAWS) -> Sent:
    secrets = [ADMIN_SECRET]
    for protocol, request in SERVICES.items():
        wrong = request(aws, credentials={"AccessKeyId": "AKIAQ2YKXS5XEXAMPLE7", "SecretAccessKey": "not/the/secret"})
        assert wrong.send(aws).status_code in (400, 401, 403), protocol
        secrets.extend(re.findall("Signature=([0-9a-f]{64})", wrong.headers["Authorization"]))
        late = request(aws, offset=-3_600)
        assert late.send(aws).status_code in (400, 401, 403), protocol
        secrets.extend(re.findall("Signature=([0-9a-f]{64})", late.headers["Authorization"]))
    return secrets


def _sessions(aws: LocalAWS) -> Sent:
    role = aws.role("powerful", trust_of("arn:aws:iam::111122223333:user/admin"), allow("*"))
    found = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="self")["Credentials"]
    spoilt = {**found, "SessionToken": found["SessionToken"][:-8] + "AAAAAAAA"}
    for protocol, request in SERVICES.items():
        assert request(aws, credentials=spoilt).send(aws).status_code in (400, 401, 403), protocol
    aws.offset = 3_601
    for protocol, request in SERVICES.items():
        assert request(aws, credentials=found).send(aws).status_code in (400, 401, 403), protocol
    token = found["SessionToken"]
    return [found["SecretAccessKey"], token, token[40:100], spoilt["SessionToken"]]


def _presigned(aws: LocalAWS) -> Sent:
    good = sign(aws, "s3", method="GET", path="/", signer="S3SigV4QueryAuth", expires=60)
    assert good.send(aws).status_code == 200
    spoilt = good.replaced("X-Amz-Expires=60", "X-Amz-Expires=61")
    assert spoilt.send(aws).status_code == 403
    return re.findall("X-Amz-Signature=([0-9a-f]{64})", good.url)


def _access_keys(aws: LocalAWS) -> Sent:
    key = aws.user("blue", allow("s3:*"))
    assert aws.client("s3", key).list_buckets()["Buckets"] == []
    aws.client("iam").update_access_key(UserName="blue", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert refused(aws.client("s3", key).list_buckets)[1] == 403
    return [key["SecretAccessKey"]]


def _pods(aws: LocalAWS) -> Sent:
    associate(aws)
    good, other = pod_token(aws), pod_token(aws, aud=["other"])
    answer = httpx2.get(aws.agent_url + "/v1/credentials", headers={"authorization": good})
    assert answer.status_code == 200
    assert httpx2.get(aws.agent_url + "/v1/credentials", headers={"authorization": other}).status_code == 400
    assert httpx2.get(aws.agent_url + "/v1/credentials", headers={"authorization": good + "!"}).status_code == 400
    found = answer.json()
    return [*secrets_of(good), *secrets_of(other), found["SecretAccessKey"], found["Token"], found["Token"][40:100]]


def _what_is_no_http(aws: LocalAWS) -> Sent:
    import socket

    token = aws.token()
    for head in (
        f"{token} / HTTP/1.1\r\n\r\n",
        f"GET / HTTP/1.1\r\n{token}\r\n\r\n",
        f"GET /{token}\x00 HTTP/9\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", aws.port), timeout=10) as connection:
            connection.sendall(head.encode())
            connection.recv(1_000)
    return secrets_of(token)


DOINGS: dict[str, Callable[[LocalAWS], Sent]] = {
    "an exchange that holds": _exchange,
    "exchanges that are refused": _refused_tokens,
    "a token in another place": _a_token_in_another_place,
    "signatures that are refused": _refused_signatures,
    "sessions that are spoilt and over": _sessions,
    "a presigned URL": _presigned,
    "the life of an access key": _access_keys,
    "pods that ask the agent": _pods,
    "what is no HTTP": _what_is_no_http,
}


@pytest.mark.parametrize(
    "do",
    [
        pytest.param(do, id=name, marks=[pytest.mark.services] if do is _presigned else [])
        for name, do in DOINGS.items()
    ],
)
def test_no_secret_is_disclosed(aws: LocalAWS, do: Callable[[LocalAWS], Sent]) -> None:
    with everything_logged() as kept:
        secrets = do(aws)
        text = told(aws, kept)
    assert secrets
    assert [secret for secret in secrets if secret in text] == []


def test_a_fault_of_podrole_is_logged_without_its_message(aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    token = aws.token()

    async def fail(*_: object) -> None:
        raise ValueError(token)

    monkeypatch.setattr(MotoServices, "serve", fail)
    with everything_logged() as kept:
        answer = caller_identity(aws)
        assert answer.send(aws).status_code == 200
        assert refused(aws.client("ec2").describe_instances)[:2] == ("InternalFailure", 500)
        text = told(aws, kept)
    (line,) = [line for line in kept.lines if "a call to ec2:DescribeInstances failed: ValueError at " in line]
    assert "in fail" in line
    assert [secret for secret in secrets_of(token) if secret in text] == []


def test_no_secret_is_in_the_log_file(aws: LocalAWS, tmp_path: Path) -> None:
    aws.set_up_role()
    token = aws.token()
    found = aws.credentials(token)
    aws.exchange(aws.token(sub="somebody:else"))
    log = EventLog(tmp_path / "events.jsonl")
    for event in aws.events.recent():
        log.record(event)
    log.close()
    written = (tmp_path / "events.jsonl").read_text()
    assert all(json.loads(line) for line in written.splitlines())
    secrets = [*secrets_of(token), found["SecretAccessKey"], found["SessionToken"]]
    assert [secret for secret in secrets if secret in written] == []


def test_no_secret_is_in_the_repr_of_an_object(aws: LocalAWS) -> None:
    aws.set_up_role()
    account = Account("111122223333", "us-east-1", "AKIAQ2YKXS5XEXAMPLE7", ADMIN_SECRET)
    credentials = Credentials("ASIAEXAMPLE", "the secret", "the token", 0)
    text = f"{account!r} {credentials!r} {aws.vault!r}"
    assert ADMIN_SECRET not in text
    assert "the secret" not in text
    assert "the token" not in text
