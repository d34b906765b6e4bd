"""Faults that all pods of a world share: the webhook's registration and the account's identity provider. Each is made,
found, and repaired by its remedy; then the pod has its identity. ``make test`` has some of each kind,
``make soak`` all.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from podrole.base.certificates import Authority
from podrole.doctor.chain import Diagnosis
from podrole.doctor.remedies.changes import ByHand
from podrole.doctor.report.findings import Link, LinkState
from podrole.world.parts import WEBHOOK_NAME
from support.broken_world import BrokenWorld, Object
from support.faults import healthy
from support.interfering_webhook import NAME, interfering_webhook

REGISTRATION = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{WEBHOOK_NAME}"
OTHER_PROVIDER = "arn:aws:iam::111122223333:oidc-provider/{}"


@pytest.fixture(autouse=True)
def as_it_was(world: BrokenWorld) -> Iterator[None]:
    """Restore the webhook's registration for the next test. Pods call AWS only after the repair."""
    world.shut()
    before = world.call("GET", REGISTRATION)
    yield
    kept = {"metadata": {"name": WEBHOOK_NAME}, "webhooks": before["webhooks"]}
    if world.http.get(REGISTRATION).status_code == 404:
        world.call("POST", REGISTRATION.rpartition("/")[0], kept)
    else:
        world.call("PATCH", REGISTRATION, {"webhooks": before["webhooks"]})


def change(world: BrokenWorld, **members: Any) -> None:
    """Change members of the registered webhook; pods are admitted even if it fails."""
    operations = [{"op": "add", "path": f"/webhooks/0/{key}", "value": value} for key, value in members.items()]
    operations.append({"op": "add", "path": "/webhooks/0/failurePolicy", "value": "Ignore"})
    world.call("PATCH", REGISTRATION, operations, patch="json")


def codes(diagnosis: Diagnosis) -> list[str]:
    return [one.code for one in diagnosis.faults]


def repaired(world: BrokenWorld, name: str, code: str, *also: str) -> None:
    """Find this fault and no other, run its remedy, and see that the pod has its identity."""
    world.wait_until_ended([name])
    found = world.examine_pod(name)
    assert set(codes(found)) <= {code, *also}
    world.open()
    world.repair(next(one for one in (*found.faults, *found.risks) if one.code == code))
    phases = world.wait_until_ended([name])
    assert phases[name] == "Succeeded", world.logs(name)
    assert f":assumed-role/{name}/" in world.logs(name)
    assert world.examine_pod(name).exit_code == 0


def test_missing_registration_is_repaired(world: BrokenWorld) -> None:
    world.call("DELETE", REGISTRATION)
    healthy(world, "unregistered")
    world.pod("unregistered", "unregistered")
    repaired(world, "unregistered", "PR201")


def test_namespace_gets_the_label_that_the_selector_requires(world: BrokenWorld) -> None:
    change(world, namespaceSelector={"matchLabels": {"identity": "yes"}})
    healthy(world, "left-out")
    world.pod("left-out", "left-out")
    repaired(world, "left-out", "PR203")


@pytest.mark.parametrize(
    ("member", "code", "what"), [("namespaceSelector", "PR203", "namespace"), ("objectSelector", "PR204", "pod")]
)
def test_selector_that_no_label_meets_is_not_repaired_by_a_label(
    world: BrokenWorld, member: str, code: str, what: str
) -> None:
    wanted = [{"key": "identity", "operator": operator, "values": ["yes"]} for operator in ("In", "NotIn")]
    change(world, **{member: {"matchExpressions": wanted}})
    name = f"contradicted-{what}"
    healthy(world, name)
    world.pod(name, name)
    world.wait_until_ended([name])
    finding = next(one for one in world.examine_pod(name).faults if one.code == code)
    hook = world.call("GET", REGISTRATION)["webhooks"][0]["name"]
    sentence = f"change the {member} of webhook {hook} in {WEBHOOK_NAME}: no labels of a {what} meet it"
    assert finding.remedy.changes[0] == ByHand(sentence)


@pytest.mark.soak
def test_rules_that_are_there_are_kept(world: BrokenWorld) -> None:
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}
    change(world, rules=[rule])
    healthy(world, "other-rule")
    world.pod("other-rule", "other-rule")
    repaired(world, "other-rule", "PR202")
    assert [one["resources"] for one in world.call("GET", REGISTRATION)["webhooks"][0]["rules"]] == [
        ["deployments"],
        ["pods"],
    ]


