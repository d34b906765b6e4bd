"""The places of service accounts, roles and lines in the drawing."""

from __future__ import annotations

from podrole.console.chain_map import chain_map
from podrole.doctor.survey import AccountState
from support.console import a_row


def test_service_accounts_of_one_role_stand_together_and_lead_to_it() -> None:
    rows = [
        a_row("a", "one", role="arn:aws:iam::111122223333:role/first"),
        a_row("b", "two", role="arn:aws:iam::111122223333:role/second"),
        a_row("c", "three", AccountState.BROKEN, role="arn:aws:iam::111122223333:role/first"),
        a_row("d", "four", AccountState.UNBOUND),
    ]
    drawn = chain_map(rows)
    assert [node.label for node in drawn.accounts] == ["a/one", "c/three", "b/two"]
    assert [node.label.rpartition("/")[2] for node in drawn.roles] == ["first", "second"]
    assert [(line.name, line.y2) for line in drawn.lines] == [
        ("a/one", drawn.roles[0].y),
        ("c/three", drawn.roles[0].y),
        ("b/two", drawn.roles[1].y),
    ]
    assert drawn.lines[1].state is AccountState.BROKEN
    assert drawn.without_role == 1
    assert len({node.y for node in drawn.accounts}) == 3
    assert max(node.y for node in drawn.accounts) <= drawn.height


def test_a_cluster_without_roles_is_an_empty_drawing() -> None:
    drawn = chain_map([])
    assert (drawn.accounts, drawn.roles, drawn.lines) == ((), (), ())
    assert drawn.height > 0


def test_names_in_links_are_quoted() -> None:
    drawn = chain_map([a_row("a&b", 'x" onload="y')])
    assert drawn.accounts[0].link == "chain?namespace=a%26b&name=x%22%20onload%3D%22y"
