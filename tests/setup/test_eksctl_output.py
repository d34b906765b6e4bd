"""What is written in eksctl's notation is read back as it was."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from podrole.setup.eksctl_file import read_cluster_config
from podrole.setup.eksctl_output import ConfigFormat, cluster_config, cluster_config_text
from podrole.setup.names import role_name
from podrole.setup.role_contents import document_text
from podrole.setup.wanted import (
    ExistingRole,
    ServiceAccountName,
    WantedAssociation,
    WantedRole,
    WantedServiceAccount,
    WantedSetup,
)
from podrole.setup.well_known_policies import WELL_KNOWN_NAMES, well_known_policy

CONFUSING = st.sampled_from(
    [
        "yes",
        "NO",
        "on",
        "null",
        "~",
        "",
        "1",
        "1e3",
        "0x1f",
        "010",
        "1_000",
        "1:20",
        "2012-10-17",
        ".5",
        ".inf",
        "=",
        "<<",
    ]
)
LABELS = st.one_of(
    st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True),
    st.sampled_from(["on", "null", "1", "0x1f", "1e3"]),
)
ACCOUNTS = st.builds(ServiceAccountName, LABELS, LABELS)
TEXTS = CONFUSING | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TAG_TEXT = CONFUSING.filter(lambda text: not set("<~'#\n") & set(text)) | st.text("aZ09 _.:/=+-@é", max_size=8)
TAGS = st.dictionaries(TAG_TEXT.filter(bool).map(lambda text: f"t{text}".lower()), TAG_TEXT, max_size=3)
ARNS = st.builds("arn:aws:iam::{}:{{}}/{}".format, st.sampled_from(["111122223333", "012345678901"]), LABELS)
POLICIES, ROLES = (ARNS.map(lambda arn, kind=kind: arn.format(kind)) for kind in ("policy", "role"))
DOCUMENTS = st.builds(
    lambda sid, resource: {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": sid,
                "Effect": "Allow",
                "Action": ["s3:GetObject"],
                "Resource": f"arn:aws:s3:::{resource}",
                "Condition": {"NumericLessThan": {"s3:max-keys": 10}, "Bool": {"aws:SecureTransport": True}},
            }
        ],
    },
    st.sampled_from(["", "yes", "1e3", "Null"]).filter(bool),
    st.text("abc*?é/ :#'\"", min_size=1, max_size=10),
)
INLINE = st.builds(
    lambda names, document: {
        name: text
        for policies in (
            *(well_known_policy(name).inline("aws") for name in names),
            {} if document is None else {"podrole-attached": document_text(document)},
        )
        for name, text in policies.items()
    },
    st.lists(st.sampled_from(WELL_KNOWN_NAMES), max_size=2),
    st.none() | DOCUMENTS,
)
MADE = st.builds(
    WantedRole,
    st.none() | st.text("aB1_+=,.@-", min_size=1, max_size=64),
    st.lists(POLICIES, unique=True, max_size=3).map(tuple),
    INLINE,
    st.none() | POLICIES,
    TAGS,
)
KEPT = ROLES.map(ExistingRole)
ANNOTATIONS = st.dictionaries(LABELS, TEXTS, max_size=3)
SERVICE_ACCOUNTS = st.one_of(
    st.builds(
        WantedServiceAccount,
        account=ACCOUNTS,
        role=MADE,
        role_only=st.booleans(),
        subject_pattern=st.none() | st.sampled_from(["a-*", "*", "1?"]),
        labels=st.dictionaries(LABELS, LABELS, max_size=2),
        annotations=ANNOTATIONS,
    ),
    st.builds(WantedServiceAccount, account=ACCOUNTS, role=KEPT, annotations=ANNOTATIONS),
)


@st.composite
def associations(draw: st.DrawFn) -> WantedAssociation:
    """An association: a role of its own has its tags, and a session policy comes without session tags."""
    role = draw(MADE | KEPT)
    untagged = draw(st.booleans())
    return WantedAssociation(
        draw(ACCOUNTS),
        role,
        target_role_arn=draw(st.none() | ROLES),
        disable_session_tags=untagged,
        session_policy=draw(st.none() | DOCUMENTS.map(json.dumps)) if untagged else None,
        create_service_account=draw(st.booleans()),
        tags=role.tags if isinstance(role, WantedRole) else draw(TAGS),
    )


def contradicts(setup: WantedSetup) -> bool:
    """Say whether two entries name one role, which they would have to give the same permissions."""
    entries = (*setup.service_accounts, *setup.associations)
    made = [(one.account, one.role) for one in entries if isinstance(one.role, WantedRole)]
    names = [(role.name or role_name(setup.cluster, account)).lower() for account, role in made]
    return len(set(names)) < len(names)


SETUPS = st.builds(
    WantedSetup,
    cluster=st.text("aB1 _.:/=+-@", min_size=1, max_size=20),
    region=st.sampled_from([None, "eu-west-1", "us-east-1"]),
    provider=st.booleans(),
    service_accounts=st.lists(SERVICE_ACCOUNTS, unique_by=lambda one: one.account, max_size=3).map(tuple),
    associations=st.lists(associations(), unique_by=lambda one: one.account, max_size=3).map(tuple),
    file=st.just("file"),
).filter(lambda setup: not contradicts(setup))


@settings(max_examples=40)
@given(SETUPS, st.sampled_from(ConfigFormat))
def test_what_is_written_is_read_back(setup: WantedSetup, notation: ConfigFormat) -> None:
    assert read_cluster_config(cluster_config_text(setup, notation), "file") == setup


@settings(max_examples=40)
@given(SETUPS)
def test_json_is_json_and_readers_of_yaml_see_the_same(setup: WantedSetup) -> None:
    config = cluster_config(setup)
    assert json.loads(cluster_config_text(setup, ConfigFormat.JSON)) == config
    assert yaml.safe_load(cluster_config_text(setup)) == config


SETUP = WantedSetup(
    cluster="shop",
    region="eu-west-1",
    provider=True,
    service_accounts=(
        WantedServiceAccount(
            ServiceAccountName("web", "inventory"),
            WantedRole(
                name="reader",
                managed=("arn:aws:iam::aws:policy/A",),
                inline={
                    "podrole-attached": '{"Version": "2012-10-17", "Statement": []}',
                    **well_known_policy("efsCSIController").inline("aws"),
                    **well_known_policy("autoScaler").inline("aws"),
                },
                boundary="arn:aws:iam::111122223333:policy/b",
                tags={"owner": "yes"},
            ),
            role_only=True,
            subject_pattern="inventory-*",
            labels={"team": "on"},
            annotations={"note": "1e3"},
        ),
        WantedServiceAccount(ServiceAccountName("web", "a"), ExistingRole("arn:aws:iam::111122223333:role/x")),
        WantedServiceAccount(ServiceAccountName("web", "b"), WantedRole()),
    ),
    associations=(
        WantedAssociation(
            ServiceAccountName("web", "c"),
            WantedRole(name="r", boundary="arn:aws:iam::111122223333:policy/b", managed=("arn:aws:iam::aws:policy/A",)),
            target_role_arn="arn:aws:iam::444455556666:role/t",
            disable_session_tags=True,
            session_policy="{}",
            create_service_account=True,
            tags={"owner": "me"},
        ),
        WantedAssociation(ServiceAccountName("web", "d"), ExistingRole("arn:aws:iam::111122223333:role/x")),
        WantedAssociation(ServiceAccountName("web", "e"), WantedRole()),
    ),
    left_alone=("vpc",),
)
YAML = """\
apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata:
  name: shop
  region: eu-west-1
