"""DNS messages: what is read as a question, and what answers look like."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.cluster.service_network import wire

LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=63)


def message(*labels: str, kind: int = wire.A, flags: int = 0x0100, questions: int = 1, tail: bytes = b"") -> bytes:
    header = struct.pack(">HHHHHH", 7, flags, questions, 0, 0, int(bool(tail)))
    return header + wire.name_bytes(labels) + struct.pack(">HH", kind, 1) + tail


def option(size: int) -> bytes:
    return b"\0" + struct.pack(">HHIH", 41, size, 0, 0)


def parsed(answer: bytes) -> tuple[int, int, int, bool]:
    """Return the code, the numbers of answers and authorities, and whether it is cut."""
    _, flags, _, answers, authorities, _ = struct.unpack_from(">HHHHHH", answer)
    return flags & 15, answers, authorities, bool(flags & 0x0200)


@given(st.lists(LABEL, max_size=3), st.integers(0, 65535))
def test_a_question_is_read_as_it_was_asked(labels: list[str], kind: int) -> None:
    query = wire.read_query(message(*[label.upper() for label in labels], kind=kind))
    assert (query.number, query.name, query.kind) == (7, tuple(labels), kind)
    assert wire.labels_of(wire.name_bytes(labels)) == tuple(labels)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"short", None),
        (message("a", flags=0x8000), None),
        (message("a", flags=0x2800), wire.NOT_IMPLEMENTED),
        (message("a", questions=0), wire.FORMAT_ERROR),
        (message("a", questions=2), wire.FORMAT_ERROR),
        (message("a")[:-1], wire.FORMAT_ERROR),
        (message("a")[:13], wire.FORMAT_ERROR),
        (message("a")[:12] + b"\xc0\x0c" + bytes(4), wire.FORMAT_ERROR),
        (message("a")[:12], wire.FORMAT_ERROR),
        (message(*["x" * 63] * 4), wire.FORMAT_ERROR),
        (message("a")[:-2] + b"\0\3", wire.NOT_IMPLEMENTED),
    ],
    ids=["short", "answer", "opcode", "none", "two", "cut", "cut name", "pointer", "no name", "long", "class"],
)
def test_what_is_no_question_is_refused_or_dropped(sent: bytes, code: int | None) -> None:
    with pytest.raises(wire.BadQuery) as raised:
        wire.read_query(sent)
    assert raised.value.code == code


@given(st.binary(max_size=80))
def test_any_message_is_read_or_refused(sent: bytes) -> None:
    refused: wire.BadQuery | None = None
    answer = sent
    try:
        answer = wire.write_answer(wire.read_query(sent), wire.DNSAnswer(wire.REFUSED))
    except wire.BadQuery as problem:
        refused = problem
        if problem.code is not None:
            answer = wire.write_refusal(sent, problem.code)
    assert answer[:2] == sent[:2]
    assert refused is None or refused.code is None or parsed(answer)[0] == refused.code


@pytest.mark.parametrize(
    ("tail", "size"),
    [(b"", 512), (option(4096), wire.MAX_UDP_BYTES), (option(600), 600), (option(10), 512), (b"\1x", 512)],
)
def test_the_size_of_a_datagram_is_the_clients_within_limits(tail: bytes, size: int) -> None:
    assert wire.read_query(message("a", tail=tail)).udp_bytes == size


def test_an_answer_that_is_too_long_says_so() -> None:
    query = wire.read_query(message("a"))
    records = [wire.DNSRecord(("a",), wire.A, wire.address_data(f"10.0.0.{number}"), 5) for number in range(60)]
    answer = wire.DNSAnswer(wire.NO_ERROR, records)
    assert parsed(wire.write_answer(query, answer)) == (0, 60, 0, False)
    cut = wire.write_answer(query, answer, limit=512)
    assert parsed(cut) == (0, 0, 0, True)
    assert len(cut) <= 512


def test_an_answer_has_the_question_and_records_in_wire_form() -> None:
    query = wire.read_query(message("web", "shop"))
    record = wire.DNSRecord(("web", "shop"), wire.A, wire.address_data("10.0.0.1"), 5)
    assert wire.write_answer(query, wire.DNSAnswer(wire.NO_ERROR, [record])) == (
        b"\0\7\x85\x80\0\1\0\1\0\0\0\0" + b"\3web\4shop\0\0\1\0\1" + b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4\x0a\0\0\1"
    )
