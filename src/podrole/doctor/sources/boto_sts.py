"""The real STS, with botocore: one exchange, and one call with the credentials that it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from podrole.base.clock import http_date
from podrole.base.user_agents import DOCTOR
from podrole.doctor.errors import SourceError
from podrole.doctor.sources.aws_session import Access, models_loader
from podrole.doctor.sources.sources import ExchangeAnswer

_SESSION_SECONDS = 900  # the shortest that STS gives


class BotoSTS:
    """See ``podrole.doctor.sources.sources.Exchange``."""

    def __init__(self, access: Access, region: str) -> None:
        self._access = access
        self._region = access.region or region

    def assume(self, role_arn: str, token: str, session_name: str) -> ExchangeAnswer:
        """See Exchange."""
        from botocore import UNSIGNED
        from botocore.config import Config

        with self._client(config=Config(signature_version=UNSIGNED, user_agent_extra=DOCTOR)) as client:
            answer = client.assume_role_with_web_identity(
                RoleArn=role_arn,
                RoleSessionName=session_name,
                WebIdentityToken=token,
                DurationSeconds=_SESSION_SECONDS,
            )
        issued = answer["Credentials"]
        credentials = {
            "aws_access_key_id": issued["AccessKeyId"],
            "aws_secret_access_key": issued["SecretAccessKey"],
            "aws_session_token": issued["SessionToken"],
        }
        return ExchangeAnswer(answer.get("Provider", ""), _time(answer), credentials)

    def caller_arn(self, answer: ExchangeAnswer) -> str:
        """See Exchange."""
        from botocore.config import Config

        with self._client(config=Config(user_agent_extra=DOCTOR), **answer.credentials) as client:
            return str(client.get_caller_identity()["Arn"])

    @contextmanager
    def _client(self, **options: Any) -> Iterator[Any]:
        """Give a client, and turn botocore's errors into SourceError."""
        import botocore.session
        from botocore.exceptions import BotoCoreError, ClientError

        client = None
        try:
            session = botocore.session.Session()
            session.register_component("data_loader", models_loader())
            client = session.create_client(
                "sts", region_name=self._region, endpoint_url=self._access.endpoint_url, **options
            )
            yield client
        except ClientError as refused:
            error = refused.response.get("Error", {})
            raise SourceError(f"{error.get('Code')}: {error.get('Message')}", got=str(error.get("Code"))) from refused
        except (BotoCoreError, ValueError) as problem:  # ValueError: an endpoint's URL that is not one
            raise SourceError(f"STS did not answer: {problem}") from problem
        finally:
            if client is not None:
                client.close()


def _time(answer: Mapping[str, Any]) -> float | None:
    return http_date(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date"))
