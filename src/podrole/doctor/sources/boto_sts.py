"""The real STS, with botocore: one exchange, and one call with the credentials that it gives."""

from __future__ import annotations

import email.utils
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from podrole.doctor.errors import SourceError
from podrole.doctor.sources.boto import Access, models_loader
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

        with self._client(config=Config(signature_version=UNSIGNED)) as client:
            answer = client.assume_role_with_web_identity(
                RoleArn=role_arn,
                RoleSessionName=session_name,
                WebIdentityToken=token,
                DurationSeconds=_SESSION_SECONDS,
            )
        given = answer["Credentials"]
        credentials = {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }
        return ExchangeAnswer(answer.get("Provider", ""), _time(answer), credentials)

    def caller_arn(self, answer: ExchangeAnswer) -> str:
        """See Exchange."""
        with self._client(**answer.credentials) as client:
            return str(client.get_caller_identity()["Arn"])

    @contextmanager
    def _client(self, **options: Any) -> Iterator[Any]:
        """Give a client, and turn botocore's errors into SourceError."""
        import botocore.session
        from botocore.exceptions import BotoCoreError, ClientError

        session = botocore.session.Session()
        session.register_component("data_loader", models_loader())
        client = session.create_client(
            "sts", region_name=self._region, endpoint_url=self._access.endpoint_url, **options
        )
        try:
            yield client
        except ClientError as refused:
            error = refused.response.get("Error", {})
            raise SourceError(f"{error.get('Code')}: {error.get('Message')}", got=str(error.get("Code"))) from refused
        except BotoCoreError as problem:
            raise SourceError(f"STS did not answer: {problem}") from problem
        finally:
            client.close()


def _time(answer: Mapping[str, Any]) -> float | None:
    header = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    parsed = email.utils.parsedate_to_datetime(header) if header else None
    return parsed.timestamp() if parsed is not None else None
