"""eksctl's ClusterConfig: what is read, what is left alone, and each thing that is refused, with its place."""

from __future__ import annotations

import json
import textwrap

import pytest

from podrole.base.partitions import PARTITIONS
from podrole.iam.storing import StoredAs, check_storable
from podrole.setup.eksctl_file import read_cluster_config
from podrole.setup.errors import InvalidSetup
from podrole.setup.wanted import (
    ExistingRole,
    ServiceAccountName,
    WantedAssociation,
    WantedRole,
    WantedServiceAccount,
    WantedSetup,
)
from podrole.setup.well_known_policies import WELL_KNOWN_NAMES, well_known_policy

HEAD = """\
apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata: {name: shop, region: eu-west-1}
"""
EXISTING = "arn:aws:iam::111122223333:role/path/existing"
READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"
DOCUMENT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
SESSION = json.dumps(DOCUMENT)
ROLE = f"namespace: a, serviceAccountName: a, roleARN: '{EXISTING}'"


def large(size: int) -> str:
    """Return a policy document with a resource of so many characters."""
    return SESSION.replace("*", "arn:aws:s3:::".ljust(size, "a"))


def read(text: str, partition: str | None = None) -> WantedSetup:
    return read_cluster_config(text, "cluster.yaml", partition)


def service_accounts(text: str) -> str:
    """Return a file with these service accounts, which begin on line 6."""
    return f"{HEAD}iam:\n  serviceAccounts:\n{textwrap.indent(textwrap.dedent(text).strip(), '  ')}\n"


def associations(text: str) -> str:
    """Return a file with these associations, which begin on line 6."""
    return f"{HEAD}iam:\n  podIdentityAssociations:\n{textwrap.indent(textwrap.dedent(text).strip(), '  ')}\n"


def service_account(text: str) -> WantedServiceAccount:
    (only,) = read(service_accounts(text)).service_accounts
    return only


def association(text: str) -> WantedAssociation:
    (only,) = read(associations(text)).associations
    return only


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidSetup) as refused:
        read(text)
    return refused.value.what.splitlines()


def test_every_member_of_a_service_account() -> None:
    found = service_account(f"""
        - metadata:
            name: inventory
            namespace: web
            labels: {{team: blue}}
            annotations: {{note: "a: b"}}
          attachPolicyARNs: [{READ_ONLY}, {READ_ONLY}]
          attachPolicy: {SESSION}
          wellKnownPolicies: {{certManager: true, imageBuilder: true, autoScaler: false}}
          permissionsBoundary: {BOUNDARY}
          roleName: inventory-role
          roleOnly: true
          subjectPattern: inventory-*
          tags: {{owner: me}}
          status: {{roleARN: x, anything: [1]}}
        """)
    role = WantedRole(
        name="inventory-role",
        managed=(READ_ONLY, "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPowerUser"),
        inline={
            "podrole-attached": json.dumps(DOCUMENT, indent=2),
            **well_known_policy("certManager").inline("aws"),
        },
        boundary=BOUNDARY,
        tags={"owner": "me"},
    )
    assert found == WantedServiceAccount(
        ServiceAccountName("web", "inventory"),
        role,
        role_only=True,
        subject_pattern="inventory-*",
        labels={"team": "blue"},
        annotations={"note": "a: b"},
    )


def test_a_service_account_without_a_namespace_is_in_the_default_one_and_can_have_a_role_that_exists() -> None:
    found = service_account(f"""
        - metadata: {{name: inventory}}
          attachRoleARN: {EXISTING}
          roleOnly: false
          wellKnownPolicies: {{autoScaler: false}}
          attachPolicyARNs:
        """)
    assert found == WantedServiceAccount(ServiceAccountName("default", "inventory"), ExistingRole(EXISTING))


