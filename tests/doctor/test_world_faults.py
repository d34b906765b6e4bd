"""Faults that all pods of a world share: the webhook's registration and the account's identity provider. One is made
after another, found, and repaired by what the remedy says; the pod then has its identity.
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
from podrole.doctor.report.findings import State
from podrole.world.parts import WEBHOOK_NAME
from support.broken_world import Clinic, Object
from support.faults import healthy
from support.interfering_webhook import NAME, meddler

REGISTRATION = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{WEBHOOK_NAME}"
OTHER_PROVIDER = "arn:aws:iam::111122223333:oidc-provider/{}"


@pytest.fixture(autouse=True)
def as_it_was(clinic: Clinic) -> Iterator[None]:
    """Give the next test a sound world, whatever this one left."""
    clinic.open()
    before = clinic.call("GET", REGISTRATION)
    yield
    kept = {"metadata": {"name": WEBHOOK_NAME}, "webhooks": before["webhooks"]}
    if clinic.http.get(REGISTRATION).status_code == 404:
        clinic.call("POST", REGISTRATION.rpartition("/")[0], kept)
    else:
        clinic.call("PATCH", REGISTRATION, {"webhooks": before["webhooks"]})


def change(clinic: Clinic, **members: Any) -> None:
    """Change members of the registered webhook; pods are let in whatever happens."""
    operations = [{"op": "add", "path": f"/webhooks/0/{key}", "value": value} for key, value in members.items()]
    operations.append({"op": "add", "path": "/webhooks/0/failurePolicy", "value": "Ignore"})
    clinic.call("PATCH", REGISTRATION, operations, patch="json")


def codes(diagnosis: Diagnosis) -> list[str]:
    return [one.code for one in diagnosis.faults]


def repaired(clinic: Clinic, name: str, code: str, *also: str) -> None:
    """Find the fault, and nothing else, do what is said, and see the pod have its identity."""
    clinic.wait_until_ended([name])
    found = clinic.examine_pod(name)
    assert set(codes(found)) <= {code, *also}
    clinic.treat(next(one for one in found.faults if one.code == code))
    phases = clinic.wait_until_ended([name])
    assert phases[name] == "Succeeded", clinic.logs(name)
    assert f":assumed-role/{name}/" in clinic.logs(name)
    assert clinic.examine_pod(name).exit_code == 0


def test_a_webhook_that_is_not_registered_is_registered(clinic: Clinic) -> None:
    clinic.call("DELETE", REGISTRATION)
    healthy(clinic, "unregistered")
    clinic.pod("unregistered", "unregistered")
    repaired(clinic, "unregistered", "PR201")


def test_rules_that_leave_out_pods_are_put_right(clinic: Clinic) -> None:
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}
    change(clinic, rules=[rule])
    healthy(clinic, "no-rule")
    clinic.pod("no-rule", "no-rule")
    repaired(clinic, "no-rule", "PR202")


def test_a_namespace_is_labelled_as_the_selector_wants_it(clinic: Clinic) -> None:
    change(clinic, namespaceSelector={"matchLabels": {"identity": "yes"}})
    healthy(clinic, "left-out")
    clinic.pod("left-out", "left-out")
    repaired(clinic, "left-out", "PR203")


def test_a_namespace_left_out_by_its_name_is_taken_out_of_the_selector(clinic: Clinic) -> None:
    named = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", clinic.namespace]}
    change(clinic, namespaceSelector={"matchExpressions": [named]})
    healthy(clinic, "named")
    clinic.pod("named", "named")
    repaired(clinic, "named", "PR203")


def test_a_pod_is_labelled_as_the_selector_wants_it(clinic: Clinic) -> None:
    change(clinic, objectSelector={"matchLabels": {"identity": "yes"}})
    healthy(clinic, "unlabelled")
    clinic.pod("unlabelled", "unlabelled")
    repaired(clinic, "unlabelled", "PR204")


def test_a_label_that_leaves_the_pod_out_is_taken_from_it(clinic: Clinic) -> None:
    healthy(clinic, "asks-to-be-left")
    clinic.pod(
        "asks-to-be-left", "asks-to-be-left", meta_labels={"eks.amazonaws.com/skip-pod-identity-webhook": "true"}
    )
    repaired(clinic, "asks-to-be-left", "PR204")


def test_a_stale_ca_bundle_is_replaced(clinic: Clinic) -> None:
    other = Authority.create("of last year", now=time.time()).certificate_pem
    config = clinic.call("GET", REGISTRATION)["webhooks"][0]["clientConfig"]
    change(clinic, clientConfig={**config, "caBundle": base64.b64encode(other).decode()})
    healthy(clinic, "stale")
    clinic.pod("stale", "stale")
    repaired(clinic, "stale", "PR205")


def test_a_webhook_that_is_looked_for_in_the_wrong_place_is_found_again(clinic: Clinic) -> None:
    config = clinic.call("GET", REGISTRATION)["webhooks"][0]["clientConfig"]
    change(clinic, clientConfig={**config, "url": "https://127.0.0.1:1/mutate"})
    healthy(clinic, "unreachable")
    clinic.pod("unreachable", "unreachable")
    repaired(clinic, "unreachable", "PR206")


def test_a_pod_that_was_let_in_while_the_webhook_was_away_is_made_anew(clinic: Clinic) -> None:
    config = clinic.call("GET", REGISTRATION)["webhooks"][0]["clientConfig"]
    change(clinic, clientConfig={**config, "url": "https://127.0.0.1:1/mutate"})
    healthy(clinic, "let-in")
    time_of_next_second(clinic)
    clinic.pod("let-in", "let-in")
    change(clinic, clientConfig=config)
    repaired(clinic, "let-in", "PR212")


def time_of_next_second(clinic: Clinic) -> None:
    """Wait until the API server's clock, which tells whole seconds, shows another one."""
    begin = made_now(clinic)
    while made_now(clinic) == begin:
        time.sleep(0.05)  # the event that is waited for is a time


