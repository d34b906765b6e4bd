"""Quantities are parsed and written as Kubernetes does.

The tables hold answers of k8s.io/apimachinery v0.37's ``resource.ParseQuantity`` and ``String``, but where a comment
says otherwise.
"""

from __future__ import annotations

import contextlib
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.kube.quantity import MAX_INT64, canonical, in_units_of, parse

WRITTEN = {
    "suffixes": {
        "1n": "1n",
        "1u": "1u",
        "100m": "100m",
        "1": "1",
        "8k": "8k",
        "7M": "7M",
        "6G": "6G",
        "40T": "40T",
        "2P": "2P",
        "1E": "1E",
        "1Ki": "1Ki",
        "128Mi": "128Mi",
        "6Gi": "6Gi",
        "10Ti": "10Ti",
        "4Pi": "4Pi",
        "1Ei": "1Ei",
    },
    "the largest suffix without a fraction": {
        "1000m": "1",
        "1000": "1k",
        "10000": "10k",
        "2000k": "2M",
        "1000000": "1M",
        "1000M": "1G",
        "1024Ki": "1Mi",
        "1024Mi": "1Gi",
        "1023Ki": "1023Ki",
        "1000Ki": "1000Ki",
        "1032Ki": "1032Ki",
        "1536Ki": "1536Ki",
        "2048": "2048",
    },
    "fractions": {
        "0.1": "100m",
        "0.5": "500m",
        ".5": "500m",
        "1.5": "1500m",
        "1.25": "1250m",
        "0.5E": "500P",
        "1.5Gi": "1536Mi",
        "1.75Gi": "1792Mi",
        "0.5Ki": "512",
        "0.5Mi": "512Ki",
        "1023.5Ki": "1048064",
        "0.001Ki": "1024m",
        "1.0001Ki": "1024102400u",
        "0.1Gi": "107374182400m",
        "1.001Gi": "1074815565824m",
    },
    "exponents": {
        "1e3": "1e3",
        "1E3": "1E3",
        "12e2": "1200",
        "1e1": "10",
        "1e2": "100",
        "1e-1": "100e-3",
        "15e-1": "1500e-3",
        "1.5e3": "1500",
        "1000e3": "1e6",
        "1e17": "100e15",
        "1e19": "10e18",
        "1e21": "1e21",
        "1e-9": "1e-9",
        "1e1000000": "10e999999",
        "1.5e1000000000": "1.5e1000000000",
        "1e2147483647": "10e2147483646",
    },
    "rounding up to nanos, away from zero": {
        "0.1n": "1n",
        "-0.1n": "-1n",
        "1.5n": "2n",
        "1.1e-9": "2e-9",
        "1e-10": "1e-9",
        "1e-1000": "1e-9",
        "1.0000000001": "1000000001n",
        "-1.0000000001": "-1000000001n",
        "0.000000000001Ki": "2n",
    },
    "no cap of decimal values, one of binary values": {
        "12E": "12E",
        "100E": "100E",
        "9223372036854775808": "9223372036854775808",
        "18446744073709551616": "18446744073709551616",
        "12345678901234567890": "12345678901234567890",
        "1234567890123456789k": "1234567890123456789k",
        "7Ei": "7Ei",
        "8Ei": "9223372036854775807",
        "9Ei": "9223372036854775807",
        "-9Ei": "-9223372036854775807",
        "9223372036854775807Ki": "9223372036854775807",
        "1000E": "1e21",  # v0.37 writes "1", later versions keep the value
    },
    "zero": dict.fromkeys(
        ("0", "-0", "+0", "00", "0.0", "0Gi", "0n", "0e5", "0k", ".", "-.", "-", "+", "Gi", "k", "E", ".Ki", "e19"), "0"
    ),
    "signs": {"-1": "-1", "-1.5Gi": "-1536Mi", "-0.5Ki": "-512", "-1023": "-1023", "-1e3": "-1e3"},
    "kept as they are": {
        "+5": "+5",
        "007": "007",
        "5.": "5.",
        "1.E": "1.E",
        "1.125": "1.125",
        "1.500": "1.500",
        "012Mi": "012Mi",
        "1e+3": "1e+3",
        "1e03": "1e03",
        "1e0": "1e0",
    },
}
FORM = re.escape("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
REFUSED = {
    FORM: ["", "a", "abc", "1 ", " 1", "1 Gi", "1.2.3", "1KiB", "0x10", "1e3.5", "1e3k", "1\0", "٣", "1\n"],
    "unable to parse quantity's suffix": [
        *("1K", "1ki", "1Kii", "1i", "1mm", "--1", "1e", "1e+", "1e-", "1Ee3"),
        "1e99999999999999999999",
        "1e2147483648",  # out of the range of an int32, where Go wraps around or does not end
        "1e-2147483648",
    ],
    "unable to parse numeric part of quantity": ["Pi", "Ei", "-Pi", ".Ei", "-e-10"],
}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param(text, written, id=f"{rule}: {text}")
        for rule, table in WRITTEN.items()
        for text, written in table.items()
    ],
)
def test_canonical_form(text: str, written: str) -> None:
    assert canonical(text) == written
    assert canonical(written) == written
    assert parse(written).value == parse(text).value


@pytest.mark.parametrize(("message", "text"), [(message, text) for message, texts in REFUSED.items() for text in texts])
def test_text_that_is_not_a_quantity_is_refused(message: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        canonical(text)


def test_length_has_a_limit() -> None:
    """Kubernetes has none."""
    assert canonical("1" * 100) == "1" * 100
    with pytest.raises(ValueError, match=FORM):
        canonical("1" * 101)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1500m", Fraction(3, 2)),
        ("2Ki", 2048),
        ("1e3", 1000),
        (".5", Fraction(1, 2)),
        ("5E", 5 * 10**18),
        ("0e100", 0),
        ("-2Ki", -2048),
        ("10E", MAX_INT64),
        ("1e1000000000", MAX_INT64),
        ("-1e1000000000", -MAX_INT64),
    ],
)
def test_value(text: str, value: Fraction) -> None:
    assert parse(text).value == value


@pytest.mark.parametrize(
    ("quantity", "divisor", "count"),
    [("1025", "1Ki", 2), ("3", "0", 3), ("250m", "1", 1), ("250m", "1m", 250), ("64Mi", "1Mi", 64), ("0", "1", 0)],
)
def test_number_of_units_is_rounded_up(quantity: str, divisor: str, count: int) -> None:
    assert in_units_of(quantity, divisor) == count


NUMBERS = st.from_regex(r"[+-]?[0-9]{0,25}(\.[0-9]{0,12})?", fullmatch=True)
SUFFIXES = st.sampled_from(["", *"numkMGTPE", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"])
EXPONENTS = st.builds("e{}".format, st.integers(-30, 30))


@given(NUMBERS, SUFFIXES | EXPONENTS)
def test_writing_keeps_the_value_and_is_final(number: str, suffix: str) -> None:
    try:
        quantity = parse(number + suffix)
    except ValueError:
        return
    written = quantity.canonical()
    assert parse(written).value == quantity.value
    assert canonical(written) == written


@given(st.text() | st.from_regex(r"[+-]?[0-9.]*[eEinumkKMGTP]*[-+]?[0-9]*", fullmatch=True))
def test_any_text_is_parsed_or_refused_with_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        canonical(text)