def test_every_member_of_an_association() -> None:
    found = association(f"""
        - namespace: web
          serviceAccountName: inventory
          createServiceAccount: true
          roleName: inventory-role
          permissionsBoundaryARN: {BOUNDARY}
          permissionPolicyARNs: [{READ_ONLY}]
          permissionPolicy: {SESSION}
          wellKnownPolicies: {{ebsCSIController: true}}
          tags: {{owner: me}}
          targetRoleARN: {EXISTING}
          disableSessionTags: true
          policy: '{SESSION}'
        """)
    role = WantedRole(
        name="inventory-role",
        managed=(READ_ONLY, "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"),
        inline={"podrole-attached": json.dumps(DOCUMENT, indent=2)},
        boundary=BOUNDARY,
        tags={"owner": "me"},
    )
    assert found == WantedAssociation(
        ServiceAccountName("web", "inventory"),
        role,
        target_role_arn=EXISTING,
        disable_session_tags=True,
        session_policy=SESSION,
        create_service_account=True,
        tags={"owner": "me"},
    )


def test_an_association_with_a_role_that_exists_can_have_tags_of_its_own() -> None:
    found = association(f"- {{namespace: web, serviceAccountName: a, roleARN: '{EXISTING}', tags: {{owner: me}}}}")
    assert found == WantedAssociation(ServiceAccountName("web", "a"), ExistingRole(EXISTING), tags={"owner": "me"})


def test_a_role_can_be_wanted_without_permissions() -> None:
    assert service_account("- {metadata: {name: a}, attachPolicyARNs: []}").role == WantedRole()
    assert association("- {namespace: w, serviceAccountName: a, permissionPolicyARNs: []}").role == WantedRole()


def test_tags_of_the_cluster_go_to_its_roles_and_associations() -> None:
    wanted = read(f"""\
apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata: {{name: shop, tags: {{team: blue, owner: all}}}}
iam:
  withOIDC: true
  serviceAccounts:
  - {{metadata: {{name: a}}, attachPolicyARNs: [], tags: {{owner: me}}}}
  podIdentityAssociations:
  - {{namespace: web, serviceAccountName: a, roleARN: '{EXISTING}'}}
""")
    assert wanted == WantedSetup(
        cluster="shop",
        provider=True,
        service_accounts=(
            WantedServiceAccount(ServiceAccountName("default", "a"), WantedRole(tags={"team": "blue", "owner": "me"})),
        ),
        associations=(
            WantedAssociation(
                ServiceAccountName("web", "a"), ExistingRole(EXISTING), tags={"team": "blue", "owner": "all"}
            ),
        ),
        file="cluster.yaml",
    )


def test_what_is_as_large_as_aws_allows_is_read() -> None:
    tags = {"k" * 128: "v" * 256, **{f"key{number}": "" for number in range(49)}}
    role = service_account(f"- {{metadata: {{name: a}}, attachPolicyARNs: [], tags: {json.dumps(tags)}}}").role
    assert role == WantedRole(tags=tags)


def test_a_managed_policy_that_is_named_twice_is_attached_once() -> None:
    (arn,) = well_known_policy("ebsCSIController").managed("aws")
    text = f"- {{metadata: {{name: a}}, attachPolicyARNs: ['{arn}'], wellKnownPolicies: {{ebsCSIController: true}}}}"
    assert service_account(text).role == WantedRole(managed=(arn,))


def test_without_a_region_the_partition_is_the_public_one_and_arns_may_be_of_any() -> None:
    text = service_accounts(
        "- {metadata: {name: a}, attachPolicyARNs: ['arn:aws-cn:iam::aws:policy/x'],"
        " wellKnownPolicies: {certManager: true, imageBuilder: true}}"
    )
    (found,) = read(text.replace(", region: eu-west-1", "")).service_accounts
    managed = ("arn:aws-cn:iam::aws:policy/x", *well_known_policy("imageBuilder").managed("aws"))
    assert found.role == WantedRole(managed=managed, inline=well_known_policy("certManager").inline("aws"))


