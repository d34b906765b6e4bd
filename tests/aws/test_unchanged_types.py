"""A type of resource that moto does not change: a change of it is refused, where moto would pass over it."""

from __future__ import annotations

import re
from typing import Any
from unittest.mock import Mock

import pytest

pytest.importorskip("moto")

from moto.cloudformation import parsing

from podrole.aws.emulator.stack_calls import StackCalls
from podrole.aws.emulator.stack_resources import _Decided
from podrole.aws.errors import AWSError
from podrole.aws.services.resource_types.made_by_calls import MADE_BY_CALLS
from podrole.aws.services.resource_types.made_by_moto import MADE_BY_MOTO
from support.aws import ACCOUNT, REGION


def test_every_type_is_changed_or_its_change_is_refused() -> None:
    refused_types = []
    for kind, model in parsing.get_model_map().items():
        if kind.startswith("AWS::IAM::") or kind in MADE_BY_CALLS:
            continue
        is_fixed = hasattr(model.update_from_cloudformation_json, "__isabstractmethod__")
        if not is_fixed or getattr(MADE_BY_MOTO.get(kind), "change", None) is not None:
            continue
        decided: Any = _Decided(kind, model)
        assert not hasattr(decided.update_from_cloudformation_json, "__isabstractmethod__"), "moto passes over it"
        with (
            StackCalls(Mock(), None, Mock()).acting(),
            pytest.raises(AWSError, match=f"does not change resources of type {re.escape(kind)} "),
        ):
            decided.update_from_cloudformation_json(object(), "name", {"Properties": {}}, ACCOUNT, REGION)
        refused_types.append(kind)
    assert len(refused_types) > 40
