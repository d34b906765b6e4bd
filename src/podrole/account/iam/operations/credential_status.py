"""The status of a credential: Active or Inactive."""

from __future__ import annotations

from podrole.account.errors import validation_error
from podrole.account.iam.request import IAMRequest


def status(active: bool) -> str:
    """Return the status of a credential as the API shows it."""
    return "Active" if active else "Inactive"


def wanted_status(request: IAMRequest) -> bool:
    """Return whether ``Status`` is Active. Raises AccountError for a status that only AWS sets."""
    status = request.input["Status"]
    if status == "Expired":
        raise validation_error("Status must be Active or Inactive.")
    return bool(status == "Active")