def test_entries_without_a_name_are_not_taken_for_one() -> None:
    text = "- {metadata: {}, attachPolicyARNs: []}\n- {metadata: {}, wellKnownPolicies: {autoScaler: true}}"
    assert [problem.split(": ")[1] for problem in problems(service_accounts(text))] == [
        "iam.serviceAccounts[0].metadata.name is missing",
        "iam.serviceAccounts[1].metadata.name is missing",
    ]


def test_a_message_ends_where_its_facts_end() -> None:
    (problem,) = problems(service_accounts(f"- metadata: {{name: a}}\n  attachPolicy: {large(10_200)}"))
    assert problem.endswith("characters without white space")
    for value, end in (
        ("x", 'got the text "x", expected a list'),
        ("1", "got the number 1, expected a list"),
        ("[null]", "got nothing, expected text"),
        ("[[]]", "got a list, expected text"),
        ("[1.5]", "got the number 1.5, expected text in quotes"),
        (f"[{'é' * 120}]", f'got "{"é" * 120}", expected the ARN of a policy: arn:aws:iam::ACCOUNT:policy/NAME'),
        (f"[{'é' * 121}]", f'got "{"é" * 120}…", expected the ARN of a policy: arn:aws:iam::ACCOUNT:policy/NAME'),
    ):
        (problem,) = problems(service_accounts(f"- {{metadata: {{name: a}}, attachPolicyARNs: {value}}}"))
        assert problem.endswith(end)


def test_the_same_service_account_can_have_a_role_and_an_association() -> None:
    wanted = read(f"""{HEAD}iam:
  serviceAccounts:
  - {{metadata: {{name: a, namespace: web}}, attachPolicyARNs: []}}
  podIdentityAssociations:
  - {{namespace: web, serviceAccountName: a, permissionPolicyARNs: []}}
""")
    assert [one.account for one in wanted.service_accounts] == [one.account for one in wanted.associations]


@pytest.mark.parametrize(
    ("first", "second", "contradicts"),
    [
        ("", "", False),
        ("roleName: shop-web-a, ", "", False),
        ("roleName: r, ", "roleName: R, ", False),
        ("roleName: r, ", "wellKnownPolicies: {autoScaler: true}, ", False),
        ("", "wellKnownPolicies: {autoScaler: true}, ", True),
        ("roleName: shop-web-a, ", f"permissionsBoundaryARN: '{BOUNDARY}', ", True),
        ("roleName: r, ", f"roleName: R, permissionPolicy: {SESSION}, ", True),
        (f"attachPolicyARNs: ['{READ_ONLY}'], ", f"permissionPolicyARNs: ['{READ_ONLY}'], ", False),
    ],
)
def test_entries_that_make_one_role_give_it_the_same_permissions(first: str, second: str, contradicts: bool) -> None:
    managed = "" if "ARNs" in first else "attachPolicyARNs: [], "
    permissions = "" if "ARNs" in second else "permissionPolicyARNs: [], "
    text = f"""{HEAD}iam:
  serviceAccounts:
  - {{{first}{managed}metadata: {{name: a, namespace: web}}}}
  podIdentityAssociations:
  - {{{second}{permissions}namespace: web, serviceAccountName: a}}
"""
    if not contradicts:
        read(text)
        return
    (problem,) = problems(text)
    assert "8:5: iam.podIdentityAssociations[0] and iam.serviceAccounts[0], on line 6, make the role " in problem
    assert problem.endswith("with different permissions")


def test_two_service_accounts_can_not_make_one_role_with_different_permissions() -> None:
    text = "- {metadata: {name: a}, roleName: r, attachPolicyARNs: []}\n"
    text += "- {metadata: {name: b}, roleName: r, wellKnownPolicies: {autoScaler: true}}"
    (problem,) = problems(service_accounts(text))
    assert "7:5: iam.serviceAccounts[1] and iam.serviceAccounts[0], on line 6, make the role r with" in problem


