"""One account for all tests of a file: resetting it costs more than they do."""

from __future__ import annotations

import pytest

from support.aws import LocalAWS


@pytest.fixture(scope="module")
def account(running_aws: LocalAWS) -> LocalAWS:
    """An account that is empty before a file's first test."""
    running_aws.reset()
    return running_aws
