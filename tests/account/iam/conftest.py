from __future__ import annotations

import pytest

from support.iam_account import IAM, account


@pytest.fixture
def iam() -> IAM:
    """An account with a user, a group, a role, a policy and the like, none of which holds another."""
    return account()