def test_what_is_not_about_identities_is_named_and_left_alone() -> None:
    wanted = read(f"""\
apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
managedNodeGroups: [{{name: a, iam: {{}}}}]
metadata: {{name: shop, version: "1.34", annotations: {{x: y}}}}
addons: 1
someDay: {{}}
vpc:
iam:
  serviceRoleARN: nothing that is checked
  vpcResourceControllerPolicy: false
  serviceAccounts: [{{metadata: {{name: a}}, attachRoleARN: '{EXISTING}', tags: {{a: b}}}}]
  podIdentityAssociations:
  - {{namespace: w, serviceAccountName: a, permissionPolicy: {SESSION}, permissionPolicyName: x}}
""")
    assert wanted.left_alone == (
        "metadata.version",
        "metadata.annotations",
        "iam.serviceAccounts[0].tags",
        "iam.podIdentityAssociations[0].permissionPolicyName",
        "iam.serviceRoleARN",
        "iam.vpcResourceControllerPolicy",
        "managedNodeGroups",
        "addons",
        "someDay",
    )


@pytest.mark.parametrize(
    ("region", "partition", "used"),
    [("cn-north-1", None, "aws-cn"), ("eu-west-1", None, "aws"), ("eu-west-1", "aws-us-gov", "aws-us-gov")],
)
def test_the_partition_is_the_given_one_or_that_of_the_region(region: str, partition: str | None, used: str) -> None:
    text = service_accounts("- {metadata: {name: a}, wellKnownPolicies: {externalDNS: true, ebsCSIController: true}}")
    (found,) = read(text.replace("eu-west-1", region), partition).service_accounts
    assert isinstance(found.role, WantedRole)
    assert found.role.managed == well_known_policy("ebsCSIController").managed(used)
    assert found.role.inline == well_known_policy("externalDNS").inline(used)


@pytest.mark.parametrize("partition", sorted(PARTITIONS))
def test_all_well_known_policies_together_fit_a_role(partition: str) -> None:
    chosen = ", ".join(f"{name}: true" for name in WELL_KNOWN_NAMES)
    text = service_accounts(f"- {{metadata: {{name: a}}, wellKnownPolicies: {{{chosen}}}}}")
    (found,) = read(text, partition).service_accounts
    assert isinstance(found.role, WantedRole)
    assert len(found.role.managed) == 2
    assert len(found.role.inline) == 5
    for document in found.role.inline.values():
        check_storable(document, StoredAs.INLINE, partition)


HEADS = [
    ("- 1", "1:1: the file: got a list, expected an object with members"),
    ("kind: ClusterConfig", "1:1: apiVersion is missing"),
    ("kind: ClusterConfig", "1:1: metadata is missing: expected the cluster's name in it"),
    (HEAD.replace("v1alpha5", "v1alpha4"), '1:13: apiVersion: got "eksctl.io/v1alpha4", expected eksctl.io/v1alpha5'),
    (HEAD.replace("kind: Cluster", "kind: Node"), '2:7: kind: got "NodeConfig", expected ClusterConfig'),
    (HEAD.replace("name: shop, ", ""), "3:11: metadata.name is missing"),
    (HEAD.replace("name: shop", "name: ''"), '3:18: metadata.name: got "", expected 1 to 100 letters'),
    (HEAD.replace("name: shop", "name: 1"), "3:18: metadata.name: got the number 1, expected text in quotes"),
    (HEAD.replace("name: shop", "name: a#b"), '3:18: metadata.name: got "a#b", expected 1 to 100 letters'),
    (HEAD.replace("eu-west-1", "Ireland"), '3:32: metadata.region: got "Ireland", expected the name of a region'),
    (HEAD.replace("region:", "regoin:"), '3:24: "regoin" is not a member of metadata: did you mean region?'),
    (
        HEAD.replace("{name: shop, region: eu-west-1}", "shop"),
        '3:11: metadata: got the text "shop", expected an object',
    ),
    (f"{HEAD}iams: {{}}", '4:1: "iams" is not a member of a ClusterConfig: did you mean iam?'),
    (f"{HEAD}IAM: {{}}", '4:1: "IAM" is not a member of a ClusterConfig: did you mean iam?'),
    (f"{HEAD}iam: []", "4:6: iam: got a list, expected an object with members"),
    (
        f"{HEAD}iam: {{serviceAccount: []}}",
        '4:7: "serviceAccount" is not a member of iam: did you mean serviceAccounts?',
    ),
    (f"{HEAD}iam: {{x: 1}}", '4:7: "x" is not a member of iam: expected one of fargatePodExecutionRoleARN, '),
    (f"{HEAD}iam: {{withOIDC: on please}}", '4:17: iam.withOIDC: got the text "on please", expected true or false'),
    (f"{HEAD}iam: {{serviceAccounts: {{}}}}", "4:24: iam.serviceAccounts: got an object, expected a list"),
    (f"{HEAD}iam: {{serviceAccounts: [a]}}", '4:25: iam.serviceAccounts[0]: got the text "a", expected an object'),
]

