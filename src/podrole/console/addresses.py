"""The addresses of the console's pages, with names quoted. All pages lie in one folder, and addresses are relative: no
page knows the folder's name."""

from __future__ import annotations

from urllib.parse import quote


def chain_url(namespace: str, service_account: str, pod: str = "") -> str:
    """Return the address of a chain's page."""
    of_pod = f"&pod={quote(pod, safe='')}" if pod else ""
    return f"chain?namespace={quote(namespace, safe='')}&name={quote(service_account, safe='')}{of_pod}"


def role_url(arn: str) -> str:
    """Return the address of a role's page."""
    return f"role?arn={quote(arn, safe='')}"
