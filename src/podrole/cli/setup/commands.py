"""The commands of the set-up and their options: eksctl's words."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from podrole.cli.plain_help import CommandGroup
from podrole.cli.setup.options import SetupOptions, changes_a_set_up, reads_a_set_up
from podrole.setup.method import Method

create_app = typer.Typer(
    cls=CommandGroup, name="create", help="Create identities for service accounts.", no_args_is_help=True
)
get_app = typer.Typer(
    cls=CommandGroup, name="get", help="List the identities of service accounts.", no_args_is_help=True
)
update_app = typer.Typer(cls=CommandGroup, name="update", help="Change what podrole made.", no_args_is_help=True)
delete_app = typer.Typer(cls=CommandGroup, name="delete", help="Delete what podrole made.", no_args_is_help=True)
utils_app = typer.Typer(cls=CommandGroup, name="utils", help="Prepare a cluster and an account.", no_args_is_help=True)
SETUP_APPS = (create_app, get_app, update_app, delete_app, utils_app)


class ListFormat(StrEnum):
    """How ``get`` prints."""

    TABLE = "table"
    YAML = "yaml"
    JSON = "json"


def _format(output: ListFormat, options: SetupOptions) -> str:
    return ListFormat.JSON.value if options.as_json else output.value


Name = Annotated[str, typer.Option("--name", help="The service account's name.")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Its namespace.")]
AccountName = Annotated[str, typer.Option("--service-account-name", help="The service account's name.")]
Policies = Annotated[list[str] | None, typer.Option("--attach-policy-arn", help="A managed policy; repeatable.")]
Permissions = Annotated[
    list[str] | None, typer.Option("--permission-policy-arns", help="Managed policies of the role; repeatable.")
]
WellKnown = Annotated[
    list[str] | None,
    typer.Option("--well-known-policies", help="autoScaler, externalDNS, …; repeatable. docs/setup.md lists all."),
]
Boundary = Annotated[str | None, typer.Option("--permissions-boundary", help="The role's permissions boundary.")]
PodBoundary = Annotated[
    str | None,
    typer.Option("--permission-boundary-arn", "--permissions-boundary-arn", help="The role's permissions boundary."),
]
Tags = Annotated[list[str] | None, typer.Option("--tags", help="Tags: KEY=VALUE,…; repeatable.")]
RoleName = Annotated[
    str | None, typer.Option("--role-name", help="The role's name. Without it: CLUSTER-NAMESPACE-NAME.")
]
OnlyNamespace = Annotated[str | None, typer.Option("--namespace", "-n", help="Only this namespace.")]
OnlyName = Annotated[str | None, typer.Option("--name", help="Only this service account.")]
OnlyAccount = Annotated[str | None, typer.Option("--service-account-name", help="Only this service account.")]
Format = Annotated[ListFormat, typer.Option("--output", "-o", help="table, yaml or json.")]
TargetRole = Annotated[
    str | None, typer.Option("--target-role-arn", help="The role that the first one assumes, in any account.")
]
NoSessionTags = Annotated[
    bool, typer.Option("--disable-session-tags", help="EKS adds no tags to the session, such as the namespace.")
]
SessionPolicy = Annotated[str | None, typer.Option("--policy", help="A policy (JSON) that limits the target role.")]


@utils_app.callback()
def utils() -> None:
    """Prepare a cluster and an account."""


@utils_app.command("associate-iam-oidc-provider")
@changes_a_set_up
def associate_provider(*, options: SetupOptions) -> None:
    """Make the cluster's issuer an OpenID Connect provider of the account, so that its roles can trust the cluster's
    tokens."""
    from podrole.cli.setup.requests import associate_provider as run

    raise typer.Exit(run(options))


@create_app.command("iamserviceaccount")
@changes_a_set_up
def create_service_account(
    name: Name,
    namespace: Namespace = "default",
    policy: Policies = None,
    well_known: WellKnown = None,
    role: Annotated[
        str | None, typer.Option("--attach-role-arn", help="An existing role instead of a new one; it is not changed.")
    ] = None,
    role_name: RoleName = None,
    role_only: Annotated[bool, typer.Option("--role-only", help="Leave the service account alone.")] = False,
    boundary: Boundary = None,
    pattern: Annotated[
        str | None, typer.Option("--subject-pattern", help="Trust every service account whose name matches.")
    ] = None,
    tags: Tags = None,
    override: Annotated[
        bool,
        typer.Option("--override-existing-serviceaccounts", help="Annotate a service account that exists already."),
    ] = False,
    *,
    options: SetupOptions,
) -> None:
    """Create a role for a service account, and the service account with its annotation."""
    from podrole.cli.setup.requests import create_service_account as run
    from podrole.cli.setup.role_flags import RoleFlags

    flags = RoleFlags(policy, well_known, role, role_name, boundary, tags)
    raise typer.Exit(run(namespace, name, flags, options, role_only=role_only, pattern=pattern, override=override))


@update_app.command("iamserviceaccount")
@changes_a_set_up
def update_service_account(
    name: Name,
    namespace: Namespace = "default",
    policy: Policies = None,
    well_known: WellKnown = None,
    boundary: Boundary = None,
    tags: Tags = None,
    *,
    options: SetupOptions,
) -> None:
    """Change the policies, boundary or tags of a service account's role. What is not named stays."""
    from podrole.cli.setup.requests import update_service_account as run
    from podrole.cli.setup.role_flags import RoleFlags

    raise typer.Exit(run(namespace, name, RoleFlags(policy, well_known, None, None, boundary, tags), options))