@pytest.mark.soak
def test_namespace_excluded_by_name_is_removed_from_the_selector(world: BrokenWorld) -> None:
    named = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", world.namespace]}
    change(world, namespaceSelector={"matchExpressions": [named]})
    healthy(world, "named")
    world.pod("named", "named")
    repaired(world, "named", "PR203")


@pytest.mark.soak
def test_pod_gets_the_label_that_the_selector_requires(world: BrokenWorld) -> None:
    change(world, objectSelector={"matchLabels": {"identity": "yes"}})
    healthy(world, "unlabelled")
    world.pod("unlabelled", "unlabelled")
    repaired(world, "unlabelled", "PR204")


@pytest.mark.soak
def test_label_that_excludes_the_pod_is_removed(world: BrokenWorld) -> None:
    healthy(world, "asks-to-be-left")
    world.pod("asks-to-be-left", "asks-to-be-left", meta_labels={"eks.amazonaws.com/skip-pod-identity-webhook": "true"})
    repaired(world, "asks-to-be-left", "PR204")


@pytest.mark.soak
def test_outdated_ca_bundle_is_replaced(world: BrokenWorld) -> None:
    other = Authority.create("of last year", now=time.time()).certificate_pem
    config = world.call("GET", REGISTRATION)["webhooks"][0]["clientConfig"]
    change(world, clientConfig={**config, "caBundle": base64.b64encode(other).decode()})
    healthy(world, "stale")
    world.pod("stale", "stale")
    repaired(world, "stale", "PR205")


@pytest.mark.soak
def test_wrong_webhook_address_is_replaced(world: BrokenWorld) -> None:
    config = world.call("GET", REGISTRATION)["webhooks"][0]["clientConfig"]
    change(world, clientConfig={**config, "url": "https://127.0.0.1:1/mutate"})
    healthy(world, "unreachable")
    world.pod("unreachable", "unreachable")
    repaired(world, "unreachable", "PR206")


def test_pod_admitted_while_the_webhook_was_unreachable_is_recreated(world: BrokenWorld) -> None:
    config = world.call("GET", REGISTRATION)["webhooks"][0]["clientConfig"]
    change(world, clientConfig={**config, "url": "https://127.0.0.1:1/mutate"})
    healthy(world, "let-in")
    time_of_next_second(world)
    world.pod("let-in", "let-in")
    change(world, clientConfig=config)
    repaired(world, "let-in", "PR212")


def time_of_next_second(world: BrokenWorld) -> None:
    """Wait for the next second of the API server's clock, which has whole seconds."""
    begin = made_now(world)
    while made_now(world) == begin:
        time.sleep(0.05)  # a point in time is awaited


def made_now(world: BrokenWorld) -> str:
    answer = world.call("POST", "/api/v1/namespaces?dryRun=All", {"metadata": {"name": "now"}})
    return str(answer["metadata"]["creationTimestamp"])


@pytest.mark.parametrize("policy", ["Never", pytest.param("IfNeeded", marks=pytest.mark.soak)])
def test_injection_undone_by_another_webhook_is_repaired(world: BrokenWorld, policy: str) -> None:
    configurations = REGISTRATION.rpartition("/")[0]
    name = f"undone-{policy.lower()}"
    with interfering_webhook(policy) as configuration:
        world.call("POST", configurations, configuration)
        try:
            change(world, reinvocationPolicy=policy)
            healthy(world, name)
            world.pod(name, name)
            world.wait_until_ended([name])
            assert NAME in world.examine_pod(name).faults[0].what
            repaired(world, name, "PR211")
        finally:
            world.call("DELETE", f"{configurations}/sidecars")


def test_dry_run_shows_that_new_pods_get_no_identity(world: BrokenWorld) -> None:
    healthy(world, "to-come")
    config = world.call("GET", REGISTRATION)["webhooks"][0]["clientConfig"]
    change(world, clientConfig={**config, "url": "https://127.0.0.1:1/mutate"})
    found = world.examine(f"{world.namespace}/serviceaccount/to-come", live=True)
    assert "PR212" in codes(found)


def test_missing_provider_is_created(world: BrokenWorld) -> None:
    world.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=world.provider_arn)
    healthy(world, "no-provider")
    world.pod("no-provider", "no-provider")
    repaired(world, "no-provider", "PR501")


@pytest.mark.soak
def test_missing_audience_is_added_to_the_provider(world: BrokenWorld) -> None:
    world.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=world.provider_arn)
    world.provider(ClientIDList=["somebody.else"])
    healthy(world, "no-audience")
    world.pod("no-audience", "no-audience")
    repaired(world, "no-audience", "PR502")


