"""What CloudFormation refuses before it makes anything."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.aws.services.cloudformation import read_template
from podrole.aws.services.template_faults import template_fault

QUEUE = {"Type": "AWS::SQS::Queue"}


def fault(**blocks: Any) -> str | None:
    return template_fault({"Parameters": {"P": {"Type": "String"}}, **blocks})


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "P"},
        {"Ref": "Q"},
        {"Ref": "AWS::Region"},
        {"Fn::GetAtt": ["Q", "Arn"]},
        {"Fn::GetAtt": "Q.Arn"},
        {"Fn::Sub": "${P}-${Q.Arn}-${AWS::URLSuffix}-${!aws:username}-$P"},
        {"Fn::Sub": ["${P}-${Own}", {"Own": {"Ref": "Q"}}]},
        {"Ref": "X", "Other": "a member that is called so"},
        {"DependsOn": "X", "Other": "a member that is called so"},
    ],
)
def test_a_template_may_name_what_it_has(value: Any) -> None:
    assert fault(Resources={"Q": QUEUE, "R": {**QUEUE, "Properties": {"a": [value]}}}) is None
    assert fault(Resources={"Q": QUEUE}, Outputs={"O": {"Value": value}}) is None


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "X"},
        {"Fn::GetAtt": ["X", "Arn"]},
        {"Fn::GetAtt": "X.Arn"},
        {"Fn::Sub": "${X}"},
        {"Fn::Sub": "${X.Arn}"},
        {"Fn::Sub": ["${X}-${Own}", {"Own": "o"}]},
        {"Fn::Sub": ["${Own}", {"Own": {"Ref": "X"}}]},
    ],
)
def test_a_name_of_nothing_is_refused(value: Any) -> None:
    said = "Template format error: Unresolved resource dependencies [X] in the %s block of the template"
    assert fault(Resources={"R": {**QUEUE, "Properties": {"a": [value]}}}) == said % "Resources"
    assert fault(Resources={"Q": QUEUE}, Outputs={"O": {"Value": value}}) == said % "Outputs"
    assert fault(Resources={"Q": QUEUE}, Conditions={"C": {"Fn::Equals": [value, "a"]}}) == said % "Conditions"


def test_a_resource_depends_on_resources() -> None:
    assert fault(Resources={"Q": QUEUE, "R": {**QUEUE, "DependsOn": ["Q"]}}) is None
    for needed in ("XY", ["Q", "XY"]):
        found = fault(Resources={"Q": QUEUE, "R": {**QUEUE, "DependsOn": needed}})
        assert found is not None
        assert "dependencies [XY]" in found


def test_a_condition_does_not_name_resources() -> None:
    found = fault(Resources={"Q": QUEUE}, Conditions={"C": {"Fn::Equals": [{"Ref": "Q"}, "a"]}})
    assert found is not None
    assert "[Q] in the Conditions block" in found


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("C", None),
        ("D", "Unresolved condition dependency D in the Resources block"),
        ({"Fn::Sub": "C"}, "Every Condition member must be a string."),
        (["C"], "Every Condition member must be a string."),
    ],
)
def test_the_condition_of_a_resource_is_a_name(condition: Any, said: str | None) -> None:
    conditions = {"C": {"Fn::Equals": [{"Ref": "P"}, "a"]}}
    found = fault(Resources={"Q": {**QUEUE, "Condition": condition}}, Conditions=conditions)
    assert found is None if said is None else said in str(found)


@pytest.mark.parametrize("block", ["Conditions", "Mappings", "Outputs", "Parameters", "Resources"])
def test_a_block_is_an_object(block: str) -> None:
    for value in ([], "a", 0):
        assert template_fault({block: value}) == f"Template format error: [/{block}] unsupported structure."
    said = f"[/{block}] 'null' values are not allowed in templates"
    assert template_fault({block: None}) == f"Template format error: {said}"
    assert template_fault({block: {}}) is None
    assert template_fault({}) is None


@pytest.mark.parametrize("block", ["Parameters", "Resources"])
def test_a_parameter_and_a_resource_are_objects_with_a_type(block: str) -> None:
    for value in ([], "a", 0):
        assert template_fault({block: {"A": value}}) == f"Template format error: [/{block}/A] unsupported structure."
    said = f"[/{block}/A] 'null' values are not allowed in templates"
    assert template_fault({block: {"A": None}}) == f"Template format error: {said}"
    said = f"[/{block}/A] Every {block} object must contain a Type member."
    assert template_fault({block: {"A": {"Default": "x"}}}) == f"Template format error: {said}"
    assert template_fault({block: {"A": {"Type": "x"}}}) is None


def test_short_forms_are_read_as_the_long_ones() -> None:
    text = """
    a: !Ref P
    b: !Sub ["${P}", {P: !GetAtt Q.Arn}]
    c: !Base64
      Fn::Sub: x
    d: !And [!Condition C, !Equals [a, b]]
    """
    assert read_template(text) == {
        "a": {"Ref": "P"},
        "b": {"Fn::Sub": ["${P}", {"P": {"Fn::GetAtt": "Q.Arn"}}]},
        "c": {"Fn::Base64": {"Fn::Sub": "x"}},
        "d": {"Fn::And": [{"Condition": "C"}, {"Fn::Equals": ["a", "b"]}]},
    }
