"""XML bodies: read by the model, within limits, and never in two ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from podrole.aws.protocol.text_values import from_text
from podrole.aws.protocol.xml_input import read_xml
from support.shapes import INTEGER, STRING, list_of, map_of, shape, structure

GRANTEE = structure(
    {"Type": {**STRING, "locationName": "xsi:type", "xmlAttribute": True}, "ID": STRING},
)
MEMBERS: Mapping[str, Mapping[str, Any]] = {
    "Name": STRING,
    "Count": INTEGER,
    "Renamed": {**STRING, "locationName": "Other"},
    "Inner": structure({"A": STRING}),
    "List": list_of(STRING),
    "Named": list_of({**STRING, "locationName": "item"}),
    "Flat": list_of(STRING, flattened=True),
    "FlatNamed": list_of({**STRING, "locationName": "One"}, flattened=True),
    "Rules": list_of(structure({"A": STRING}), flattened=True, locationName="Rule"),
    "Rule": structure({"A": STRING}),
    "One": STRING,
    "item": STRING,
    "Text": {**STRING, "flattened": True},
    "Map": map_of(STRING),
    "MapNamed": map_of({**INTEGER, "locationName": "V"}, {**STRING, "locationName": "K"}),
    "Grantee": GRANTEE,
}
SHAPE = shape(structure(MEMBERS))
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def read(inside: str) -> dict[str, Any]:
    return read_xml(f"<X>{inside}</X>".encode(), SHAPE, from_text)


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("", {}),
        ("<Name>a</Name>", {"Name": "a"}),
        ("<Name/>", {"Name": ""}),
        ("<Name><![CDATA[<b>]]></Name><!-- c -->", {"Name": "<b>"}),
        ("<n:Name xmlns:n='urn:x'>a</n:Name>", {"Name": "a"}),
        ("<Unknown>a</Unknown><Count>5</Count>", {"Count": 5}),
        ("<Other>a</Other><Renamed>b</Renamed>", {"Renamed": "a"}),
        ("<Inner><A>a</A></Inner>", {"Inner": {"A": "a"}}),
        ("<List><member>a</member><other>b</other><member>c</member></List>", {"List": ["a", "c"]}),
        ("<List/>", {"List": []}),
        ("<Named><item>a</item><member>b</member></Named>", {"Named": ["a"]}),
        ("<Flat>a</Flat><Name>n</Name><Flat>b</Flat>", {"Flat": ["a", "b"], "Name": "n"}),
        ("<One>a</One>", {"FlatNamed": ["a"]}),
        # one element may be a list's, or that of the single member which it was before
        ("<Rule><A>a</A></Rule><Rule><A>b</A></Rule>", {"Rules": [{"A": "a"}, {"A": "b"}]}),
        ("<item>a</item><Text>b</Text>", {"item": "a", "Text": "b"}),
        ("<Map><entry><key>k</key><value>v</value></entry></Map>", {"Map": {"k": "v"}}),
        ("<Map><entry><key/><value>v</value></entry></Map>", {"Map": {"": "v"}}),
        ("<MapNamed><entry><K>k</K><V>1</V></entry></MapNamed>", {"MapNamed": {"k": 1}}),
        (f"<Grantee {XSI} xsi:type='Group'><ID>a</ID></Grantee>", {"Grantee": {"Type": "Group", "ID": "a"}}),
        ("<Grantee><ID>a</ID></Grantee>", {"Grantee": {"ID": "a"}}),
        (f"<Grantee {XSI} xsi:other='Group'/>", {"Grantee": {}}),
    ],
)
def test_body_is_read_by_the_model(inside: str, expected: dict[str, Any]) -> None:
    assert read(inside) == expected


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ("<Name>a</Name><Name>b</Name>", "the element Name is given twice"),
        (
            "<Map><entry><key>k</key><value>v</value></entry><entry><key>k</key><value>w</value></entry></Map>",
            "a key of a map is given twice",
        ),
        ("<Name>", "the body is not XML"),
        ("<!DOCTYPE x>", "the body declares a document type"),
        ("<Count>five</Count>", "invalid literal"),
    ],
)
def test_body_that_can_be_read_in_two_ways_or_none_is_refused(inside: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read(inside)


@pytest.mark.parametrize(
    ("part", "most"),
    [(b"<a/>", 299_998), (b'<a b="c"/>', 50_000), (b"<a b='c'/>", 50_000), (b"x", 16 * 1024 * 1024 - 7)],
)
def test_body_has_most_parts(part: bytes, most: int) -> None:
    assert read_xml(b"<X>" + part * most + b"</X>", SHAPE, from_text) == {}
    with pytest.raises(ValueError, match="more than is read"):
        read_xml(b"<X>" + part * (most + 1) + b"</X>", SHAPE, from_text)