@pytest.mark.soak
def test_wrong_thumbprint_is_replaced(world: BrokenWorld) -> None:
    world.iam.update_open_id_connect_provider_thumbprint(
        OpenIDConnectProviderArn=world.provider_arn, ThumbprintList=["a" * 40]
    )
    healthy(world, "other-thumbprint")
    world.pod("other-thumbprint", "other-thumbprint")
    repaired(world, "other-thumbprint", "PR503")


@pytest.mark.soak
def test_provider_of_a_former_cluster_is_kept_and_a_new_one_created(world: BrokenWorld) -> None:
    before = world.prefix[:-4] + "0000"
    world.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=world.provider_arn)
    world.provider(Url=f"https://{before}")
    try:
        name = "of-before"
        old = f"arn:aws:iam::{world.account}:oidc-provider/{before}"
        trust = world.trust(name, Principal={"Federated": [old, world.provider_arn]})
        world.service_account(name, {"eks.amazonaws.com/role-arn": world.role(name, trust)})
        world.pod(name, name)
        repaired(world, name, "PR504")
    finally:
        world.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=old)


@pytest.mark.soak
def test_provider_with_almost_the_right_url_is_replaced(world: BrokenWorld) -> None:
    world.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=world.provider_arn)
    world.provider(Url=world.issuer.replace("/id/", "/Id/"))
    healthy(world, "almost")
    world.pod("almost", "almost")
    repaired(world, "almost", "PR505")


# EKS Pod Identity


def associate(world: BrokenWorld, name: str) -> None:
    """Associate a service account with a role that trusts EKS Pod Identity."""
    world.service_account(name)
    statement = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}}
    actions = {"Action": ["sts:AssumeRole", "sts:TagSession"]}
    role = world.role(name, {"Version": "2012-10-17", "Statement": [{**statement, **actions}]})
    cluster = world.boto("eks").list_clusters()["clusters"][0]
    world.boto("eks").create_pod_identity_association(
        clusterName=cluster, namespace=world.namespace, serviceAccount=name, roleArn=role
    )


def trusting(world: BrokenWorld, name: str, document: Object) -> None:
    world.iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))


