"""The permissions that a set-up needs: exactly what the code calls, shown in the docs, and enough in a real world."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml

from podrole.iam.document import parse_policy
from podrole.iam.policy import PolicyKind
from podrole.kube.connection import from_kubeconfig
from podrole.setup import account_writes as account_write
from podrole.setup import aws_account, cluster_writes
from podrole.setup.aws_account import AWSAccount
from podrole.setup.errors import PermissionMissing
from podrole.setup.kubernetes_cluster import KubernetesSetupCluster
from podrole.setup.permissions import (
    READ_OPERATIONS,
    READ_RULES,
    WRITE_OPERATIONS,
    WRITE_RULES,
    cluster_role,
    iam_policy,
)
from podrole.setup.place import read_place
from podrole.setup.wanted import ServiceAccountName, WantedAssociation, WantedRole
from podrole.setup.writes import AccountCall, ClusterCall, PlannedWrite
from support.setup_world import access_of
from support.world import RunningWorld

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "setup.md").read_text()
SHOP = ServiceAccountName("shop", "inventory")
NO_STATEMENTS = '{"Version":"2012-10-17","Statement":[]}'
READS = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}'
TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},'
    '"Action":["sts:AssumeRole","sts:TagSession"]}]}'
)
MANAGED = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ISSUER = "https://oidc.example.com/id/1"


def actions_in(module: Any, pattern: str) -> set[str]:
    """Return the operations that a module's source names, as actions."""
    session = botocore.session.Session()
    models = {service: session.get_service_model(service) for service in ("iam", "eks")}
    by_method = {
        (service, botocore.xform_name(name)): f"{service}:{name}"
        for service, model in models.items()
        for name in model.operation_names
    }
    found = re.findall(pattern, Path(module.__file__).read_text())
    return {by_method[service, method] for service, method in found}


def test_listed_reads_are_those_that_the_code_calls() -> None:
    assert actions_in(aws_account, r'"(iam|eks)",\s*"([a-z_]+)"') == set(READ_OPERATIONS)


def test_listed_writes_are_those_that_plans_hold() -> None:
    assert actions_in(account_write, r'_(iam|eks)\(\s*"([a-z_]+)"') == set(WRITE_OPERATIONS)


def test_listed_rules_are_the_requests_that_plans_hold() -> None:
    source = Path(cluster_writes.__file__).read_text().replace("_RESOURCE", '"serviceaccounts"')
    requests = set(re.findall(r'ClusterCall\("(\w+)", "(\w+)"', source))
    assert requests == {(verb, rule["resources"][0]) for rule in WRITE_RULES for verb in rule["verbs"]}


