"""The list of service accounts of EKS Pod Identity: the file of ``--watch-container-credentials-config``.

``{"identities": [{"namespace": "…", "serviceAccount": "…"}]}``, without wildcards. A malformed entry is ignored with a
warning; the others are used.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from podrole.webhook.errors import BadSettings
from podrole.webhook.files import fingerprint
from podrole.webhook.logs import log_warnings

_log = logging.getLogger(__name__)


class PodIdentityFile:
    """The list in a file, read again when the file changes. A missing file is an empty list."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises BadSettings if its directory does not exist."""
        if not path.parent.is_dir():
            raise BadSettings(
                f"The list of EKS Pod Identity cannot be read from {path}: the directory does not exist.",
                next_step="correct --watch-container-credentials-config, or mount the directory",
            )
        self.pairs: frozenset[tuple[str, str]] = frozenset()
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self.refresh()

    def refresh(self) -> bool:
        """Read the file again if it changed. Return whether the list changed. Never raises."""
        seen = fingerprint(self._path)
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            content = self._path.read_bytes() if seen is not None else b""
        except OSError as problem:
            _log.warning("the list of EKS Pod Identity cannot be read, the old one is kept: %s", problem)
            return False
        pairs, warnings = parse_pod_identities(content)
        log_warnings(_log, warnings)
        if pairs is None or pairs == self.pairs:
            return False
        self.pairs = pairs
        _log.info("the list of EKS Pod Identity has %d service accounts", len(pairs))
        return True


def parse_pod_identities(content: bytes) -> tuple[frozenset[tuple[str, str]] | None, list[str]]:
    """Return the pairs of namespace and service account, and a sentence about each entry that is ignored.

    The pairs are None if the content is not such a document. The caller then keeps those it has. An empty file is an
    empty list.
    """
    if not content.strip():
        return frozenset(), []
    try:
        document = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as problem:
        return None, [f"the list of EKS Pod Identity is not JSON: {problem}"]
    if not isinstance(document, dict):
        return None, ["the list of EKS Pod Identity is not a JSON object"]
    entries = _field(document, "identities")
    if entries is None:
        return frozenset(), []
    if not isinstance(entries, list):
        return None, ["'identities' in the list of EKS Pod Identity is not a list"]
    pairs: set[tuple[str, str]] = set()
    warnings: list[str] = []
    for position, entry in enumerate(entries):
        namespace, name = (
            (_field(entry, "namespace"), _field(entry, "serviceaccount")) if isinstance(entry, dict) else (None, None)
        )
        if isinstance(namespace, str) and isinstance(name, str) and namespace and name:
            pairs.add((namespace, name))
        else:
            warnings.append(
                f"entry {position} of the list of EKS Pod Identity is ignored: no namespace and serviceAccount"
            )
    return frozenset(pairs), warnings


def _field(document: dict[str, object], lower_name: str) -> object:
    # Go matches names without regard to case.
    return next((value for name, value in document.items() if name.lower() == lower_name), None)
