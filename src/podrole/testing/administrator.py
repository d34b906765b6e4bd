"""boto3 with the administrator's credentials, to arrange what a test needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podrole.testing.errors import InvalidArrangement


class Administrator:
    """Makes clients that may do everything in the world. They are made once and kept: that takes 50 ms each."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        self._described = described
        self._clients: dict[str, Any] = {}
        self._own_session: Any = None

    def client(self, service: str, **options: Any) -> Any:
        """Return a client of boto3's; ``options`` are those of ``boto3.client``."""
        __tracebackhide__ = True
        if options:
            return self._session().client(service, **{**self._options(), **options})
        if service not in self._clients:
            self._clients[service] = self._session().client(service, **self._options())
        return self._clients[service]

    def resource(self, service: str, **options: Any) -> Any:
        """Return a resource of boto3's; ``options`` are those of ``boto3.resource``."""
        __tracebackhide__ = True
        return self._session().resource(service, **{**self._options(), **options})

    def _session(self) -> Any:
        __tracebackhide__ = True
        if self._own_session is None:
            try:
                import boto3
            except ImportError:
                raise InvalidArrangement(
                    "The world's administrator needs boto3, which is not installed.",
                    next_step="pip install 'podrole[pytest]'",
                ) from None

            keys = self._described["administrator"]
            self._own_session = boto3.Session(
                aws_access_key_id=keys["access_key_id"],
                aws_secret_access_key=keys["secret_access_key"],
                region_name=self._described["region"],
            )
        return self._own_session

    def _options(self) -> dict[str, Any]:
        from botocore.config import Config

        config = Config(proxies={}, retries={"total_max_attempts": 1})
        return {
            "endpoint_url": self._described["aws_url"],
            "verify": self._described["authority"],
            "config": config,
        }