def test_page_shows_the_policy_and_the_cluster_role() -> None:
    (policy,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    (role,) = re.findall(r"```yaml\n(apiVersion: rbac.*?)```", PAGE, re.DOTALL)
    assert json.loads(policy) == iam_policy()
    assert yaml.safe_load(role) == json.loads(json.dumps(cluster_role()))
    parse_policy(policy, PolicyKind.IDENTITY)


def account_writes(account: AWSAccount) -> Iterator[Callable[[], PlannedWrite]]:
    """Every write to an account, in an order in which each can be made."""
    role, provider = f"arn:aws:iam::{account.id}:role/shop", f"arn:aws:iam::{account.id}:oidc-provider/{ISSUER[8:]}"
    tags = {"podrole.dev/cluster": "podrole"}
    wanted = WantedAssociation(SHOP, WantedRole())
    yield lambda: account_write.create_provider(provider, ISSUER, ["sts.amazonaws.com"], ["a" * 40], tags)
    yield lambda: account_write.add_client_id(provider, [], "other")
    yield lambda: account_write.set_thumbprints(provider, [], ["b" * 40])
    yield lambda: account_write.tag_provider(provider, {"a": "b"})
    yield lambda: account_write.create_role("shop", TRUST, MANAGED, tags)
    yield lambda: account_write.set_boundary("shop", None, MANAGED)
    yield lambda: account_write.set_boundary("shop", MANAGED, None)
    yield lambda: account_write.attach_policy("shop", MANAGED)
    yield lambda: account_write.put_inline_policy("shop", "podrole-x", None, READS)
    yield lambda: account_write.tag_role("shop", {}, {"a": "b"})
    yield lambda: account_write.set_trust_policy("shop", TRUST, TRUST + " ")
    yield lambda: account_write.create_association("podrole", wanted, role, tags)

    def association() -> Any:
        found = AWSAccount.association(administrator, "podrole", SHOP)
        assert found is not None
        return found

    administrator = account
    yield lambda: account_write.update_association("podrole", association(), "", None, None, disableSessionTags=True)
    yield lambda: account_write.tag_association(association(), {"a": "b"})
    yield lambda: account_write.delete_association("podrole", association())
    yield lambda: account_write.detach_policy("shop", MANAGED)
    yield lambda: account_write.delete_inline_policy("shop", "podrole-x", READS)
    yield lambda: account_write.delete_role("shop", TRUST)


def read_all(reader: AWSAccount) -> None:
    role = reader.role("shop")
    assert reader.tagged_roles("podrole") == ([role] if role else [])
    assert reader.provider(f"arn:aws:iam::{reader.id}:oidc-provider/{ISSUER[8:]}")
    assert reader.has_pod_identity_agent("podrole")
    assert reader.has_policy(MANAGED)
    assert [reader.association("podrole", SHOP)] == [*reader.associations("podrole"), None][:1]


@pytest.fixture
def user(world: RunningWorld, iam: Any, account: AWSAccount) -> Iterator[AWSAccount]:
    """The account, as a user without permissions sees it."""
    iam.create_user(UserName="setup")
    key = iam.create_access_key(UserName="setup")["AccessKey"]
    seen = AWSAccount(access_of(world, key))
    yield seen
    seen.close()
    iam.delete_access_key(UserName="setup", AccessKeyId=key["AccessKeyId"])
    for name in iam.list_user_policies(UserName="setup")["PolicyNames"]:
        iam.delete_user_policy(UserName="setup", PolicyName=name)
    iam.delete_user(UserName="setup")
    for provider in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider["Arn"])


def test_the_policy_suffices_for_everything(iam: Any, user: AWSAccount, account: AWSAccount) -> None:
    document = json.dumps(iam_policy(), separators=(",", ":"))
    iam.put_user_policy(UserName="setup", PolicyName="setup", PolicyDocument=document)
    for write in account_writes(account):
        call = write().call
        assert isinstance(call, AccountCall)
        user.call(call)
        read_all(user)


def granted_by(refusal: PermissionMissing) -> Any:
    """Return the statement that an error says to add. It is a valid policy."""
    step = str(refusal.next_step)
    text = step[step.index("{") :]
    parse_policy(text, PolicyKind.IDENTITY)
    return json.loads(text)["Statement"][0]


def test_each_missing_permission_is_named_with_the_statement_that_grants_it(
    iam: Any, user: AWSAccount, account: AWSAccount
) -> None:
    """Start without permissions, and add what each error says until the call succeeds."""
    for write in account_writes(account):
        call = write().call
        assert isinstance(call, AccountCall)
        statements: list[Any] = []
        while True:
            try:
                user.call(call)
                break
            except PermissionMissing as refusal:
                statement = granted_by(refusal)
            assert statement not in statements, (call, statement)
            assert statement["Action"] in (*WRITE_OPERATIONS, *READ_OPERATIONS, "iam:PassRole")
            assert statement["Resource"] != "*", call
            statements.append(statement)
            document = json.dumps({"Version": "2012-10-17", "Statement": statements})
            iam.put_user_policy(UserName="setup", PolicyName="setup", PolicyDocument=document)
        assert statements, call
        iam.delete_user_policy(UserName="setup", PolicyName="setup")


