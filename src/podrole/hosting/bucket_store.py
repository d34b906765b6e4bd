"""Documents in a bucket of S3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podrole.base.clock import http_date
from podrole.base.partitions import partition_of
from podrole.doctor.sources.aws_session import AWSRefusal
from podrole.issuer.errors import InvalidIssuer, IssuerError
from podrole.issuer.store import JSON, StoredObject, changed_meanwhile
from podrole.setup.aws_errors import failure


class BucketStore:
    """A bucket of S3, written with conditional requests. ``client`` is botocore's.

    ``cache_seconds`` becomes the objects' ``Cache-Control``, which a CDN in front of the bucket follows.
    """

    def __init__(self, client: Any, bucket: str, prefix: str, cache_seconds: int) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        self._cache_seconds = cache_seconds
        self.time: float | None = None
        """When the last read was answered, by S3's own clock; None if it did not say."""

    @property
    def what(self) -> str:
        """See DocumentStore."""
        return f"s3://{'/'.join(filter(None, (self._bucket, self._prefix)))}"

    def read(self, path: str) -> StoredObject | None:
        """See DocumentStore."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(path))
            self.time = _date(answer)
            return StoredObject(answer["Body"].read(), answer["ETag"])
        except ClientError as refused:
            self.time = _date(refused.response)
            if refused.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise self._refused("s3:GetObject", path, refused.response["Error"]) from refused
        except BotoCoreError as problem:
            raise self._unanswered(problem) from problem

    def write(self, path: str, content: bytes, before: str | None) -> None:
        """See DocumentStore."""
        from botocore.exceptions import BotoCoreError, ClientError

        condition = {"IfNoneMatch": "*"} if before is None else {"IfMatch": before}
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._key(path),
                Body=content,
                ContentType=JSON,
                CacheControl=f"public, max-age={self._cache_seconds}",
                **condition,
            )
        except ClientError as refused:
            if refused.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict", "412"):
                raise changed_meanwhile(path, self.what) from refused
            raise self._refused("s3:PutObject", path, refused.response["Error"]) from refused
        except BotoCoreError as problem:
            raise self._unanswered(problem) from problem

    def _refused(self, action: str, path: str, error: Mapping[str, Any]) -> IssuerError:
        code, message = str(error.get("Code", "")), str(error.get("Message", ""))
        if code == "NoSuchBucket":
            return InvalidIssuer(
                f"There is no bucket {self._bucket}.",
                next_step="podrole issuer init --name NAME makes it; with --issuer it must be there",
            )
        place = {"Bucket": self._bucket, "Key": self._key(path)}
        explained = failure(AWSRefusal(action, code, message), "", partition_of(self._client.meta.region_name), place)
        return IssuerError(
            f"{self.what}: {explained.what}",
            got=explained.got,
            expected=explained.expected,
            next_step=explained.next_step,
        )

    def _unanswered(self, problem: Exception) -> IssuerError:
        return IssuerError(
            f"AWS did not answer for {self.what}: {problem}",
            next_step="run the same command again: it goes on where this one stopped",
        )

    def _key(self, path: str) -> str:
        return "/".join(filter(None, (self._prefix, path)))


def _date(answer: Mapping[str, Any]) -> float | None:
    return http_date(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date"))