def test_role_that_no_longer_trusts_pod_identity_is_repaired(world: BrokenWorld) -> None:
    associate(world, "associated")
    trusting(world, "associated", world.trust("associated"))
    world.pod("associated", "associated")
    repaired(world, "associated", "PR619")
    kept = world.iam.get_role(RoleName="associated")["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert len(kept) == 2, "the former statement is kept"


def test_live_does_not_take_a_token_for_eks_to_sts(world: BrokenWorld) -> None:
    associate(world, "eks-live")
    found = world.examine(f"{world.namespace}/serviceaccount/eks-live", live=True)
    assert found.faults == ()
    assert (found.verdicts[-1].link, found.verdicts[-1].state) == (Link.LIVE, LinkState.UNKNOWN)
    assert "EKS exchanges only the token of a running pod" in found.verdicts[-1].why


def test_target_role_is_asked_too(world: BrokenWorld) -> None:
    associate(world, "first")
    world.pod("first", "first")
    second = world.role("second", world.trust("first"))
    eks, iam = world.boto("eks"), world.iam
    (cluster,) = eks.list_clusters()["clusters"]
    ((association,),) = (
        eks.list_pod_identity_associations(clusterName=cluster, namespace=world.namespace, serviceAccount="first")[
            "associations"
        ],
    )
    named = {"clusterName": cluster, "associationId": association["associationId"]}
    eks.update_pod_identity_association(**named, targetRoleArn=second)

    def target() -> tuple[LinkState, list[str]]:
        found = world.examine(f"{world.namespace}/serviceaccount/first")
        trust = next(one for one in found.verdicts if one.link is Link.TRUST)
        return trust.state, [one.code for one in found.faults]

    assert target() == (LinkState.BROKEN, ["PR620"])
    first = iam.get_role(RoleName="first")["Role"]["Arn"]
    actions = ["sts:AssumeRole", "sts:TagSession"]
    allows = {"Effect": "Allow", "Action": actions, "Resource": second}
    document = {"Version": "2012-10-17", "Statement": [allows]}
    iam.put_role_policy(RoleName="first", PolicyName="target", PolicyDocument=json.dumps(document))
    assert target() == (LinkState.BROKEN, ["PR620"])
    trust = {"Effect": "Allow", "Principal": {"AWS": first}, "Action": actions}
    trusting(world, "second", {"Version": "2012-10-17", "Statement": [trust]})
    assert target() == (LinkState.HOLDS, [])
    trust |= {"Condition": {"StringEquals": {"aws:RequestTag/kubernetes-service-account": "other"}}}
    trusting(world, "second", {"Version": "2012-10-17", "Statement": [trust]})
    assert target() == (LinkState.BROKEN, ["PR620"])
    tagless = {"Effect": "Allow", "Principal": {"AWS": first}, "Action": actions[0]}
    described = eks.update_pod_identity_association(**named, disableSessionTags=True)["association"]
    for external_id, state in ((described["externalId"], LinkState.HOLDS), ("other", LinkState.BROKEN)):
        condition = {"Condition": {"StringEquals": {"sts:ExternalId": external_id}}}
        trusting(world, "second", {"Version": "2012-10-17", "Statement": [{**tagless, **condition}]})
        assert target()[0] is state
    eks.update_pod_identity_association(**named, targetRoleArn="arn:aws:iam::444455556666:role/elsewhere")
    assert target() == (LinkState.UNKNOWN, [])


@pytest.mark.soak
def test_role_without_tag_session_is_repaired(world: BrokenWorld) -> None:
    associate(world, "untagged")
    statement = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trusting(world, "untagged", {"Version": "2012-10-17", "Statement": [statement]})
    world.pod("untagged", "untagged")
    repaired(world, "untagged", "PR619")


@pytest.mark.soak
def test_deleted_role_of_an_association_is_recreated(world: BrokenWorld) -> None:
    associate(world, "gone")
    world.iam.delete_role(RoleName="gone")
    world.pod("gone", "gone")
    repaired(world, "gone", "PR601")


# Several pods, several namespaces


def test_pod_under_another_service_account_is_moved(world: BrokenWorld) -> None:
    world.create_namespace("aside")
    aside = BrokenWorld(world.running, "aside")
    try:
        healthy(aside, "the-right-one")
        aside.pod("the-right-pod")
        aside.wait_until_ended(["the-right-pod"])
        found = aside.examine_pod("the-right-pod")
        assert codes(found) == ["PR109"]
        aside.open()
        aside.repair(found.faults[0])
        assert aside.wait_until_ended(["the-right-pod"])["the-right-pod"] == "Succeeded"
    finally:
        aside.close()


def test_deployment_is_repaired_in_its_template(world: BrokenWorld) -> None:
    name = "deployed"
    healthy(world, name)
    container: Object = {"name": "main", "image": "busybox", "command": ["sleep", "600"]}
    container["env"] = [{"name": "AWS_PROFILE", "value": "production"}]
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], "serviceAccountName": name}}
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
    path = f"/apis/apps/v1/namespaces/{world.namespace}/deployments"
    world.call("POST", path, {"metadata": {"name": name}, "spec": spec})
    world.running.ok("kubectl", "rollout", "status", f"deployment/{name}", "-n", world.namespace, "--timeout=30s")
    target = f"{world.namespace}/{name}"
    found = world.examine(target)
    assert codes(found) == ["PR302"]
    before = str(found.target)
    commands = world.repair(found.faults[0])
    assert f"set env deployment/{name}" in commands
    world.running.ok("kubectl", "rollout", "status", f"deployment/{name}", "-n", world.namespace, "--timeout=30s")
    assert world.examine(f"{world.namespace}/serviceaccount/{name}").exit_code == 0
    assert world.examine(before).exit_code == 0  # the pod that replaced it
    world.call("DELETE", f"{path}/{name}")


# Live


def test_real_exchange_ends_with_a_session_of_the_role(world: BrokenWorld) -> None:
    healthy(world, "live")
    found = world.examine(f"{world.namespace}/serviceaccount/live", live=True)
    assert found.exit_code == 0
    last = found.verdicts[-1]
    assert last.state is LinkState.HOLDS
    assert f"arn:aws:sts::{world.account}:assumed-role/live/podrole-doctor" in last.why


def test_real_exchange_without_a_service_account_reports_it(world: BrokenWorld) -> None:
    found = world.examine(f"{world.namespace}/serviceaccount/nobody", live=True)
    assert codes(found) == ["PR101", "PR801"]


def test_real_exchange_reports_the_answer_of_sts(world: BrokenWorld) -> None:
    trust = world.trust("distrusted", Action="sts:AssumeRole")
    world.service_account("distrusted", {"eks.amazonaws.com/role-arn": world.role("distrusted", trust)})
    found = world.examine(f"{world.namespace}/serviceaccount/distrusted", live=True)
    assert codes(found) == ["PR610", "PR802"]
    refusal = found.faults[1]
    assert "Not authorized to perform sts:AssumeRoleWithWebIdentity" in refusal.what
    world.repair(found.faults[0])
    assert world.examine(f"{world.namespace}/serviceaccount/distrusted", live=True).exit_code == 0
