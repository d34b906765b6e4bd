"""Reads eksctl's ClusterConfig, unchanged: the sections about identities, and by name those that are left alone.

Source: eksctl, ``pkg/apis/eksctl.io/v1alpha5`` (``iam.go``, ``types.go``, ``validation.go``) of 2026-08-21.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from podrole.base.partitions import partition_of
from podrole.doctor.similarity import nearest
from podrole.setup import text_forms as forms
from podrole.setup.eksctl_schema import Section
from podrole.setup.names import role_name
from podrole.setup.role_contents import RoleMembers, read_role, read_session_policy, read_tags
from podrole.setup.wanted import (
    ExistingRole,
    ServiceAccountName,
    WantedAssociation,
    WantedRole,
    WantedServiceAccount,
    WantedSetup,
)
from podrole.setup.yaml_positions import Problems, read_located

_Entry: TypeAlias = tuple[Section, WantedServiceAccount | WantedAssociation]

API_VERSION = "eksctl.io/v1alpha5"
KIND = "ClusterConfig"

_LEFT_ALONE_OF_METADATA = ("version", "forceUpdateVersion", "rollbackConfig", "annotations")
_LEFT_ALONE_OF_IAM = (
    "serviceRoleARN",
    "serviceRolePermissionsBoundary",
    "fargatePodExecutionRoleARN",
    "fargatePodExecutionRolePermissionsBoundary",
    "vpcResourceControllerPolicy",
)
_SERVICE_ACCOUNT_ROLE = RoleMembers(
    existing="attachRoleARN",
    managed="attachPolicyARNs",
    document="attachPolicy",
    boundary="permissionsBoundary",
    only_of_new=("roleOnly", "subjectPattern"),
)
_ASSOCIATION_ROLE = RoleMembers(
    existing="roleARN",
    managed="permissionPolicyARNs",
    document="permissionPolicy",
    boundary="permissionsBoundaryARN",
    only_of_new=(),
)


def read_cluster_config(text: str, file: str, partition: str | None = None) -> WantedSetup:
    """Return what a ClusterConfig in YAML or JSON wants.

    ``file`` is the file's name in messages and tags. ``partition`` is the account's; without it that of the region in
    the file, and without a region ARNs of every partition are taken. Tags of ``metadata`` go to each role and
    association, as with eksctl. Raises InvalidSetup, which lists all problems, each with its line and column.
    """
    problems = Problems(file)
    top = Section(read_located(text, problems), "", problems)
    problems.check()
    wanted = _ConfigReader(top, partition).read(file)
    problems.check()
    return wanted


class _ConfigReader:
    def __init__(self, top: Section, partition: str | None) -> None:
        self._top = top
        self._partition = partition or ""
        self._tags: Mapping[str, str] = {}
        self._left_alone: list[str] = []

    def read(self, file: str) -> WantedSetup:
        top = self._top
        top.required_text("apiVersion", _exactly(API_VERSION))
        top.required_text("kind", _exactly(KIND))
        cluster, region = self._metadata()
        iam = top.section("iam")
        provider = iam is not None and iam.flag("withOIDC")
        service_accounts: list[WantedServiceAccount] = []
        associations: list[WantedAssociation] = []
        if iam is not None:
            by_token = [(section, self._service_account(section)) for section in iam.sections("serviceAccounts")]
            by_association = [
                (section, self._association(section)) for section in iam.sections("podIdentityAssociations")
            ]
            _report_repeated(by_token)
            _report_repeated(by_association)
            _report_contradictions(cluster, [*by_token, *by_association])
            service_accounts = [wanted for _, wanted in by_token]
            associations = [wanted for _, wanted in by_association]
            self._left_alone += iam.leave(_LEFT_ALONE_OF_IAM)
            iam.close()
        self._other_sections()
        return WantedSetup(
            cluster, region, provider, tuple(service_accounts), tuple(associations), file, tuple(self._left_alone)
        )

    def _metadata(self) -> tuple[str, str | None]:
        self._top.require("metadata", ": expected the cluster's name in it")
        metadata = self._top.section("metadata")
        if metadata is None:
            return "", None
        cluster = metadata.required_text("name", forms.cluster_name)
        region = metadata.text("region", forms.region)
        self._tags = read_tags(metadata)
        self._left_alone += metadata.leave(_LEFT_ALONE_OF_METADATA)
        metadata.close()
        if not self._partition and region is not None:
            self._partition = partition_of(region)
        return cluster, region

    def _service_account(self, section: Section) -> WantedServiceAccount:
        metadata = section.section("metadata")
        account, labels, annotations = ServiceAccountName("default", ""), {}, {}
        section.require("metadata", ": expected a name in it")
        if metadata is not None:
            name = metadata.required_text("name", forms.service_account)
            account = ServiceAccountName(metadata.text("namespace", forms.namespace) or "default", name)
            labels = metadata.text_map("labels", forms.label_key, forms.label_text)
            annotations = metadata.text_map("annotations", forms.annotation_key, forms.any_text)
            metadata.close()
        role = read_role(section, _SERVICE_ACCOUNT_ROLE, self._partition, self._tags)
        if isinstance(role, ExistingRole):
            self._left_alone += section.leave(["tags"])
        wanted = WantedServiceAccount(
            account,
            role,
            role_only=section.flag("roleOnly"),
            subject_pattern=section.text("subjectPattern", forms.subject_pattern),
            labels=labels,
            annotations=annotations,
        )
        section.leave(["status"])
        section.close()
        return wanted

    def _association(self, section: Section) -> WantedAssociation:
        account = ServiceAccountName(
            section.required_text("namespace", forms.namespace),
            section.required_text("serviceAccountName", forms.service_account),
        )
        self._policy_name(section)
        wanted = WantedAssociation(
            account,
            read_role(section, _ASSOCIATION_ROLE, self._partition, self._tags),
            target_role_arn=section.text("targetRoleARN", forms.role_arn(self._partition)),
            disable_session_tags=section.flag("disableSessionTags"),
            session_policy=read_session_policy(section, self._partition),
            create_service_account=section.flag("createServiceAccount"),
            tags={**self._tags, **read_tags(section)},
        )
        section.close()
        return wanted

    def _policy_name(self, section: Section) -> None:
        """Leave the name of the inline policy alone: podrole's has its own."""
        if section.text("permissionPolicyName") is not None:
            if "permissionPolicy" not in section:
                section.report("permissionPolicyName", "it names the policy permissionPolicy, which is missing")
            self._left_alone += section.leave(["permissionPolicyName"])

    def _other_sections(self) -> None:
        """Leave other sections alone, unless their name seems to be misspelt."""
        for name in self._top.others():
            if nearest(name, ("apiVersion", "kind", "metadata", "iam")) is None:
                self._left_alone += self._top.leave([name])
        self._top.close()


