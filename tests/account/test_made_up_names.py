"""Names that clients make up are answered and not kept."""

from __future__ import annotations

from podrole.account.organizations.state import OrganizationsState
from podrole.iam.actions import reference


def test_accounts_without_an_organization_are_not_kept() -> None:
    state = OrganizationsState()
    for number in range(50):
        assert state.control_policies(f"{number:012d}", "scp") is None
    assert not state._levels


def test_unknown_services_and_actions_are_not_kept() -> None:
    s3 = reference.service("s3")
    assert s3 is not None
    kept, services = len(s3._known), reference._service.cache_info().currsize
    for number in range(50):
        assert s3.action(f"madeup{number}") is None
        assert reference.service(f"madeup{number}") is None
        assert not reference.supports_rcps(f"madeup{number}")
    assert len(s3._known) == kept
    assert reference._service.cache_info().currsize == services
    assert s3.action("getobject") is s3.action("GetObject")
    assert reference.supports_rcps("s3")
