"""Documents in a bucket of Google Cloud Storage, through obstore (the extra ``gcs``), which finds the credentials."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from podrole.base.extras import ExtraMissing
from podrole.issuer.errors import InvalidIssuer, IssuerError
from podrole.issuer.store import JSON, StoredObject, changed_meanwhile

_CLIENT: Any = {"timeout": "20s"}
_RETRY: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}


class ObjectStore:
    """A store of obstore's, written with conditional requests. ``cache_seconds`` becomes the objects' Cache-Control."""

    def __init__(self, store: Any, what: str, cache_seconds: int) -> None:
        self._store = store
        self._what = what
        self._cache_seconds = cache_seconds

    @property
    def what(self) -> str:
        """See DocumentStore."""
        return self._what

    def read(self, path: str) -> StoredObject | None:
        """See DocumentStore."""
        import obstore
        from obstore.exceptions import BaseError

        try:
            stored = obstore.get(self._store, path)
            content = bytes(stored.bytes())
        except FileNotFoundError:  # what obstore raises for it
            return None
        except BaseError as problem:
            raise self._failed(problem) from problem
        version = {name: stored.meta[name] for name in ("e_tag", "version") if stored.meta[name] is not None}
        return StoredObject(content, json.dumps(version))

    def write(self, path: str, content: bytes, before: str | None) -> None:
        """See DocumentStore."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

        attributes = {"Content-Type": JSON, "Cache-Control": f"public, max-age={self._cache_seconds}"}
        mode: Any = "create" if before is None else json.loads(before)
        try:
            obstore.put(self._store, path, content, attributes=attributes, mode=mode)
        except (AlreadyExistsError, PreconditionError) as problem:
            raise changed_meanwhile(path, self._what) from problem
        except FileNotFoundError as problem:
            raise InvalidIssuer(f"There is no bucket for {self._what}.", next_step="make it first") from problem
        except BaseError as problem:
            raise self._failed(problem) from problem

    def _failed(self, problem: Exception) -> IssuerError:
        from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

        if isinstance(problem, PermissionDeniedError | UnauthenticatedError):
            return IssuerError(
                f"Google refused a request for {self._what}.",
                next_step="the caller needs the role roles/storage.objectUser on the bucket; "
                "gcloud auth application-default login signs in",
            )
        return IssuerError(
            f"{self._what} did not answer: {_first_line(problem)}",
            next_step="run the same command again: it goes on where this one stopped",
        )


def google_store(place: str, cache_seconds: int) -> ObjectStore:
    """Open ``BUCKET`` or ``BUCKET/PREFIX``. Raises ExtraMissing, IssuerError."""
    try:
        from obstore.exceptions import BaseError
        from obstore.store import GCSStore
    except ImportError as missing:
        raise ExtraMissing("Google Cloud Storage needs obstore, which is not installed.", "gcs") from missing
    bucket, _, prefix = place.partition("/")
    what = f"gs://{place.strip('/')}"
    try:
        store = GCSStore(bucket, prefix=prefix.strip("/") or None, client_options=_CLIENT, retry_config=_RETRY)
    except BaseError as problem:
        raise IssuerError(f"{what} cannot be opened: {_first_line(problem)}") from problem
    return ObjectStore(store, what, cache_seconds)


def _first_line(problem: Exception) -> str:
    """Return the first line of an error: what follows is obstore's own state."""
    return (str(problem).splitlines() or [type(problem).__name__])[0]
