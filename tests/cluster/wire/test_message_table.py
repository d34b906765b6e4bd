"""The protobuf tables are what their script writes, and the numbers cover what is served."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.schema.presence import DROPPED_ZEROS
from podrole.cluster.schema.types import Scalar, struct
from podrole.cluster.wire.messages import KINDS, message

SCRIPT = Path(__file__).parents[3] / "scripts/protobuf_messages.py"


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("protobuf_messages", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_what_the_script_writes(script: Any) -> None:
    assert script.TARGET.read_text() == script.document()


def test_the_numbers_cover_every_field_of_every_type_that_is_served(script: Any) -> None:
    numbers = script.read_numbers(script.NUMBERS.read_text())
    by_name = {script.short_name(name): schema for name, schema in script.definitions().items()}
    for name, fields in numbers.items():
        if name not in by_name:
            continue  # a message that is only written into others
        named: set[str] = set()
        for field in fields:
            inner = numbers.get(field.name, ()) if field.inline else (field,)
            named.update(one.name for one in inner)
        assert set(by_name[name]["properties"]) - {"kind", "apiVersion"} <= named | {"kind", "apiVersion"}, name


def test_no_field_number_stands_twice_in_a_message(script: Any) -> None:
    for name, fields in script.read_numbers(script.NUMBERS.read_text()).items():
        assert len({one.number for one in fields}) == len(fields), name


def test_a_message_left_out_is_one_that_a_body_can_refer_to(script: Any) -> None:
    """A name that nothing refers to any more does not stay in the list of those that are not read."""
    referred = {field.type for name in script.tables(script.read_numbers(script.NUMBERS.read_text()))
                for field in (message(name) or pytest.fail(name)).fields.values()}  # fmt: skip
    assert referred >= script.NOT_READ


@pytest.mark.parametrize("name", sorted({*KINDS.values(), "meta.DeleteOptions"}))
def test_every_kind_that_may_be_sent_has_a_message(name: str) -> None:
    assert message(name) is not None


def test_a_zero_that_go_drops_is_dropped_in_json_and_in_protobuf(script: Any) -> None:
    """Optional numbers and bools that are no pointers in Go, of the types that protobuf bodies hold."""
    numbers = script.read_numbers(script.NUMBERS.read_text())
    full = {script.short_name(name): name for name in script.definitions()}
    rows = script.tables(numbers)
    for name in rows:
        if name not in full or not rows[name]:
            continue
        kind = struct(full[name])
        pointers = {one.name: one.pointer for one in numbers[name]}
        dropped = {
            field.name
            for field in kind.fields.values()
            if isinstance(field.type, Scalar)
            and field.type.kind in ("int32", "int64", "boolean")
            and not field.required
            and pointers.get(field.name) is False
        }
        assert dropped == set(DROPPED_ZEROS.get(kind.name, ())), name
