"""What Organizations answers here, by the names in botocore's model.

https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html. Invitations, responsibility
transfers and effective policies are not here: they answer NotImplemented.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from podrole.account.organizations import accounts, delegation, policies, tree
from podrole.account.organizations.request import OrganizationsRequest, Output

OPERATIONS: Mapping[str, Callable[[OrganizationsRequest], Output]] = {
    "AttachPolicy": policies.attach_policy,
    "CloseAccount": accounts.close_account,
    "CreateAccount": accounts.create_account,
    "CreateOrganization": tree.create_organization,
    "CreateOrganizationalUnit": tree.create_organizational_unit,
    "CreatePolicy": policies.create_policy,
    "DeleteOrganization": tree.delete_organization,
    "DeleteOrganizationalUnit": tree.delete_organizational_unit,
    "DeletePolicy": policies.delete_policy,
    "DeregisterDelegatedAdministrator": delegation.deregister_delegated_administrator,
    "DescribeAccount": accounts.describe_account,
    "DescribeCreateAccountStatus": accounts.describe_create_account_status,
    "DescribeOrganization": tree.describe_organization,
    "DescribeOrganizationalUnit": tree.describe_organizational_unit,
    "DescribePolicy": policies.describe_policy,
    "DetachPolicy": policies.detach_policy,
    "DisableAWSServiceAccess": delegation.disable_aws_service_access,
    "DisablePolicyType": policies.disable_policy_type,
    "EnableAWSServiceAccess": delegation.enable_aws_service_access,
    "EnablePolicyType": policies.enable_policy_type,
    "ListAWSServiceAccessForOrganization": delegation.list_aws_service_access_for_organization,
    "ListAccounts": accounts.list_accounts,
    "ListAccountsForParent": accounts.list_accounts_for_parent,
    "ListChildren": tree.list_children,
    "ListCreateAccountStatus": accounts.list_create_account_status,
    "ListDelegatedAdministrators": delegation.list_delegated_administrators,
    "ListDelegatedServicesForAccount": delegation.list_delegated_services_for_account,
    "ListOrganizationalUnitsForParent": tree.list_organizational_units_for_parent,
    "ListParents": tree.list_parents,
    "ListPolicies": policies.list_policies,
    "ListPoliciesForTarget": policies.list_policies_for_target,
    "ListRoots": tree.list_roots,
    "ListTagsForResource": delegation.list_tags_for_resource,
    "ListTargetsForPolicy": policies.list_targets_for_policy,
    "MoveAccount": accounts.move_account,
    "RegisterDelegatedAdministrator": delegation.register_delegated_administrator,
    "RemoveAccountFromOrganization": accounts.remove_account_from_organization,
    "TagResource": delegation.tag_resource,
    "UntagResource": delegation.untag_resource,
    "UpdateOrganizationalUnit": tree.update_organizational_unit,
    "UpdatePolicy": policies.update_policy,
}