def _report_repeated(entries: Sequence[_Entry]) -> None:
    seen: dict[ServiceAccountName, Section] = {}
    for section, wanted in entries:
        first = seen.setdefault(wanted.account, section)
        if first is not section and wanted.account.name:
            message = f"{section.path} is a second entry for {wanted.account}: the first is {first.path}"
            section.problems.add(section.position, f"{message}, on line {first.position.line}")


def _report_contradictions(cluster: str, entries: Sequence[_Entry]) -> None:
    """Note the entries that make a role with other permissions than an entry before: one role cannot have both."""
    makers: dict[str, tuple[Section, WantedServiceAccount | WantedAssociation, WantedRole]] = {}
    for section, wanted in entries:
        role = wanted.role
        if isinstance(role, WantedRole) and wanted.account.name:
            name = role.name or role_name(cluster, wanted.account)
            first, before, made = makers.setdefault(name.lower(), (section, wanted, role))
            repeated = type(before) is type(wanted) and before.account == wanted.account
            if not repeated and _permissions(made) != _permissions(role):
                message = f"{section.path} and {first.path}, on line {first.position.line}, make the role {name}"
                section.problems.add(section.position, f"{message} with different permissions")


def _permissions(role: WantedRole) -> tuple[object, ...]:
    return frozenset(role.managed), dict(role.inline), role.boundary


def _exactly(expected: str) -> forms.Form:
    return lambda value: None if value == expected else expected
