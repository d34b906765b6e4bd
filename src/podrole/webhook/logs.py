"""The log of a webhook process: lines on standard error."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from podrole.webhook.text import one_line

MAX_WARNINGS = 20


def configure_logging(verbosity: int) -> None:
    """Log to standard error; from ``-v=3`` on every review, from ``-v=5`` on everything."""
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("podrole").setLevel(logging.DEBUG if verbosity >= 5 else logging.INFO)
    logging.getLogger("podrole.webhook.admission.handler").setLevel(logging.DEBUG if verbosity >= 3 else logging.INFO)


def log_warnings(log: logging.Logger, warnings: Sequence[str]) -> None:
    """Log each warning about a document as a line; of more than MAX_WARNINGS only the first, and the number of
    others."""
    for warning in warnings[:MAX_WARNINGS]:
        log.warning("%s", one_line(warning))
    if len(warnings) > MAX_WARNINGS:
        log.warning("and %d more", len(warnings) - MAX_WARNINGS)
