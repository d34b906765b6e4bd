"""The formats of strings that kube-apiserver knows."""

from __future__ import annotations

import time

import pytest

from podrole.cluster.schema.formats import FORMATS

GOOD = {
    "bsonobjectid": ["507f1f77bcf86cd799439011"],
    "byte": ["aGVsbG8=", "aGVsbA==", "aGVs", "aGVsbG8h"],
    "cidr": ["10.0.0.0/8", "10.1.2.3/8", "fd00::/8", "10.0.0.0/08"],
    "creditcard": [
        "4111 1111 1111 1111",
        "5555 5555 5555 4444",
        "4000 0000 0000 5100",
        "4222222222222",
        "4000 0000 0000 0903",
    ],
    "date": ["2024-02-29"],
    "date-time": ["2024-02-29T01:02:03Z", "2024-02-29t01:02:03z", "2024-02-29T23:59:59.000001+02:00"],
    "datetime": ["2024-02-29T01:02:03Z"],
    "duration": [
        "1h",
        "1h30m",
        "0",
        "1.5h",
        ".5s",
        "-2s",
        "+1us",
        "3 days",
        " 1 h 2 Minutes ",
        "2wk",
        "1x 2s",
        f"{2**63 - 1} ms",
        "0" * 30 + "1 hr",
    ],
    "email": ["a@example.com"],
    "hexcolor": ["#fff", "00ff00"],
    "hostname": [
        "a.example",
        "x",
        "xn--bcher-kva.example",
        "a-b",
        "bücher.example",
        f"{'x' * 63}.{'y' * 62}",
        ".".join(["x" * 63] * 3 + ["y" * 63]),
    ],
    "ipv4": ["10.0.0.1"],
    "ipv6": ["::1", "fd00::1"],
    "isbn": ["0-306-40615-2", "978-3-16-148410-0"],
    "isbn10": ["0306406152", "080442957X", "0-306 40615-2"],
    "isbn13": ["9783161484100"],
    "k8s-long-name": ["a.b-c", "x", "x" * 253],
    "k8s-short-name": ["a-b", "x", "x" * 63],
    "mac": [
        "01:23:45:67:89:ab",
        "01-23-45-67-89-ab-cd-ef",
        ":".join(["00"] * 20),
        "0123.4567.89ab",
        ".".join(["0123"] * 10),
    ],
    "password": ["anything"],
    "rgbcolor": ["rgb(0, 255, 1)", "rgb(99,100,249)"],
    "ssn": ["123-45-6789"],
    "uri": ["https://a.example/b?c", "/path", "/a!b", "/\x80", "mailto:a"],
    "uuid": ["8f3a1d64-2c1b-11ee-be56-0242ac120002"],
    "uuid3": ["a3bb189e-8bf9-3888-9912-ace4e6543002"],
    "uuid4": ["9b2f8a8e-5b7a-4a9b-8c3d-2f1e0d9c8b7a"],
    "uuid5": ["886313e1-3b8a-5372-9b90-0c9aee199e5d"],
}
BAD = {
    "bsonobjectid": ["507f"],
    "byte": ["", "a", "####", "aGVsb\nG8="],
    "cidr": ["10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "x/8", "10.0.0.0/255.0.0.0", "fe80::1%eth0/64", "10.0.0.0/٨"],
    "creditcard": ["4111 1111 1111 1112", "", "000000000000", "0" * 17],
    "date": ["2024-02-30", "20240229", "٢٠٢٤-٠٢-٢٩"],
    "date-time": [
        "2024-02-30T01:02:03Z",
        "2024-02-29T24:00:00Z",
        "2024-02-29T01:02:03",
        "2024-02-29 01:02:03Z",
        "20240229T01:02:03Z",
        "2024-02-29T01:02:03.Z",
        "yesterday",
        "2024-02-29",
    ],
    "datetime": [""],
    "duration": ["1", "h", "1x", "", "1.5 days", "-3 days", "1 h 2", f"{2**63} ms", "1" * 5_000 + "days", "1 dx"],
    "email": ["example.com", "a b@example.com"],
    "hexcolor": ["#ffff"],
    "hostname": [
        "",
        "-a",
        "a..b",
        "a_b",
        "x" * 64,
        "ü" * 32,
        "a.b",
        "a.example.",
        ".".join(["x" * 63] * 3 + ["yy", "y" * 61]),
    ],
    "ipv4": ["10.0.0", "::1", "010.0.0.1"],
    "ipv6": ["10.0.0.1", "g::", "fe80::1%eth0"],
    "isbn": ["1"],
    "isbn10": ["0306406153", "", "08044X9572", "080442957x", "0306406152" + " " * 4_000 + "1"],
    "isbn13": ["9783161484101", "", "978316148410X"],
    "k8s-long-name": ["", "A", "a..b", "-a", "a-", "x" * 254],
    "k8s-short-name": ["", "a.b", "-a", "x" * 64],
    "mac": ["01:23", "01:23-45:67:89:ab", "01:23:45:67:89:ab:cd"],
    "password": [],
    "rgbcolor": ["rgb(0,256,0)", "rgb(0,01,0)", "red"],
    "ssn": ["123", "١٢٣-٤٥-٦٧٨٩"],
    "uri": ["", "no scheme", "example.com", "http://a:b/", "/a b", "/\x7f", "/\t"],
    "uuid": ["8f3a"],
    "uuid3": ["9b2f8a8e-5b7a-4a9b-8c3d-2f1e0d9c8b7a"],
    "uuid4": ["a3bb189e-8bf9-3888-9912-ace4e6543002"],
    "uuid5": ["9b2f8a8e-5b7a-4a9b-8c3d-2f1e0d9c8b7a"],
}


def test_every_format_is_in_both_tables() -> None:
    assert set(GOOD) == set(BAD) == set(FORMATS)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in GOOD.items() for text in texts])
def test_a_text_has_the_format(name: str, text: str) -> None:
    assert FORMATS[name](text)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_a_text_does_not_have_the_format(name: str, text: str) -> None:
    assert not FORMATS[name](text)


@pytest.mark.parametrize("name", FORMATS)
def test_a_long_text_takes_no_time(name: str) -> None:
    before = time.process_time()
    for text in ("1" * 100_000, "1 " * 50_000, "1s" * 50_000 + "!", "a." * 50_000, "rgb(" + " " * 100_000):
        FORMATS[name](text)
    assert time.process_time() - before < 2