iam:
  withOIDC: true
  serviceAccounts:
  - metadata:
      name: inventory
      namespace: web
      labels:
        team: 'on'
      annotations:
        note: '1e3'
    attachPolicyARNs:
    - arn:aws:iam::aws:policy/A
    wellKnownPolicies:
      autoScaler: true
      efsCSIController: true
    attachPolicy:
      Version: '2012-10-17'
      Statement: []
    permissionsBoundary: arn:aws:iam::111122223333:policy/b
    roleName: reader
    roleOnly: true
    tags:
      owner: 'yes'
    subjectPattern: inventory-*
  - metadata:
      name: a
      namespace: web
    attachRoleARN: arn:aws:iam::111122223333:role/x
  - metadata:
      name: b
      namespace: web
    attachPolicyARNs: []
  podIdentityAssociations:
  - namespace: web
    serviceAccountName: c
    createServiceAccount: true
    roleName: r
    permissionsBoundaryARN: arn:aws:iam::111122223333:policy/b
    permissionPolicyARNs:
    - arn:aws:iam::aws:policy/A
    tags:
      owner: me
    targetRoleARN: arn:aws:iam::444455556666:role/t
    disableSessionTags: true
    policy: '{}'
  - namespace: web
    serviceAccountName: d
    roleARN: arn:aws:iam::111122223333:role/x
  - namespace: web
    serviceAccountName: e
    permissionPolicyARNs: []
"""


def test_members_stand_in_eksctls_order() -> None:
    assert cluster_config_text(SETUP) == YAML


@pytest.mark.parametrize("notation", ConfigFormat)
def test_a_setup_without_service_accounts_has_no_section(notation: ConfigFormat) -> None:
    assert "iam" not in cluster_config_text(WantedSetup("shop"), notation)
