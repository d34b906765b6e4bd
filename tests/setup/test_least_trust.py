"""STS's functions let in the service accounts that a plan names, and no others."""

from __future__ import annotations

import fnmatch
import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podrole.doctor.facts.exchange import ExchangeQuestion, ask_eks_auth, ask_sts
from podrole.doctor.sources.account import EKSAssociation
from podrole.setup.group import GroupFound, PlanOptions, RoleGroup
from podrole.setup.plan import plan_group
from podrole.setup.proof import PlannedDirectory
from podrole.setup.trust import AUDIENCE
from podrole.setup.wanted import ServiceAccountName, SetupPlace, WantedAssociation, WantedRole, WantedServiceAccount
from podrole.sts.circumstances import Circumstances
from podrole.sts.pod_identity import Granted as GrantedToPod
from podrole.sts.web_identity import Granted
from support.setup_model import PLACE, PROVIDER, after

AT = Circumstances(now=1_800_000_000, source_ip="192.0.2.1", region="us-east-1", secure_transport=True)
ARN = PLACE.role_arn("shared")
OTHER_CLUSTER = replace(PLACE, cluster="test", cluster_arn="arn:aws:eks:us-east-1:111122223333:cluster/test")
NAMESPACES, NAMES = ("shop", "shop-2", "data"), ("web", "web-1", "w.eb", "orders")
EVERYBODY = tuple(ServiceAccountName(*place) for place in itertools.product(NAMESPACES, NAMES))
ROLE = WantedRole()

ACCOUNTS = st.builds(
    WantedServiceAccount,
    st.sampled_from(EVERYBODY),
    st.just(ROLE),
    st.just(True),
    st.sampled_from([None, None, "*", "web*", "we?", "w?eb"]),
)
ASSOCIATIONS = st.builds(WantedAssociation, st.sampled_from(EVERYBODY), st.just(ROLE), st.none(), st.booleans())
GROUPS = st.builds(
    lambda accounts, associations: RoleGroup(ARN, ROLE, tuple(accounts), tuple(associations)),
    st.lists(ACCOUNTS, max_size=3, unique_by=lambda one: one.account),
    st.lists(ASSOCIATIONS, max_size=3, unique_by=lambda one: one.account),
).filter(lambda one: bool(one.accounts))


def names_by_token(group: RoleGroup, account: ServiceAccountName) -> bool:
    return any(
        one.account.namespace == account.namespace
        and fnmatch.fnmatchcase(account.name, one.subject_pattern or one.account.name)
        for one in group.service_accounts
    )


def names_by_association(group: RoleGroup, account: ServiceAccountName, *, session_tags: bool) -> bool:
    """Without session tags nothing tells the service account, so every association of the cluster is named."""
    if any(one.disable_session_tags for one in group.associations):
        return True
    return session_tags and account in [one.account for one in group.associations]


def association(place: SetupPlace, account: ServiceAccountName, *, session_tags: bool) -> EKSAssociation:
    return EKSAssociation(
        namespace=account.namespace,
        service_account=account.name,
        role_arn=ARN,
        cluster_name=place.cluster,
        cluster_arn=place.cluster_arn or "",
        session_tags=session_tags,
    )


@settings(max_examples=40)
@given(st.lists(GROUPS, min_size=1, max_size=3))
def test_only_named_service_accounts_are_let_in_after_any_sequence_of_plans(groups: list[RoleGroup]) -> None:
    found = GroupFound(provider=PROVIDER, namespaces=frozenset(NAMESPACES))
    for one in groups:
        for write in plan_group(PLACE, one, found, PlanOptions(PLACE), AT).writes:
            found = after(found, write)
    assert found.role is not None
    directory = PlannedDirectory(PLACE, ARN, found.role.trust_policy)
    for account in EVERYBODY:
        question = ExchangeQuestion(ARN, PLACE.issuer, account.subject, AUDIENCE, AT)
        is_let_in = isinstance(ask_sts(question, directory), Granted)
        if is_let_in:  # a later plan may replace the pattern of an earlier one
            assert any(names_by_token(one, account) for one in groups), account
        if names_by_token(groups[-1], account):
            assert is_let_in, account
        for session_tags in (True, False):
            named = any(names_by_association(one, account, session_tags=session_tags) for one in groups)
            asked = association(PLACE, account, session_tags=session_tags)
            answer = ask_eks_auth(asked, PLACE.issuer, "pod", directory, AT)
            assert isinstance(answer, GrantedToPod) is named, (account, session_tags)
            asked = association(OTHER_CLUSTER, account, session_tags=session_tags)
            answer = ask_eks_auth(asked, PLACE.issuer, "pod", directory, AT)
            assert not isinstance(answer, GrantedToPod), (account, session_tags)


@pytest.mark.parametrize("subject", ["system:serviceaccount:shop:*", "system:serviceaccount:*:web", "*", ""])
def test_wildcard_in_a_subject_is_not_one(subject: str) -> None:
    one = RoleGroup(ARN, ROLE, (WantedServiceAccount(EVERYBODY[0], ROLE, role_only=True),))
    (write,) = plan_group(PLACE, one, GroupFound(provider=PROVIDER), PlanOptions(PLACE), AT).writes
    directory = PlannedDirectory(PLACE, ARN, write.after or "")
    assert not isinstance(ask_sts(ExchangeQuestion(ARN, PLACE.issuer, subject, AUDIENCE, AT), directory), Granted)
