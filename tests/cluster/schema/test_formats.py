"""The formats of strings that kube-apiserver knows."""

from __future__ import annotations

import pytest

from podrole.cluster.schema.formats import FORMATS

GOOD = {
    "bsonobjectid": ["507f1f77bcf86cd799439011"],
    "byte": ["", "aGVsbG8="],
    "cidr": ["10.0.0.0/8", "10.1.2.3/8", "fd00::/8"],
    "creditcard": ["4111 1111 1111 1111"],
    "date": ["2024-02-29"],
    "date-time": ["2024-02-29T01:02:03Z", "2024-02-29T01:02:03.000001+02:00"],
    "datetime": ["2024-02-29T01:02:03Z"],
    "duration": ["1h", "1h30m", "0", "1.5h", "3 days", "-2s"],
    "email": ["a@example.com"],
    "hexcolor": ["#fff", "00ff00"],
    "hostname": ["a.example", "x", "xn--bcher-kva.example"],
    "ipv4": ["10.0.0.1"],
    "ipv6": ["::1", "fd00::1"],
    "isbn": ["0-306-40615-2", "978-3-16-148410-0"],
    "isbn10": ["0306406152", "080442957X"],
    "isbn13": ["9783161484100"],
    "k8s-long-name": ["a.b-c", "x"],
    "k8s-short-name": ["a-b"],
    "mac": ["01:23:45:67:89:ab", "0123.4567.89ab"],
    "password": ["anything"],
    "rgbcolor": ["rgb(0, 255, 1)"],
    "ssn": ["123-45-6789"],
    "uri": ["https://a.example/b?c", "/path"],
    "uuid": ["8f3a1d64-2c1b-11ee-be56-0242ac120002"],
    "uuid3": ["a3bb189e-8bf9-3888-9912-ace4e6543002"],
    "uuid4": ["9b2f8a8e-5b7a-4a9b-8c3d-2f1e0d9c8b7a"],
    "uuid5": ["886313e1-3b8a-5372-9b90-0c9aee199e5d"],
}
BAD = {
    "bsonobjectid": ["507f"],
    "byte": ["a", "####"],
    "cidr": ["10.0.0.0", "10.0.0.0/33", "x/8"],
    "creditcard": ["4111 1111 1111 1112"],
    "date": ["2024-02-30", "20240229"],
    "date-time": ["2024-02-30T01:02:03Z", "yesterday", "2024-02-29"],
    "datetime": [""],
    "duration": ["1", "h", "1x", ""],
    "email": ["example.com", "a b@example.com"],
    "hexcolor": ["#ffff"],
    "hostname": ["", "-a", "a..b", "a_b", "x" * 64],
    "ipv4": ["10.0.0", "::1", "010.0.0.1"],
    "ipv6": ["10.0.0.1", "g::"],
    "isbn": ["1"],
    "isbn10": ["0306406153"],
    "isbn13": ["9783161484101"],
    "k8s-long-name": ["", "A", "a..b"],
    "k8s-short-name": ["a.b", "x" * 64],
    "mac": ["01:23"],
    "password": [],
    "rgbcolor": ["rgb(0,256,0)", "red"],
    "ssn": ["123"],
    "uri": ["", "no scheme", "example.com", "http://a:b/"],
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