A = "iam.serviceAccounts[0]"
SERVICE_ACCOUNTS = [
    ("- attachPolicyARNs: []", f"6:5: {A}.metadata is missing: expected a name in it"),
    ("- {metadata: [], attachPolicyARNs: []}", f"6:16: {A}.metadata: got a list, expected an object with members"),
    ("- {metadata: {}, attachPolicyARNs: []}", f"6:16: {A}.metadata.name is missing"),
    ("- {metadata: {name: A}, attachPolicyARNs: []}", f'6:23: {A}.metadata.name: got "A", expected the name of a s'),
    (
        "- {metadata: {name: a, namespace: b.c}, attachPolicyARNs: []}",
        f'6:37: {A}.metadata.namespace: got "b.c", expected the name of a namespace',
    ),
    ("- {metadata: {nmae: a}, attachPolicyARNs: []}", f'6:17: "nmae" is not a member of {A}.metadata: did you mean'),
    (
        "- {metadata: {name: a, labels: {'a b': c}}, attachPolicyARNs: []}",
        f'6:35: {A}.metadata.labels: got the key "a b", expected a key as app.kubernetes.io/name',
    ),
    (
        "- {metadata: {name: a, labels: {a: b c}}, attachPolicyARNs: []}",
        f'6:38: {A}.metadata.labels["a"]: got "b c", expected up to 63 letters',
    ),
    (
        "- {metadata: {name: a, labels: [a]}, attachPolicyARNs: []}",
        f"6:34: {A}.metadata.labels: got a list, expected an object whose members are texts",
    ),
    (
        "- {metadata: {name: a, annotations: {a: true}}, attachPolicyARNs: []}",
        f'6:43: {A}.metadata.annotations["a"]: got true, expected text in quotes',
    ),
    *(
        (
            f"- {{metadata: {{name: a, annotations: {{{key}: x}}}}, attachPolicyARNs: []}}",
            f'6:40: {A}.metadata.annotations: got the key "{key}", expected another annotation: podrole writes this',
        )
        for key in ("eks.amazonaws.com/role-arn", "podrole.dev/managed")
    ),
    (
        "- {metadata: {name: a}}",
        f"6:5: {A} has no permissions: expected one of attachPolicyARNs, attachPolicy, wellKnownPolicies, attach",
    ),
    (
        "- {metadata: {name: a}, wellKnownPolicies: {autoScaler: false}}",
        f"6:5: {A} has no permissions",
    ),
    (
        "- {metadata: {name: a}, attachPolicyARNs: [s3]}",
        f'6:46: {A}.attachPolicyARNs[0]: got "s3", expected the ARN of a policy: arn:aws:iam::ACCOUNT:policy/NAME',
    ),
    *(
        (f"- {{metadata: {{name: a}}, attachPolicyARNs: ['{arn}']}}", f'{A}.attachPolicyARNs[0]: got "{arn}"')
        for arn in (
            "arn:aws-cn:iam::aws:policy/x",
            "arn:aws:sts::aws:policy/x",
            "arn:aws:iam:eu-west-1:aws:policy/x",
            "arn:aws:iam::other:policy/x",
            "arn:aws:iam:::policy/x",
            "arn:aws:iam::aws:role/x",
            "arn:aws:iam::aws:policy/",
        )
    ),
    (f"- {{metadata: {{name: a}}, attachPolicyARNs: {READ_ONLY}}}", f"{A}.attachPolicyARNs: got the text"),
    ("- {metadata: {name: a}, attachPolicyARNs: [1]}", f"6:46: {A}.attachPolicyARNs[0]: got the number 1, expected"),
    ("- {metadata: {name: a}, attachRoleARN: x}", f'6:42: {A}.attachRoleARN: got "x", expected the ARN of a role'),
    (
        "- {metadata: {name: a}, attachRoleARN: 'arn:aws:iam::aws:role/x'}",
        f'6:42: {A}.attachRoleARN: got "arn:aws:iam::aws:role/x", expected the ARN of a role',
    ),
    *(
        (
            f"- {{metadata: {{name: a}}, attachRoleARN: '{EXISTING}', {member}: {value}}}",
            f"{A}.{member}: it cannot stand beside attachRoleARN",
        )
        for member, value in (
            ("attachPolicyARNs", "[]"),
            ("attachPolicy", SESSION),
            ("wellKnownPolicies", "{autoScaler: true}"),
            ("roleName", "x"),
            ("roleOnly", "true"),
            ("permissionsBoundary", BOUNDARY),
            ("subjectPattern", "a-*"),
        )
    ),
    (
        "- {metadata: {name: a}, wellKnownPolicies: {autoscaler: true}}",
        f'6:47: "autoscaler" is not a member of {A}.wellKnownPolicies: did you mean autoScaler?',
    ),
    (
        "- {metadata: {name: a}, wellKnownPolicies: {autoScaler: 1}}",
        f"6:59: {A}.wellKnownPolicies.autoScaler: got the number 1, expected true or false",
    ),
    (
        "- {metadata: {name: a}, attachPolicyARNs: [], roleName: a b}",
        f'6:59: {A}.roleName: got "a b", expected 1 to 64 letters',
    ),
    (
        f"- {{metadata: {{name: a}}, attachPolicyARNs: [], roleName: {'a' * 65}}}",
        f"6:59: {A}.roleName: got ",
    ),
    (
        "- {metadata: {name: a}, attachPolicyARNs: [], permissionsBoundary: x}",
        f'6:70: {A}.permissionsBoundary: got "x", expected the ARN of a policy',
    ),
    (
        "- {metadata: {name: a}, attachPolicyARNs: [], subjectPattern: A*}",
        f'6:65: {A}.subjectPattern: got "A*", expected a service account\'s name in which * and ? are wildcards',
    ),
    (
        "- {metadata: {name: a}, attachPolicyARNs: [], roleOnly: 1}",
        f"6:59: {A}.roleOnly: got the number 1, expected true or false",
    ),
    *(
        (
            f"- {{metadata: {{name: a}}, attachPolicyARNs: [], tags: {{'{key}': x}}}}",
            f'{A}.tags: got the key "{key[:120]}',
        )
        for key in (
            "aws:x",
            "AWS:x",
            "podrole.dev/x",
            "alpha.eksctl.io/x",
            "eksctl.cluster.k8s.io/x",
            "",
            "a" * 129,
            "#",
        )
    ),
    (
        f"- {{metadata: {{name: a}}, attachPolicyARNs: [], tags: {{a: {'b' * 257}}}}}",
        f'{A}.tags["a"]: got ',
    ),
    ("- {metadata: {name: a}, attachPolicyARNs: [], tags: {a: '#'}}", f'{A}.tags["a"]: got "#", expected up to 256'),
    (
        "- {metadata: {name: a}, attachPolicyARNs: [], tags: {a: b, A: b}}",
        f"6:49: {A}.tags: two keys differ only in upper and lower case",
    ),
    (
        f"- {{metadata: {{name: a}}, attachPolicyARNs: [], tags: {{{', '.join(f'k{n}: x' for n in range(51))}}}}}",
        f"6:49: {A}.tags: got 51 tags, expected at most 50",
    ),
    (
        "- {metadata: {name: a}, attachPolicyARNs: [], rolename: x}",
        f'6:49: "rolename" is not a member of {A}: did you mean roleName?',
    ),
    (
        2 * "- {metadata: {name: a}, attachPolicyARNs: []}\n",
        f"7:5: iam.serviceAccounts[1] is a second entry for default/a: the first is {A}, on line 6",
    ),
    (
        "- {metadata: {name: a}, attachPolicy: []}",
        f"6:41: {A}.attachPolicy: Syntax errors in policy; got an empty list",
    ),
    (
        """
        - metadata: {name: a}
          attachPolicy:
            Version: 2012-10-17
            Statement:
            - {Effect: Alow, Action: "s3:*", Resource: "*"}
        """,
        f"10:18: {A}.attachPolicy.Statement[0].Effect: Syntax errors in policy; got 'Alow'; expected \"Allow\" or",
    ),
    (
        """
        - metadata: {name: a}
          attachPolicy:
            Version: 2012-10-17
            Statement:
            - {Effect: Allow, Action: "s3:*", Resource: "arn:aws-cn:s3:::x"}
        """,
        f"10:51: {A}.attachPolicy.Statement[0].Resource: ",
    ),
    (
        """
        - metadata: {name: a}
          attachPolicy:
            Version: 2012-10-17
            Statement:
            - Effect: Allow
              Action: "s3:*"
              Resource: "*"
              Condition: {"Bool": {"aws:SecureTransport": [[]]}}
        """,
        f'13:53: {A}.attachPolicy.Statement[0].Condition.Bool["aws:SecureTransport"]',
    ),
    (
        f"- metadata: {{name: a}}\n  attachPolicy: {large(10_200)}",
        f"7:5: {A}.attachPolicy: Maximum policy size of 10240 bytes exceeded for role …; got 1",
    ),
    (
        f"- metadata: {{name: a}}\n  wellKnownPolicies: {{certManager: true}}\n  attachPolicy: {large(10_000)}",
        f"8:5: {A}.attachPolicy: Maximum policy size of 10240 bytes exceeded for role …; got 1",
    ),
    (
        f"- metadata: {{name: a}}\n  attachPolicy: {json.dumps(DOCUMENT).replace('*', '中')}",
        f"7:5: {A}.attachPolicy: The specified value for policyDocument is invalid",
    ),
]

