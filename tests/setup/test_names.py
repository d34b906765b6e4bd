"""Names of roles fit IAM, and no two service accounts share one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.setup.names import role_name
from podrole.setup.wanted import ServiceAccountName

LABEL = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
CLUSTERS = st.one_of(LABEL, st.text(min_size=1, max_size=100))
PLACES = st.tuples(CLUSTERS, st.builds(ServiceAccountName, LABEL, LABEL))


@pytest.mark.parametrize(
    ("cluster", "namespace", "name", "expected"),
    [
        ("shop", "web", "inventory", r"shop-web-inventory"),
        ("shop", "web", "inventory-api.v2", r"shop-web-inventory-api\.v2"),
        ("a-b", "c", "d", r"a-b-c-d-[0-9a-f]{8}"),
        ("shop", "kube-system", "dns", r"shop-kube-system-dns-[0-9a-f]{8}"),
        ("shop", "web", "x-0123abcd", r"shop-web-x-0123abcd-[0-9a-f]{8}"),
        ("Shop", "web", "x", r"Shop-web-x-[0-9a-f]{8}"),
        ("me@there/shop", "web", "x", r"me@there-shop-web-x-[0-9a-f]{8}"),
        ("shöp", "web", "x", r"sh-p-web-x-[0-9a-f]{8}"),
        ("shop", "web", "x" * 55, r"shop-web-x{55}"),
        ("shop", "web", "x" * 56, r"shop-web-x{46}-[0-9a-f]{8}"),
    ],
)
def test_role_name(cluster: str, namespace: str, name: str, expected: str) -> None:
    assert re.fullmatch(expected, role_name(cluster, ServiceAccountName(namespace, name)))


@given(st.lists(PLACES, min_size=2, max_size=10, unique=True))
def test_role_names_fit_iam_and_differ(places: list[tuple[str, ServiceAccountName]]) -> None:
    names = [role_name(cluster, account) for cluster, account in places]
    assert all(re.fullmatch(r"[A-Za-z0-9_+=,.@-]{1,64}", name) for name in names)
    assert len({name.lower() for name in names}) == len(places)


@given(LABEL, LABEL, LABEL)
def test_a_dash_moved_from_one_part_to_the_next_gives_another_role(first: str, second: str, third: str) -> None:
    joined = [
        role_name("c", ServiceAccountName(f"{first}-{second}", third)),
        role_name("c", ServiceAccountName(first, f"{second}-{third}")),
        role_name(f"c-{first}", ServiceAccountName(second, third)),
    ]
    assert len(set(joined)) == 3
