"""A session of botocore's with an AWS account: credentials, clients, and calls whose errors are told in one way.

One session serves several threads.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from podrole.base.extras import ExtraMissing
from podrole.base.partitions import endpoint_domain
from podrole.doctor.errors import SourceError

_NOT_THERE = frozenset(
    {
        "404",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchDistribution",
        "NoSuchEntity",
        "NoSuchOriginAccessControl",
        "NoSuchPublicAccessBlockConfiguration",
        "NoSuchTagSet",
        "OwnershipControlsNotFoundError",
        "ResourceNotFoundException",
    }
)


@dataclass(frozen=True, slots=True)
class Access:
    """How the account is reached. boto3 finds the values that are None."""

    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    key_id: str | None = None
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


class AWSRefusal(SourceError):
    """AWS refused a call. ``aws_code`` and ``message`` are AWS's, ``action`` is the call (``iam:GetRole``)."""

    def __init__(self, action: str, code: str, message: str, *, next_step: str | None = None) -> None:
        super().__init__(f"AWS denied {action}: {code}: {message}", next_step=next_step)
        self.action = action
        self.aws_code = code
        self.message = message

    @property
    def not_there(self) -> bool:
        """Whether the reason is that the object does not exist."""
        return self.aws_code in _NOT_THERE


class AWSSession:
    """Calls an account. ``user_agent`` is appended to botocore's own; ``if_denied`` is what to do if a permission is
    missing."""

    def __init__(self, access: Access, user_agent: str, *, if_denied: str | None = None) -> None:
        """Find credentials and their account. Raises SourceError if there are none, or AWS rejects them."""
        import botocore.session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, MissingDependencyException
        from botocore.handlers import json_decode_policies

        self._access = access
        self._if_denied = if_denied
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        try:
            self._session = botocore.session.Session(profile=access.profile)
            self._session.register_component("data_loader", models_loader())
            self._session.unregister("after-call.iam", json_decode_policies)  # policies stay as they are stored
            if access.key_id is not None:
                self._session.set_credentials(access.key_id, access.secret, access.token)
            if self._session.get_credentials() is None:
                raise _no_credentials()
            self.region = access.region or self._session.get_config_variable("region") or "us-east-1"
            self._config = Config(
                retries={"mode": "standard", "max_attempts": 3},
                connect_timeout=5,
                read_timeout=20,
                user_agent_extra=user_agent,
            )
        except MissingDependencyException as problem:
            raise _missing_crt() from problem
        except BotoCoreError as problem:
            raise SourceError(f"The AWS credentials cannot be used: {problem}") from problem
        caller = self.call("sts", "get_caller_identity")
        self.account = str(caller["Account"])
        self.partition = str(caller["Arn"]).split(":")[1]

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation, named as botocore's methods are. Raises AWSRefusal, or SourceError without an answer."""
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            CredentialRetrievalError,
            MissingDependencyException,
            NoCredentialsError,
            SSOError,
            TokenRetrievalError,
        )

        try:
            answer: dict[str, Any] = getattr(self.client(service), operation)(**parameters)
        except ClientError as refused:
            error = refused.response.get("Error", {})
            action = self.action(service, operation)
            code, message = str(error.get("Code", "")), str(error.get("Message", ""))
            step = self._if_denied if "AccessDenied" in code else None
            raise AWSRefusal(action, code, message, next_step=step) from refused
        except MissingDependencyException as problem:
            raise _missing_crt() from problem
        except (CredentialRetrievalError, NoCredentialsError, SSOError, TokenRetrievalError) as problem:
            raise SourceError(f"The AWS credentials cannot be used: {problem}") from problem
        except (BotoCoreError, ValueError) as problem:  # ValueError: an endpoint's URL that is not one
            raise SourceError(f"AWS did not answer {service}:{operation}: {problem}") from problem
        return answer

    def action(self, service: str, operation: str) -> str:
        """Return an operation as policies name it: ``iam:GetOpenIDConnectProvider``."""
        return f"{service}:{self.client(service).meta.method_to_api_mapping[operation]}"

    def pages_of_iam(self, operation: str, member: str, **parameters: Any) -> Iterator[Any]:
        """Yield all pages of a list of IAM."""
        marker: dict[str, Any] = {}
        while True:
            answer = self.call("iam", operation, **parameters, **marker, MaxItems=1_000)
            yield from answer.get(member, ())
            if not answer.get("IsTruncated"):
                return
            marker = {"Marker": answer["Marker"]}

    def pages_of_eks(self, operation: str, member: str, **parameters: Any) -> Iterator[Any]:
        """Yield all pages of a list of EKS."""
        token: dict[str, Any] = {}
        while True:
            answer = self.call("eks", operation, **parameters, **token)
            yield from answer.get(member, ())
            if not answer.get("nextToken"):
                return
            token = {"nextToken": answer["nextToken"]}

    def client(self, service: str) -> Any:
        """Return a client of botocore's."""
        with self._lock:  # a session cannot make clients in several threads
            if service not in self._clients:
                client = self._session.create_client(
                    service, region_name=self.region, endpoint_url=self._access.endpoint_url, config=self._config
                )
                host = urlsplit(client.meta.endpoint_url).hostname or ""
                if service == "s3control" and endpoint_domain(host) is None:
                    client.meta.events.register_first("request-created.s3-control", _without_account_in_host)
                self._clients[service] = client
            return self._clients[service]


def _without_account_in_host(request: Any, **_: Any) -> None:
    """Send a request to the endpoint that was named: botocore puts the account before its host, also before an address.
    The header ``x-amz-account-id`` has the account too."""
    scheme, _, rest = request.url.partition("://")
    request.url = f"{scheme}://{rest.removeprefix(request.headers['x-amz-account-id'] + '.')}"


def policy_text(answered: str) -> str:
    """Return a policy document of IAM's answer as it is stored, byte for byte."""
    return unquote(answered)


@functools.cache
def models_loader() -> Any:
    """Return the loader of botocore's models: one for the process, so that each model is read once."""
    from botocore.loaders import Loader

    return Loader()


def _missing_crt() -> ExtraMissing:
    return ExtraMissing("The AWS profile needs botocore's CRT (aws login), which is not installed.", "crt")


def _no_credentials() -> SourceError:
    return SourceError(
        "There are no AWS credentials here.",
        next_step="aws configure, AWS_PROFILE, or --profile",
    )
