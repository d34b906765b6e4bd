"""What is there becomes a file that wants it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from podrole.setup.eksctl_file import read_cluster_config
from podrole.setup.eksctl_output import cluster_config_text
from podrole.setup.found import FoundAssociation, FoundRole, FoundServiceAccount
from podrole.setup.found_as_wanted import association_as_wanted, service_account_as_wanted, subject_pattern_of
from podrole.setup.names import role_name
from podrole.setup.role_contents import document_text
from podrole.setup.trust import Trust, new_trust_policy, pattern_subject
from podrole.setup.wanted import (
    ExistingRole,
    ServiceAccountName,
    SetupPlace,
    WantedAssociation,
    WantedRole,
    WantedServiceAccount,
    WantedSetup,
)
from podrole.setup.well_known_policies import well_known_policy

ACCOUNT = ServiceAccountName("web", "inventory")
ARN = "arn:aws-cn:iam::111122223333:role/shop-web-inventory"
READ_ONLY = "arn:aws-cn:iam::aws:policy/AmazonS3ReadOnlyAccess"
DOCUMENT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
ROLE = FoundRole(
    ARN,
    role_name("shop", ACCOUNT),
    trust_policy="{}",
    managed=(READ_ONLY,),
    inline={
        "podrole-attached": str(DOCUMENT).replace("'", '"'),
        "podrole-target-role": "{}",
        **well_known_policy("externalDNS").inline("aws-cn"),
        "podrole-autoScaler": '{"Version": "2012-10-17", "Statement": []}',
        "theirs": "{}",
    },
    boundary="arn:aws-cn:iam::111122223333:policy/b",
    tags={
        "podrole.dev/cluster": "shop",
        "podrole.dev/file": "x",
        "aws:x": "y",
        "alpha.eksctl.io/cluster-name": "shop",
        "eksctl.cluster.k8s.io/v1alpha1/cluster-name": "shop",
        "owner": "me",
    },
)
WANTED_ROLE = WantedRole(
    managed=(READ_ONLY,),
    inline={
        "podrole-attached": document_text(DOCUMENT),  # type: ignore[arg-type] # a dict of texts and lists
        **well_known_policy("externalDNS").inline("aws-cn"),
        **well_known_policy("autoScaler").inline("aws-cn"),
    },
    boundary="arn:aws-cn:iam::111122223333:policy/b",
    tags={"owner": "me"},
)
THERE = FoundServiceAccount(
    ACCOUNT,
    uid="1",
    resource_version="1",
    labels={"app.kubernetes.io/managed-by": "podrole", "team": "blue"},
    annotations={
        "eks.amazonaws.com/role-arn": ARN,
        "eks.amazonaws.com/token-expiration": "3600",
        "podrole.dev/managed": "shop",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
    },
)
ASSOCIATION = FoundAssociation(
    "a-1",
    "arn:aws-cn:eks:cn-north-1:111122223333:podidentityassociation/shop/a-1",
    ACCOUNT,
    ARN,
    target_role_arn="arn:aws-cn:iam::444455556666:role/t",
    disable_session_tags=True,
    session_policy='{"Version":"2012-10-17"}',
    external_id="x",
    tags={"podrole.dev/cluster": "shop", "owner": "me", "more": "x"},
)


def test_a_service_account_with_a_role_of_podroles() -> None:
    assert service_account_as_wanted("shop", ACCOUNT, ROLE, THERE) == WantedServiceAccount(
        ACCOUNT, WANTED_ROLE, labels={"team": "blue"}, annotations={"eks.amazonaws.com/token-expiration": "3600"}
    )


def test_a_role_with_another_name_is_named() -> None:
    found = service_account_as_wanted("shop", ACCOUNT, replace(ROLE, name="other"), THERE)
    assert found.role == replace(WANTED_ROLE, name="other")


def test_a_pattern_of_the_trust_policy_is_wanted() -> None:
    found = service_account_as_wanted("shop", ACCOUNT, ROLE, THERE, "inventory-*")
    assert found.subject_pattern == "inventory-*"


PLACE = SetupPlace("shop", "https://issuer.example", "111122223333", "aws-cn", "cn-north-1")


@pytest.mark.parametrize(
    ("names", "patterns", "expected"),
    [
        (["inventory"], [], None),
        (["inventory"], ["web:inv*"], None),
        ([], ["web:inv*"], "inv*"),
        ([], ["web:inv*", "web:x*", "other:inv*"], "inv*"),
        ([], ["web:x*"], "x*"),
        ([], ["web:x*", "web:y*"], None),
        ([], ["web:inv*", "web:i*"], None),
        ([], ["other:inv*"], None),
        ([], [], None),
    ],
)
def test_the_pattern_is_the_one_that_lets_the_service_account_in(
    names: list[str], patterns: list[str], expected: str | None
) -> None:
    trust = Trust(
        frozenset(ServiceAccountName("web", name) for name in names),
        frozenset(pattern_subject(*one.split(":")) for one in patterns),
    )
    role = replace(ROLE, trust_policy=new_trust_policy(trust, PLACE))
    assert subject_pattern_of(role, ACCOUNT, PLACE) == expected


@pytest.mark.parametrize("there", [None, replace(THERE, annotations={"eks.amazonaws.com/role-arn": "other"})])
def test_a_role_that_no_service_account_names_is_a_role_alone(there: FoundServiceAccount | None) -> None:
    assert service_account_as_wanted("shop", ACCOUNT, ROLE, there).role_only


def test_a_role_of_somebody_else_is_only_named() -> None:
    theirs = "arn:aws-cn:iam::111122223333:role/theirs"
    there = replace(THERE, annotations={"eks.amazonaws.com/role-arn": theirs})
    found = service_account_as_wanted("shop", ACCOUNT, theirs, there, "x-*")
    assert found == WantedServiceAccount(ACCOUNT, ExistingRole(theirs), labels={"team": "blue"})


def test_labels_and_annotations_of_others_are_not_wanted() -> None:
    there = replace(THERE, labels={"app.kubernetes.io/managed-by": "Helm", "team": "blue"})
    assert service_account_as_wanted("shop", ACCOUNT, ROLE, there) == WantedServiceAccount(ACCOUNT, WANTED_ROLE)


def test_an_association_with_a_role_of_podroles() -> None:
    bare = replace(THERE, annotations={})
    assert association_as_wanted("shop", ASSOCIATION, ROLE, bare) == WantedAssociation(
        ACCOUNT,
        WANTED_ROLE,
        target_role_arn="arn:aws-cn:iam::444455556666:role/t",
        disable_session_tags=True,
        session_policy='{"Version":"2012-10-17"}',
        create_service_account=True,
        tags={"owner": "me"},
    )


@pytest.mark.parametrize("there", [None, THERE, replace(THERE, labels={}, annotations={})])
def test_an_association_made_no_service_account_that_is_another_ones(there: FoundServiceAccount | None) -> None:
    assert not association_as_wanted("shop", ASSOCIATION, ROLE, there).create_service_account


def test_an_association_with_a_role_of_somebody_else_keeps_its_tags() -> None:
    found = association_as_wanted("shop", replace(ASSOCIATION, session_policy=None), ARN, None)
    assert found.role == ExistingRole(ARN)
    assert found.tags == {"owner": "me", "more": "x"}


def test_apply_accepts_what_is_there() -> None:
    setup = WantedSetup(
        cluster="shop",
        region="cn-north-1",
        provider=True,
        service_accounts=(service_account_as_wanted("shop", ACCOUNT, ROLE, THERE),),
        associations=(association_as_wanted("shop", replace(ASSOCIATION, session_policy=None), ROLE, THERE),),
        file="file",
    )
    assert read_cluster_config(cluster_config_text(setup), "file") == setup