def made_now(clinic: Clinic) -> str:
    answer = clinic.call("POST", "/api/v1/namespaces?dryRun=All", {"metadata": {"name": "now"}})
    return str(answer["metadata"]["creationTimestamp"])


@pytest.mark.parametrize("policy", ["Never", "IfNeeded"])
def test_what_another_webhook_undoes_is_done_again_or_it_is_kept_away(clinic: Clinic, policy: str) -> None:
    configurations = REGISTRATION.rpartition("/")[0]
    name = f"undone-{policy.lower()}"
    with meddler(policy) as configuration:
        clinic.call("POST", configurations, configuration)
        try:
            change(clinic, reinvocationPolicy=policy)
            healthy(clinic, name)
            clinic.pod(name, name)
            clinic.wait_until_ended([name])
            assert NAME in clinic.examine_pod(name).faults[0].what
            repaired(clinic, name, "PR211")
        finally:
            clinic.call("DELETE", f"{configurations}/sidecars")


def test_a_dry_run_tells_that_new_pods_go_without(clinic: Clinic) -> None:
    healthy(clinic, "to-come")
    config = clinic.call("GET", REGISTRATION)["webhooks"][0]["clientConfig"]
    change(clinic, clientConfig={**config, "url": "https://127.0.0.1:1/mutate"})
    found = clinic.examine(f"{clinic.namespace}/serviceaccount/to-come", live=True)
    assert "PR212" in codes(found)


def test_a_provider_that_is_not_there_is_created(clinic: Clinic) -> None:
    clinic.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=clinic.provider_arn)
    healthy(clinic, "no-provider")
    clinic.pod("no-provider", "no-provider")
    repaired(clinic, "no-provider", "PR501")


def test_an_audience_is_added_to_the_provider(clinic: Clinic) -> None:
    clinic.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=clinic.provider_arn)
    clinic.provider(ClientIDList=["somebody.else"])
    healthy(clinic, "no-audience")
    clinic.pod("no-audience", "no-audience")
    repaired(clinic, "no-audience", "PR502")


def test_a_thumbprint_of_another_certificate_is_replaced(clinic: Clinic) -> None:
    clinic.iam.update_open_id_connect_provider_thumbprint(
        OpenIDConnectProviderArn=clinic.provider_arn, ThumbprintList=["a" * 40]
    )
    healthy(clinic, "other-thumbprint")
    clinic.pod("other-thumbprint", "other-thumbprint")
    repaired(clinic, "other-thumbprint", "PR503")


def test_the_provider_of_a_cluster_before_is_left_alone_and_this_clusters_created(clinic: Clinic) -> None:
    before = clinic.prefix[:-4] + "0000"
    clinic.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=clinic.provider_arn)
    clinic.provider(Url=f"https://{before}")
    try:
        name = "of-before"
        old = f"arn:aws:iam::{clinic.account}:oidc-provider/{before}"
        trust = clinic.trust(name, Principal={"Federated": [old, clinic.provider_arn]})
        clinic.service_account(name, {"eks.amazonaws.com/role-arn": clinic.role(name, trust)})
        clinic.pod(name, name)
        repaired(clinic, name, "PR504")
    finally:
        clinic.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=old)


def test_a_provider_with_a_slash_at_its_end_is_created_anew(clinic: Clinic) -> None:
    clinic.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=clinic.provider_arn)
    clinic.provider(Url=clinic.issuer.replace("/id/", "/Id/"))
    healthy(clinic, "almost")
    clinic.pod("almost", "almost")
    repaired(clinic, "almost", "PR505")


# EKS Pod Identity