P = "iam.podIdentityAssociations[0]"
ASSOCIATIONS = [
    ("- {serviceAccountName: a, permissionPolicyARNs: []}", f"6:5: {P}.namespace is missing"),
    ("- {namespace: a, permissionPolicyARNs: []}", f"6:5: {P}.serviceAccountName is missing"),
    ("- {namespace: A, serviceAccountName: a, permissionPolicyARNs: []}", f'6:17: {P}.namespace: got "A", expected'),
    ("- {namespace: a, serviceAccountName: A, permissionPolicyARNs: []}", f'6:40: {P}.serviceAccountName: got "A"'),
    (
        "- {namespace: a, serviceAccountName: a}",
        f"6:5: {P} has no permissions: expected one of permissionPolicyARNs, permissionPolicy, wellKnown",
    ),
    *(
        (
            f"- {{{ROLE}, {member}: {value}}}",
            f"{P}.{member}: it cannot stand beside roleARN",
        )
        for member, value in (
            ("permissionPolicyARNs", "[]"),
            ("permissionPolicy", SESSION),
            ("wellKnownPolicies", "{autoScaler: true}"),
            ("roleName", "x"),
            ("permissionsBoundaryARN", BOUNDARY),
        )
    ),
    (
        f"- {{{ROLE}, targetRoleARN: x}}",
        f'{P}.targetRoleARN: got "x", expected the ARN of a role',
    ),
    (
        f"- {{{ROLE}, policy: '{SESSION}'}}",
        f"{P}.policy: EKS takes a session policy only with disableSessionTags: true",
    ),
    (
        f"- {{{ROLE}, disableSessionTags: true, policy: '{SESSION.replace('*', 'arn:aws-cn:s3:::x')}'}}",
        f"{P}.policy: $.Statement[0].Resource",
    ),
    (
        f"- {{{ROLE}, disableSessionTags: true, policy: {SESSION}}}",
        f"{P}.policy: got an object, expected text",
    ),
    (
        f"- {{{ROLE}, disableSessionTags: true, policy: 'x'}}",
        f"{P}.policy: ",
    ),
    (
        f"- {{{ROLE}, disableSessionTags: true, policy: '{SESSION.replace('Allow', 'Alow')}'}}",
        f"{P}.policy: $.Statement[0].Effect (line 1, column 52 of the text): Syntax errors in policy; got 'Alow'",
    ),
    (
        f"- {{{ROLE}, disableSessionTags: true, policy: '{large(2_100)}'}}",
        f"{P}.policy: ",
    ),
    (
        "- {namespace: a, serviceAccountName: a, permissionPolicyARNs: [], permissionPolicyName: x}",
        f"6:69: {P}.permissionPolicyName: it names the policy permissionPolicy, which is missing",
    ),
    (
        "- {namespace: a, serviceAccountName: a, permissionPolicyARNs: [], createServiceAccount: 'true'}",
        f'{P}.createServiceAccount: got the text "true", expected true or false',
    ),
    (
        "- {namespace: a, serviceAccountName: a, permissionPolicyARNs: [], attachPolicyARNs: []}",
        f'6:69: "attachPolicyARNs" is not a member of {P}',
    ),
    (
        2 * f"- {{{ROLE}}}\n",
        f"7:5: iam.podIdentityAssociations[1] is a second entry for a/a: the first is {P}, on line 6",
    ),
]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        *HEADS,
        *((service_accounts(text), problem) for text, problem in SERVICE_ACCOUNTS),
        *((associations(text), problem) for text, problem in ASSOCIATIONS),
    ],
)
def test_what_is_refused(text: str, problem: str) -> None:
    found = problems(text)
    assert any(problem in one for one in found), found
    assert all(one.startswith("cluster.yaml:") for one in found)


@pytest.mark.parametrize(
    "text",
    [
        "- 1",
        f"{HEAD}iam: {{serviceAccounts: [a]}}",
        *(service_accounts(text) for text, _ in SERVICE_ACCOUNTS),
        *(associations(text) for text, _ in ASSOCIATIONS),
    ],
)
def test_a_file_with_one_problem_has_one_message(text: str) -> None:
    assert len(problems(text)) == 1


def test_every_problem_of_a_file_is_listed_in_its_order() -> None:
    found = problems(f"""{HEAD}iam:
  withOIDC: 1
  serviceAccounts:
  - {{metadata: {{name: A}}, attachPolicyARNs: [x, y]}}
  podIdentityAssociations:
  - roleARN: z
nodeGroups: []
kinds: x
""")
    assert [line.split(": ")[0] for line in found] == [
        "cluster.yaml:5:13",
        "cluster.yaml:7:23",
        "cluster.yaml:7:46",
        "cluster.yaml:7:49",
        "cluster.yaml:9:5",
        "cluster.yaml:9:5",
        "cluster.yaml:9:14",
        "cluster.yaml:11:1",
    ]
