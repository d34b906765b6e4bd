"""No resource policy is silently ignored: each that a service takes is judged or refused, or is no resource policy.

The test walks all operations of all services that moto has. A new one that looks like storing a policy fails it, until
somebody decides: podrole.aws.services has the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podrole.aws.emulator.facts import READERS
from podrole.aws.protocol import catalogue
from podrole.aws.services import not_judged, registry
from podrole.aws.services.registry import RULES, rules_of

# A parameter that may hold a policy document, by its name, and names of this kind that never do: settings and words.
POLICY = re.compile(r"polic(y|ies)", re.IGNORECASE)
SETTING = re.compile(
    r"(arns?|names?|id|type|version|marker|hash|condition|filter|state|scope|url|label|number|signature|mode|runtime"
    r"|identifier|description)$"
    r"|(ssl|tls|https|security|protocol|child|termination|routing|snapshot|referrer|dns|pull|import|lifecycle|deletion"
    r"|handling|values|field|fields|answer|replace|exception|propagation|safeguard)polic(y|ies)$|^lifecyclepolicytext$",
    re.IGNORECASE,
)
STATEMENT_MAKER = re.compile(r"^(Add|Put|Create|Grant|Update|Authorize|Modify)\w*(Permissions?|PolicyStatement)$")

NO_RESOURCE_POLICY = {
    "It limits a session of a role. Of these, podrole's own operations judge theirs; the others run nothing here.": {
        "eks": ["CreatePodIdentityAssociation", "UpdatePodIdentityAssociation"],
        "emr-serverless": ["StartJobRun"],
        "glue": ["StartJobRun"],
        "sts": ["AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "GetFederationToken"],
        "transfer": ["CreateAccess", "CreateUser", "UpdateAccess", "UpdateUser"],
    },
    "podrole's own operations check it before they store it.": {
        "iam": [
            "CreatePolicy",
            "CreatePolicyVersion",
            "CreateRole",
            "PutGroupPolicy",
            "PutRolePolicy",
            "PutUserPolicy",
            "UpdateAssumeRolePolicy",
        ],
    },
    "It is only asked about, not stored.": {
        "iam": ["SimulateCustomPolicy", "SimulatePrincipalPolicy"],
        "secretsmanager": ["ValidateResourcePolicy"],
    },
    "It holds for requests that come through a VPC endpoint or Verified Access: here none does.": {
        "ec2": [
            "CreateVerifiedAccessEndpoint",
            "CreateVerifiedAccessGroup",
            "CreateVpcEndpoint",
            "ModifyClientVpnEndpointAuthorizationPolicy",
            "ModifyVerifiedAccessEndpointPolicy",
            "ModifyVerifiedAccessGroupPolicy",
            "ModifyVpcEndpoint",
        ],
        "transfer": ["CreateWebApp"],
    },
    "It is for principals that are not IAM's: devices, browsers, users of IAM Identity Center and QuickSight.": {
        "iot": ["CreatePolicy", "CreatePolicyVersion"],
        "quicksight": [
            "CreateCustomPermissions",
            "CreateDataSet",
            "UpdateAccountCustomPermission",
            "UpdateActionConnectorPermissions",
            "UpdateAgentPermissions",
            "UpdateAnalysisPermissions",
            "UpdateAppPermissions",
            "UpdateCustomPermissions",
            "UpdateDashboardPermissions",
            "UpdateDataSet",
            "UpdateDataSetPermissions",
            "UpdateDataSourcePermissions",
            "UpdateFlowPermissions",
            "UpdateFolderPermissions",
            "UpdateKnowledgeBasePermissions",
            "UpdateResourcePermissions",
            "UpdateRoleCustomPermission",
            "UpdateSpacePermissions",
            "UpdateTemplatePermissions",
            "UpdateThemePermissions",
            "UpdateTopicPermissions",
            "UpdateUserCustomPermission",
        ],
        "sso-admin": ["PutInlinePolicyToPermissionSet"],
        "workspaces": ["ModifyClientProperties", "ModifySelfservicePermissions"],
        "workspaces-web": ["CreateBrowserSettings", "UpdateBrowserSettings"],
    },
    "It shares a resource with accounts, and denies nothing: what only a share allows is denied here.": {
        "ec2": ["CreateNetworkInterfacePermission", "ModifyVpcEndpointServicePermissions"],
        "lakeformation": ["GrantPermissions"],
        "ram": ["UpdatePermission"],
        "ssm": ["ModifyDocumentPermission"],
        "workspaces": ["UpdateConnectionAliasPermission", "UpdateWorkspaceImagePermission"],
    },
    "It is a rule of another kind: networks, encryption, rotation, redaction, messages, code.": {
        "codepipeline": ["UpdateActionType"],
        "config": ["PutConfigRule", "PutOrganizationConfigRule"],
        "connect": ["StartContactConversationalAnalyticsJob"],
        "ec2": ["BundleInstance"],
        "ecs": ["RegisterTaskDefinition"],
        "ivs": ["CreateChannel", "UpdateChannel"],
        "logs": ["PutAccountPolicy", "PutDataProtectionPolicy", "PutIndexPolicy"],
        "networkmanager": ["CreateCoreNetwork", "PutCoreNetworkPolicy"],
        "opensearchserverless": [
            "CreateLifecyclePolicy",
            "CreateSecurityPolicy",
            "UpdateLifecyclePolicy",
            "UpdateSecurityPolicy",
        ],
        "ses": ["CreateReceiptFilter"],
        "sesv2": ["UpdateReputationEntityPolicy"],
        "sns": ["PutDataProtectionPolicy"],
        "ssm": ["PutParameter"],
    },
}


def text_members(shape: Any, depth: int = 0) -> Iterator[str]:
    """Yield the names of text members, at the top and inside."""
    if shape is None or depth > 5:
        return
    if shape.type_name == "list":
        yield from text_members(shape.member, depth + 1)
    elif shape.type_name == "structure":
        for name, member in shape.members.items():
            if member.type_name in ("string", "blob"):
                yield name
            else:
                yield from text_members(member, depth + 1)


def suspects() -> set[tuple[str, str]]:
    """Return the operations, by service, that may store a policy."""
    found = set()
    for name, service in catalogue.services().items():
        model = catalogue.model(name) if service.moto is not None else None
        for operation in model.operation_names if model is not None else ():
            members = text_members(model.operation_model(operation).input_shape)
            takes_policy = any(POLICY.search(member) and not SETTING.search(member) for member in members)
            if takes_policy or STATEMENT_MAKER.search(operation):
                found.add((name, operation))
    return found


@pytest.fixture(scope="module")
def may_store() -> set[tuple[str, str]]:
    return suspects()


JUDGED = {(rules.name, operation) for rules in RULES.values() for operation in rules.documents}
REFUSED = {(rules.name, operation) for rules in RULES.values() for operation in rules.not_judged}
OTHER = {
    (service, operation)
    for services in NO_RESOURCE_POLICY.values()
    for service, operations in services.items()
    for operation in operations
}


def test_every_policy_that_a_service_takes_is_judged_refused_or_no_resource_policy(
    may_store: set[tuple[str, str]],
) -> None:
    assert may_store - JUDGED - REFUSED - OTHER == set()


def test_nothing_is_both_judged_and_refused() -> None:
    assert set() == JUDGED & REFUSED
    assert set() == OTHER & (JUDGED | REFUSED)


def test_the_list_of_documents_that_are_no_resource_policies_has_no_dead_entries(
    may_store: set[tuple[str, str]],
) -> None:
    assert OTHER - may_store == set()


def test_the_rules_name_operations_and_parameters_that_exist() -> None:
    for rules in RULES.values():
        model = catalogue.model(rules.name)
        for operation in (*rules.documents, *rules.not_judged):
            members = model.operation_model(operation).input_shape.members
            for parameter in rules.not_judged.get(operation, ()):
                assert parameter in members, (rules.name, operation, parameter)


def test_a_service_has_its_rules_in_one_place() -> None:
    assert {rules.name for rules in registry._FILES}.isdisjoint(not_judged.NOT_JUDGED)
    assert len({rules.name for rules in registry._FILES}) == len(registry._FILES)


def test_every_judged_resource_policy_has_a_reader_and_every_reader_of_one_has_rules() -> None:
    """A policy is judged only if it is also read: see podrole.aws.emulator.readers."""
    judged = {rules.name for rules in RULES.values() if rules.documents}
    read = {name for name, reader in READERS.items() if reader.policy_holder is not None}
    assert judged == read


def test_most_services_have_no_rules_of_their_own() -> None:
    assert rules_of("ec2").documents == {}
    assert rules_of("ec2").denied is None


def test_the_documentation_lists_what_is_judged() -> None:
    page = (Path(__file__).parents[2] / "docs" / "policies.md").read_text()
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE)
    documented = {(service, operation) for service, text in rows for operation in re.findall(r"[A-Z]\w{6,}", text)}
    assert documented == JUDGED | {("iam", "CreateRole"), ("iam", "UpdateAssumeRolePolicy")}