@pytest.fixture
async def limited(world: RunningWorld) -> AsyncIterator[KubernetesSetupCluster]:
    """The cluster, as a service account sees it that is bound to the ClusterRole ``podrole-setup``."""
    world.ok("kubectl", "create", "serviceaccount", "operator")
    world.ok(
        *("kubectl", "create", "clusterrolebinding", "operator"),
        *("--clusterrole", "podrole-setup", "--serviceaccount", "default:operator"),
    )
    token = world.ok("kubectl", "create", "token", "operator").strip()
    own = yaml.safe_load((world.directory / ".podrole" / "kubeconfig").read_text())
    for user in own["users"]:
        user["user"] = {"token": token}
    path = world.directory / "limited"
    path.write_text(yaml.safe_dump(own))
    cluster = KubernetesSetupCluster(from_kubeconfig([path]))
    yield cluster
    await cluster.close()
    for words in (
        ("clusterrolebinding", "operator"),
        ("serviceaccount", "operator"),
        ("clusterrole", "podrole-setup", "--ignore-not-found"),
        ("namespace", "shop", "--ignore-not-found", "--wait=false"),
    ):
        world.ok("kubectl", "delete", *words)


def give(world: RunningWorld, *rules: Any) -> None:
    role = json.loads(json.dumps({**cluster_role(), "rules": rules}))
    world.ok("kubectl", "apply", "-f", "-", stdin=json.dumps(role))


async def every_request(
    world: RunningWorld, limited: KubernetesSetupCluster, account: AWSAccount, attempt: Callable[[Any], Any]
) -> None:
    """Make every request of a set-up, each through ``attempt``."""
    name = "default"
    sales = ServiceAccountName(name, "sales")

    async def write(planned: PlannedWrite) -> None:
        assert isinstance(planned.call, ClusterCall)
        call = planned.call
        await attempt(lambda: limited.call(call))

    await attempt(lambda: read_place(limited, account, "podrole"))
    await attempt(lambda: limited.has_namespace(name))
    await attempt(limited.service_accounts)
    await attempt(lambda: limited.pods(sales))
    await write(cluster_writes.create_namespace("limited"))
    await write(cluster_writes.create_service_account(sales, {}, {}))
    found = await attempt(lambda: limited.service_account(sales))
    await write(cluster_writes.patch_service_account(found, {}, {"a": "b"}))
    version = world.ok("kubectl", "get", "serviceaccount", "sales", "-o", "jsonpath={.metadata.resourceVersion}")
    await write(cluster_writes.delete_service_account(replace(found, resource_version=version)))
    world.ok("kubectl", "delete", "namespace", "limited")


async def test_the_cluster_role_suffices_for_everything(
    world: RunningWorld, limited: KubernetesSetupCluster, account: AWSAccount
) -> None:
    give(world, *READ_RULES, *WRITE_RULES)

    async def attempt(request: Any) -> Any:
        return await request()

    await every_request(world, limited, account, attempt)


async def test_each_missing_rule_is_named_with_what_grants_it(
    world: RunningWorld, limited: KubernetesSetupCluster, account: AWSAccount
) -> None:
    """Start without permissions, and add what each error says until the request succeeds."""
    give(world)
    added: list[Any] = []

    async def attempt(request: Any) -> Any:
        rules: list[Any] = []
        while True:
            try:
                return await request()
            except PermissionMissing as refusal:
                (rule,) = yaml.safe_load(str(refusal.next_step).partition("\n")[2])
            assert rule not in rules
            rules.append(rule)
            added.append(rule)
            give(world, *rules)

    await every_request(world, limited, account, attempt)
    verbs = {(*rule.get("resources", rule.get("nonResourceURLs")), *rule["verbs"]) for rule in added}
    listed = {
        (rule.get("resources", rule.get("nonResourceURLs", [""]))[0], verb)
        for rule in (*READ_RULES, *WRITE_RULES)
        for verb in rule["verbs"]
    }
    # system:service-account-issuer-discovery gives every service account the discovery document.
    assert verbs == listed - {("/.well-known/openid-configuration", "get")}