@delete_app.command("iamserviceaccount")
@changes_a_set_up
def delete_service_account(name: Name, namespace: Namespace = "default", *, options: SetupOptions) -> None:
    """Remove the role from a service account. A role that nobody else uses is deleted, and so is a service account that
    podrole created."""
    from podrole.cli.setup.requests import delete_service_account as run

    raise typer.Exit(run(namespace, name, options))


@get_app.command("iamserviceaccount")
@reads_a_set_up
def get_service_accounts(
    namespace: OnlyNamespace = None,
    name: OnlyName = None,
    output: Format = ListFormat.TABLE,
    *,
    options: SetupOptions,
) -> None:
    """List service accounts with their roles. -o yaml prints what podrole apply reads."""
    from podrole.cli.setup.listing import get_service_accounts as run

    raise typer.Exit(run(namespace, name, _format(output, options), options))


@create_app.command("podidentityassociation")
@changes_a_set_up
def create_association(
    name: AccountName,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="The service account's namespace.")],
    role: Annotated[
        str | None, typer.Option("--role-arn", help="An existing role instead of a new one; it is not changed.")
    ] = None,
    policy: Permissions = None,
    well_known: WellKnown = None,
    role_name: RoleName = None,
    boundary: PodBoundary = None,
    target_role: TargetRole = None,
    no_session_tags: NoSessionTags = False,
    session_policy: SessionPolicy = None,
    create: Annotated[
        bool, typer.Option("--create-service-account", help="Create the service account if it does not exist.")
    ] = False,
    tags: Tags = None,
    *,
    options: SetupOptions,
) -> None:
    """Create an EKS Pod Identity association, and its role."""
    from podrole.cli.setup.association_requests import AssociationFlags
    from podrole.cli.setup.association_requests import create_association as run
    from podrole.cli.setup.role_flags import RoleFlags

    flags = RoleFlags(policy, well_known, role, role_name, boundary, tags)
    association = AssociationFlags(target_role, no_session_tags, session_policy, create)
    raise typer.Exit(run(namespace, name, flags, association, options))


@update_app.command("podidentityassociation")
@changes_a_set_up
def update_association(
    name: AccountName,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="The service account's namespace.")],
    role: Annotated[str | None, typer.Option("--role-arn", help="Another existing role.")] = None,
    target_role: TargetRole = None,
    no_session_tags: Annotated[
        bool | None, typer.Option("--disable-session-tags/--enable-session-tags", help="EKS's tags of the session.")
    ] = None,
    session_policy: SessionPolicy = None,
    *,
    options: SetupOptions,
) -> None:
    """Change an association. What is not named stays."""
    from podrole.cli.setup.association_requests import update_association as run

    raise typer.Exit(run(namespace, name, role, target_role, no_session_tags, session_policy, options))


@delete_app.command("podidentityassociation")
@changes_a_set_up
def delete_association(
    name: AccountName,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="The service account's namespace.")],
    *,
    options: SetupOptions,
) -> None:
    """Delete an association, and its role if podrole made it and nobody else uses it."""
    from podrole.cli.setup.association_requests import delete_association as run

    raise typer.Exit(run(namespace, name, options))


@get_app.command("podidentityassociation")
@reads_a_set_up
def get_associations(
    namespace: OnlyNamespace = None,
    name: OnlyAccount = None,
    output: Format = ListFormat.TABLE,
    *,
    options: SetupOptions,
) -> None:
    """List the Pod Identity associations of a cluster. -o yaml prints what podrole apply reads."""
    from podrole.cli.setup.listing import get_associations as run

    raise typer.Exit(run(namespace, name, _format(output, options), options))


@changes_a_set_up
def apply(
    file: Annotated[
        Path, typer.Option("--config-file", "-f", help="eksctl's ClusterConfig; - for standard input.", allow_dash=True)
    ],
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete what this file made for this cluster and no longer names.")
    ] = False,
    *,
    options: SetupOptions,
) -> None:
    """Make the identities that a ClusterConfig file describes: iam.withOIDC, iam.serviceAccounts and
    iam.podIdentityAssociations. All other sections are ignored."""
    from podrole.cli.setup.requests import apply_file

    raise typer.Exit(apply_file(file, options, prune=prune))


@changes_a_set_up
def migrate(
    to: Annotated[Method, typer.Option("--to", help="pod-identity or irsa.")],
    namespace: OnlyNamespace = None,
    *,
    options: SetupOptions,
) -> None:
    """Move service accounts between annotations and EKS Pod Identity, role by role. A pod keeps its identity all the
    time: the old binding is removed by a later run, when every pod has been created again."""
    from podrole.cli.setup.requests import migrate as run

    raise typer.Exit(run(to, namespace, options))


def add_setup_commands(app: typer.Typer) -> None:
    """Add the commands to podrole's."""
    for setup_app in SETUP_APPS:
        app.add_typer(setup_app)
    app.command()(apply)
    app.command()(migrate)
