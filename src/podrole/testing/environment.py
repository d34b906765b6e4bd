"""The environment of this process, replaced for a while by that of a pod."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_NO_FILE = os.devnull
_OWN_FILES = {"AWS_CONFIG_FILE": _NO_FILE, "AWS_SHARED_CREDENTIALS_FILE": _NO_FILE}
"""The developer's own profiles and credentials are out of reach."""
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def of_pod(variables: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with a pod's variables in the place of all that lead to AWS or a proxy."""
    own = {name: value for name, value in os.environ.items() if not _leads_elsewhere(name)}
    return {**own, **_OWN_FILES, **variables}


def _leads_elsewhere(name: str) -> bool:
    return name.startswith("AWS_") or name in ("BOTO_CONFIG", "KUBECONFIG") or name.lower() in _PROXIES


@contextmanager
def replaced(environment: Mapping[str, str]) -> Iterator[None]:
    """Have ``os.environ`` be ``environment`` inside the context. What is changed inside it is lost at its end."""
    before = dict(os.environ)
    _become(environment)
    try:
        yield
    finally:
        _become(before)


def _become(environment: Mapping[str, str]) -> None:
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update({name: value for name, value in environment.items() if os.environ.get(name) != value})


_loaders: dict[str | None, Any] = {}


@contextmanager
def shared_data() -> Iterator[None]:
    """Have botocore's sessions share the service descriptions that they read: 40 ms of each test otherwise.

    A session makes its own reader (botocore.loaders.Loader), whose answers nobody changes: its clients share them.
    """
    sessions: Any = sys.modules.get("botocore.session")
    if sessions is None:
        yield
        return
    create = sessions.create_loader

    def create_loader(search_path_string: str | None = None) -> Any:
        if search_path_string not in _loaders:
            _loaders[search_path_string] = create(search_path_string)
        return _loaders[search_path_string]

    sessions.create_loader = create_loader
    try:
        yield
    finally:
        sessions.create_loader = create


@contextmanager
def default_session(session: Any) -> Iterator[None]:
    """Have boto3's default session be ``session``, None for one that is made when it is needed.

    boto3 keeps the credentials of its default session for the whole process; a pod has a process of its own.
    """
    before = _boto3_session()
    _set_boto3_session(session)
    try:
        yield
    finally:
        _set_boto3_session(before)


def current_session() -> Any:
    """Return boto3's default session, None if there is none."""
    return _boto3_session()


def _boto3_session() -> Any:
    boto3 = sys.modules.get("boto3")
    return None if boto3 is None else boto3.DEFAULT_SESSION


def _set_boto3_session(session: Any) -> None:
    boto3: Any = sys.modules.get("boto3")
    if boto3 is not None:
        boto3.DEFAULT_SESSION = session
