"""The token's lifetime."""

from __future__ import annotations

import pytest

from support.webhook import injection, mutation_of, patched, pod_of, token_of


@pytest.mark.parametrize(
    ("pod_says", "account_says", "flag", "seconds", "warned"),
    [
        (None, None, 86_400, 86_400, False),
        (None, None, 7_200, 7_200, False),
        (None, "3600", 86_400, 3_600, False),
        ("1800", "3600", 86_400, 1_800, False),
        ("+1800", None, 86_400, 1_800, False),
        ("0", None, 86_400, 600, True),
        ("-7", None, 86_400, 600, True),
        ("1h", "3600", 86_400, 3_600, True),
        ("99999999", None, 86_400, 99_999_999, False),
        ("9999999999", None, 86_400, 1 << 32, True),
        (None, "60", 86_400, 600, True),
        (None, "soon", 7_200, 7_200, True),
    ],
)
def test_the_lifetime_comes_from_pod_then_service_account_then_flag(
    pod_says: str | None, account_says: str | None, flag: int, seconds: int, warned: bool
) -> None:
    pod = pod_of(annotations={} if pod_says is None else {"eks.amazonaws.com/token-expiration": pod_says})
    annotations = {} if account_says is None else {"token-expiration": account_says}
    mutation = mutation_of(pod, annotations, injection(token_expiration=flag))
    assert token_of(patched(pod, mutation.operations))["expirationSeconds"] == seconds
    assert bool(mutation.warnings) == warned