def associate(clinic: Clinic, name: str) -> None:
    """Associate a service account with a role that EKS takes at the time."""
    clinic.service_account(name)
    statement = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}}
    actions = {"Action": ["sts:AssumeRole", "sts:TagSession"]}
    role = clinic.role(name, {"Version": "2012-10-17", "Statement": [{**statement, **actions}]})
    cluster = clinic.boto("eks").list_clusters()["clusters"][0]
    clinic.boto("eks").create_pod_identity_association(
        clusterName=cluster, namespace=clinic.namespace, serviceAccount=name, roleArn=role
    )


def trusting(clinic: Clinic, name: str, document: Object) -> None:
    clinic.iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))


def test_a_role_that_trusts_pod_identity_no_more_is_made_to(clinic: Clinic) -> None:
    associate(clinic, "associated")
    trusting(clinic, "associated", clinic.trust("associated"))
    clinic.pod("associated", "associated")
    repaired(clinic, "associated", "PR619")
    kept = clinic.iam.get_role(RoleName="associated")["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert len(kept) == 2, "whom it trusted before it trusts still"


def test_a_role_that_lets_pod_identity_in_without_its_tags_is_made_to_let_them_in(clinic: Clinic) -> None:
    associate(clinic, "untagged")
    statement = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trusting(clinic, "untagged", {"Version": "2012-10-17", "Statement": [statement]})
    clinic.pod("untagged", "untagged")
    repaired(clinic, "untagged", "PR619")


def test_an_association_with_a_role_that_is_gone_gets_it_back(clinic: Clinic) -> None:
    associate(clinic, "gone")
    clinic.iam.delete_role(RoleName="gone")
    clinic.pod("gone", "gone")
    repaired(clinic, "gone", "PR601")


# Several pods, several namespaces


def test_a_pod_that_runs_under_another_service_account_is_moved(clinic: Clinic) -> None:
    clinic.create_namespace("aside")
    aside = Clinic(clinic.world, "aside")
    try:
        healthy(aside, "the-right-one")
        aside.pod("the-right-pod")
        aside.wait_until_ended(["the-right-pod"])
        found = aside.examine_pod("the-right-pod")
        assert codes(found) == ["PR109"]
        aside.treat(found.faults[0])
        assert aside.wait_until_ended(["the-right-pod"])["the-right-pod"] == "Succeeded"
    finally:
        aside.close()


def test_a_deployment_is_repaired_in_its_template(clinic: Clinic) -> None:
    name = "deployed"
    healthy(clinic, name)
    container: Object = {"name": "main", "image": "busybox", "command": ["sleep", "600"]}
    container["env"] = [{"name": "AWS_PROFILE", "value": "production"}]
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], "serviceAccountName": name}}
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
    path = f"/apis/apps/v1/namespaces/{clinic.namespace}/deployments"
    clinic.call("POST", path, {"metadata": {"name": name}, "spec": spec})
    clinic.world.ok("kubectl", "rollout", "status", f"deployment/{name}", "-n", clinic.namespace, "--timeout=30s")
    target = f"{clinic.namespace}/{name}"
    found = clinic.examine(target)
    assert codes(found) == ["PR302"]
    before = str(found.target)
    commands = clinic.treat(found.faults[0])
    assert f"set env deployment/{name}" in commands
    clinic.world.ok("kubectl", "rollout", "status", f"deployment/{name}", "-n", clinic.namespace, "--timeout=30s")
    assert clinic.examine(f"{clinic.namespace}/serviceaccount/{name}").exit_code == 0
    assert clinic.examine(before).exit_code == 0  # the pod that has come in its place
    clinic.call("DELETE", f"{path}/{name}")


# Live


def test_a_real_try_ends_with_the_roles_session(clinic: Clinic) -> None:
    healthy(clinic, "live")
    found = clinic.examine(f"{clinic.namespace}/serviceaccount/live", live=True)
    assert found.exit_code == 0
    last = found.verdicts[-1]
    assert last.state is State.HOLDS
    assert f"arn:aws:sts::{clinic.account}:assumed-role/live/podrole-doctor" in last.why


def test_a_real_try_of_a_service_account_that_is_not_there_says_so(clinic: Clinic) -> None:
    found = clinic.examine(f"{clinic.namespace}/serviceaccount/nobody", live=True)
    assert codes(found) == ["PR101", "PR801"]


def test_a_real_try_says_what_sts_answers(clinic: Clinic) -> None:
    trust = clinic.trust("distrusted", Action="sts:AssumeRole")
    clinic.service_account("distrusted", {"eks.amazonaws.com/role-arn": clinic.role("distrusted", trust)})
    found = clinic.examine(f"{clinic.namespace}/serviceaccount/distrusted", live=True)
    assert codes(found) == ["PR610", "PR802"]
    refusal = found.faults[1]
    assert "Not authorized to perform sts:AssumeRoleWithWebIdentity" in refusal.what
    clinic.treat(found.faults[0])
    assert clinic.examine(f"{clinic.namespace}/serviceaccount/distrusted", live=True).exit_code == 0
