"""What is found while an account changes: what IAM refuses, with AWS's code, status and text."""

from __future__ import annotations

import dataclasses
import sys
import types
from typing import Any

from podrole.account.iam import state as state_module
from podrole.account.iam.records import RoleRecord
from support.iam_account import ACCOUNT, IAM


def test_a_role_is_found_by_its_name_while_it_is_changed(iam: IAM) -> None:
    """Signatures may be checked in another thread, which reads beside a change: here after each line of it."""
    state = iam.store.newest_iam(ACCOUNT, "aws")
    role = state.named(RoleRecord, "reader")
    assert role is not None
    found: list[bool] = []

    def after_a_line(frame: types.FrameType, event: str, _: Any) -> Any:
        if event == "line" and frame.f_code.co_filename == state_module.__file__:
            sys.settrace(None)
            found.append(state.named(RoleRecord, "reader") is not None)
            sys.settrace(after_a_line)
        return after_a_line

    before = sys.gettrace()
    sys.settrace(after_a_line)
    try:
        state.put(dataclasses.replace(role, description="changed"))
    finally:
        sys.settrace(before)
    assert len(found) > 10
    assert all(found)
