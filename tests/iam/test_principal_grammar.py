"""Which principals a policy may name, where each fault stands, and what the element holds."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.grammar import GRAMMARS
from podrole.iam.jsontext import Number
from podrole.iam.policy import PolicyKind
from podrole.iam.principal_grammar import read_principals

ACCOUNT = "111122223333"
ROOT, ROLE = f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:role/path/reader"
USER, SESSION = f"arn:aws-cn:iam::{ACCOUNT}:user/bob", f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/s"
FEDERATED = f"arn:aws:sts::{ACCOUNT}:federated-user/carol"
OIDC, SAML = f"arn:aws:iam::{ACCOUNT}:oidc-provider/a.example/b", f"arn:aws:iam::{ACCOUNT}:saml-provider/p"
CANONICAL = "0123456789abcdef" * 4
RESOURCE, ENDPOINT, TRUST, RCP = PolicyKind.RESOURCE, PolicyKind.ENDPOINT, PolicyKind.TRUST, PolicyKind.RCP


@pytest.mark.parametrize(
    ("kind", "value", "faults"),
    [
        (RESOURCE, "*", []),
        (RCP, "*", []),
        (TRUST, "*", [("star", ())]),
        (TRUST, {"AWS": "*"}, []),
        (RCP, {"AWS": "*"}, [("principal", ())]),
        (RESOURCE, "bob", [("principal-type", ())]),
        (RESOURCE, [], [("principal-type", ())]),
        (RESOURCE, {}, [("principal-empty", ())]),
        (RESOURCE, {"AWS": [], "Service": []}, [("principal-empty", ())]),
        (RESOURCE, {"AWS": [], "Service": "ec2.amazonaws.com"}, []),
        (RESOURCE, {"aws": ACCOUNT}, [("syntax", ("aws",))]),
        (RESOURCE, {"Group": "a", "Service": "*"}, [("syntax", ("Group",)), ("principal", ("Service",))]),
        (RESOURCE, {"AWS": Number("1")}, [("syntax", ("AWS",))]),
        (RESOURCE, {"AWS": [None, "bob", ACCOUNT]}, [("syntax", ("AWS", 0)), ("principal", ("AWS", 1))]),
        (ENDPOINT, {"CanonicalUser": CANONICAL}, [("principal", ("CanonicalUser",))]),
        (RESOURCE, {"CanonicalUser": CANONICAL.upper()}, [("principal", ("CanonicalUser",))]),
        (RESOURCE, {"CanonicalUser": CANONICAL[1:]}, [("principal", ("CanonicalUser",))]),
    ],
)
def test_a_principal_element_is_refused_where_its_fault_stands(
    kind: PolicyKind, value: Any, faults: list[tuple[str, tuple[str | int, ...]]]
) -> None:
    _, found = read_principals(value, GRAMMARS[kind], negated=False, denies=False)
    assert [(one.name, one.path) for one in found] == faults


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (
            "AWS",
            ["*", ACCOUNT, ROOT, ROLE, USER, SESSION, FEDERATED, "AROAEXAMPLEEXAMPLEEXA", "AIDAEXAMPLEEXAMPLEEXA"],
            [
                "",
                "**",
                ACCOUNT + "0",
                "ACCAEXAMPLEEXAMPLEEXA",
                "AROASHORT",
                ROLE.replace("reader", "*"),
                ROLE.replace("reader", "reade?"),
                ROLE.replace(":aws:", ":moon:"),
                ROOT.replace("iam::", "iam:eu-west-1:"),
                f"arn:aws:iam::{ACCOUNT}:group/g",
                OIDC,
            ],
        ),
        ("Service", ["ec2.amazonaws.com"], ["*", "", "ec2", ROLE]),
        (
            "Federated",
            ["accounts.google.com", OIDC, SAML],
            ["*", "", "localhost", ROLE, OIDC.replace(":aws:", ":moon:"), SAML.replace(":aws:", ":moon:")],
        ),
        ("CanonicalUser", [CANONICAL], ["*", ""]),
    ],
)
def test_each_type_of_principal_has_its_forms(kind: str, good: list[str], bad: list[str]) -> None:
    _, faults = read_principals({kind: [*good, *bad]}, GRAMMARS[RESOURCE], negated=False, denies=False)
    assert [one.got for one in faults] == bad


@pytest.mark.parametrize(("negated", "denies"), [(False, False), (True, True), (False, True)])
def test_an_element_holds_each_principal_in_its_place(negated: bool, denies: bool) -> None:
    value = {
        "AWS": ["*", ROOT, ROLE, "AROAEXAMPLEEXAMPLEEXA", "444455556666"],
        "Service": "ec2.amazonaws.com",
        "Federated": OIDC,
        "CanonicalUser": CANONICAL,
    }
    element, _ = read_principals(value, GRAMMARS[RESOURCE], negated=negated, denies=denies)
    assert element is not None
    assert (element.negated, element.denies, element.everyone, element.every_aws) == (negated, denies, False, True)
    assert (element.accounts, element.arns) == ({ACCOUNT, "444455556666"}, {ROLE})
    assert (element.ids, element.services) == ({"AROAEXAMPLEEXAMPLEEXA"}, {"ec2.amazonaws.com"})
    assert (element.federated, element.canonical_users) == ({OIDC}, {CANONICAL})
    star, _ = read_principals("*", GRAMMARS[RESOURCE], negated=negated, denies=denies)
    assert star is not None
    assert (star.negated, star.denies, star.everyone, star.every_aws) == (negated, denies, True, False)
