"""Create, read, update and delete over HTTP: the rules that people notice, in the server's own words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def config_map(name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **more}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "c", "image": "busybox"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers, **spec}}


@pytest.fixture
def made(http: httpx2.Client, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """A ConfigMap of the test's own."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")
    yield http.post(MAPS, json=config_map(name, data={"a": "1"})).json()
    http.delete(f"{MAPS}/{name}")


def url(obj: dict[str, Any]) -> str:
    return f"{MAPS}/{obj['metadata']['name']}"


def test_a_create_answers_201_with_what_the_server_has_filled_in(http: httpx2.Client) -> None:
    answer = http.post(ACCOUNTS, json={"metadata": {"name": "created", "uid": "mine", "selfLink": "x"}})
    assert answer.status_code == 201
    metadata = answer.json()["metadata"]
    assert answer.json()["kind"] == "ServiceAccount"
    assert re.fullmatch(r"[0-9a-f-]{36}", metadata["uid"])
    assert metadata["resourceVersion"].isdigit()
    assert metadata["namespace"] == "default"
    assert list(answer.json()) == ["kind", "apiVersion", "metadata"]
    assert list(metadata) == ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"]


def test_a_second_create_of_the_name_is_already_exists(http: httpx2.Client, made: dict[str, Any]) -> None:
    answer = http.post(MAPS, json=config_map(made["metadata"]["name"]))
    assert answer.status_code == 409
    assert answer.json()["message"] == f'configmaps "{made["metadata"]["name"]}" already exists'
    assert answer.json()["details"] == {"name": made["metadata"]["name"], "kind": "configmaps"}


def test_a_generated_name_is_the_prefix_and_five_characters(http: httpx2.Client) -> None:
    names = {http.post(MAPS, json={"metadata": {"generateName": "made-"}}).json()["metadata"]["name"] for _ in range(5)}
    assert len(names) == 5
    assert all(re.fullmatch("made-[bcdfghjklmnpqrstvwxz2456789]{5}", name) for name in names)
    long = http.post(MAPS, json={"metadata": {"generateName": "x" * 80 + "-"}}).json()["metadata"]["name"]
    assert len(long) == 63


def test_a_taken_name_beside_a_prefix_is_refused_in_longer_words(http: httpx2.Client) -> None:
    both = {"metadata": {"name": "taken", "generateName": "made-"}}
    assert http.post(MAPS, json=both).status_code == 201
    refusal = http.post(MAPS, json=both).json()
    assert (refusal["code"], refusal["reason"]) == (409, "AlreadyExists")
    assert refusal["message"] == (
        'configmaps "taken" already exists, the server was not able to generate a unique name for the object'
    )


@pytest.mark.parametrize(
    ("resource", "fields"),
    [
        ("serviceaccounts", {"automountServiceAccountToken": False, "secrets": [{"name": "a"}]}),
        ("configmaps", {"binaryData": {"b": "AA=="}, "data": {"a": "b"}, "immutable": False}),
        ("secrets", {"type": "Opaque", "data": {"a": "AA=="}}),
        ("pods", {"status": {}, "spec": {"containers": [{"name": "a", "image": "busybox"}]}}),
    ],
)
def test_an_object_is_written_in_the_order_of_kube_apiserver(
    http: httpx2.Client, resource: str, fields: dict[str, Any]
) -> None:
    path = MAPS.replace("configmaps", resource)
    made = http.post(path, json={**fields, "metadata": {"name": "in-order"}}).json()
    order = {
        "serviceaccounts": ["secrets", "automountServiceAccountToken"],
        "configmaps": ["immutable", "data", "binaryData"],
        "secrets": ["data", "type"],
        "pods": ["spec", "status"],
    }[resource]
    assert list(made) == ["kind", "apiVersion", "metadata", *order]


def test_a_namespace_that_is_not_there_is_not_found(http: httpx2.Client) -> None:
    answer = http.post("/api/v1/namespaces/nowhere/configmaps", json=config_map("a"))
    assert (answer.status_code, answer.json()["message"]) == (404, 'namespaces "nowhere" not found')
    assert http.get("/api/v1/namespaces/nowhere/configmaps").json()["items"] == []


def test_the_namespace_of_the_body_must_be_that_of_the_path(http: httpx2.Client) -> None:
    answer = http.post(MAPS, json={"metadata": {"name": "a", "namespace": "other"}})
    assert answer.status_code == 400
    assert answer.json()["message"] == (
        "the namespace of the provided object does not match the namespace sent on the request"
    )


def test_a_name_must_be_given(http: httpx2.Client) -> None:
    answer = http.post(MAPS, json={"metadata": {}})
    assert answer.status_code == 422
    assert answer.json()["message"] == (
        'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required'
    )


def test_several_faults_are_listed_together(http: httpx2.Client) -> None:
    answer = http.post(PODS, json={"metadata": {"name": "p"}, "spec": {"restartPolicy": "Perhaps"}}).json()
    assert answer["message"] == (
        'Pod "p" is invalid: [spec.containers: Required value, spec.restartPolicy: Unsupported value: "Perhaps": '
        'supported values: "Always", "Never", "OnFailure"]'
    )
    assert [cause["reason"] for cause in answer["details"]["causes"]] == [
        "FieldValueRequired",
        "FieldValueNotSupported",
    ]


def test_an_unknown_field_is_refused_warned_of_or_ignored(http: httpx2.Client) -> None:
    body = {"metadata": {"name": "strict"}, "dta": {}, "metadat": 1}
    strict = http.post(f"{MAPS}?fieldValidation=Strict", json=body)
    assert strict.status_code == 400
    assert strict.json()["message"] == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dta", '
        'unknown field "metadat"'
    )
    warned = http.post(f"{MAPS}?dryRun=All", json=body)
    assert warned.status_code == 201
    assert warned.headers.get_list("warning") == [
        '299 - "unknown field \\"dta\\""',
        '299 - "unknown field \\"metadat\\""',
    ]
    ignored = http.post(f"{MAPS}?dryRun=All&fieldValidation=Ignore", json=body)
    assert (ignored.status_code, ignored.headers.get("warning")) == (201, None)


def test_a_duplicate_field_is_refused_under_strict_validation(http: httpx2.Client) -> None:
    body = '{"metadata":{"name":"a","name":"b"}}'
    answer = http.post(f"{MAPS}?fieldValidation=Strict", content=body)
    assert 'duplicate field "metadata.name"' in answer.json()["message"]


def test_options_that_are_none_are_refused(http: httpx2.Client) -> None:
    answer = http.post(f"{MAPS}?dryRun=Some&fieldValidation=Perhaps", json=config_map("a"))
    assert answer.status_code == 422
    assert answer.json()["details"]["kind"] == "CreateOptions"
    assert {cause["field"] for cause in answer.json()["details"]["causes"]} == {"dryRun", "fieldValidation"}


def test_a_dry_run_stores_nothing(http: httpx2.Client) -> None:
    answer = http.post(f"{MAPS}?dryRun=All", json=config_map("dry"))
    assert answer.status_code == 201
    assert "resourceVersion" not in answer.json()["metadata"]
    assert http.get(f"{MAPS}/dry").status_code == 404


def test_an_update_with_a_stale_resource_version_is_a_conflict(http: httpx2.Client, made: dict[str, Any]) -> None:
    first = http.put(url(made), json={**made, "data": {"a": "2"}})
    assert first.status_code == 200
    second = http.put(url(made), json={**made, "data": {"a": "3"}})
    assert second.status_code == 409
    assert second.json()["reason"] == "Conflict"
    assert second.json()["message"] == (
        f'Operation cannot be fulfilled on configmaps "{made["metadata"]["name"]}": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


def test_an_update_without_one_wins(http: httpx2.Client, made: dict[str, Any]) -> None:
    body = config_map(made["metadata"]["name"], data={"b": "2"})
    answer = http.put(url(made), json=body).json()
    assert answer["data"] == {"b": "2"}
    assert answer["metadata"]["uid"] == made["metadata"]["uid"]
    assert answer["metadata"]["creationTimestamp"] == made["metadata"]["creationTimestamp"]


def test_an_update_that_changes_nothing_is_no_change(http: httpx2.Client, made: dict[str, Any]) -> None:
    again = http.put(url(made), json=made).json()
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_an_update_means_the_object_of_that_uid(http: httpx2.Client, made: dict[str, Any]) -> None:
    body = config_map(made["metadata"]["name"])
    body["metadata"]["uid"] = "another"
    answer = http.put(url(made), json=body)
    assert answer.status_code == 409
    assert "Precondition failed: UID in precondition: another, UID in object meta:" in answer.json()["message"]


def test_an_update_of_another_name_is_refused(http: httpx2.Client, made: dict[str, Any]) -> None:
    answer = http.put(url(made), json=config_map("other"))
    assert answer.status_code == 400
    assert "the name of the object (other) does not match the name on the URL" in answer.json()["message"]


def test_an_update_of_what_is_not_there_is_not_found(http: httpx2.Client) -> None:
    assert http.put(f"{MAPS}/absent", json=config_map("absent")).json()["message"] == 'configmaps "absent" not found'


def test_a_webhook_configuration_is_not_updated_blindly(http: httpx2.Client) -> None:
    path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    http.post(path, json={"metadata": {"name": "blind"}})
    answer = http.put(f"{path}/blind", json={"metadata": {"name": "blind"}})
    assert answer.json()["message"].endswith(
        "metadata.resourceVersion: Invalid value: 0: must be specified for an update"
    )


def test_immutable_data_stays(http: httpx2.Client) -> None:
    http.post(MAPS, json=config_map("frozen", data={"a": "1"}, immutable=True))
    answer = http.put(f"{MAPS}/frozen", json=config_map("frozen", data={"a": "2"}, immutable=True))
    assert answer.json()["message"] == (
        'ConfigMap "frozen" is invalid: data: Forbidden: field is immutable when `immutable` is set'
    )


def test_a_secret_folds_its_text_into_its_data(http: httpx2.Client) -> None:
    made = http.post(
        "/api/v1/namespaces/default/secrets", json={"metadata": {"name": "text"}, "stringData": {"a": "b"}}
    ).json()
    assert (made["data"], made["type"]) == ({"a": "Yg=="}, "Opaque")
    assert "stringData" not in made


def test_hardly_anything_of_a_pod_may_change(http: httpx2.Client) -> None:
    http.post(PODS, json=pod("fixed"))
    patch = {"Content-Type": "application/merge-patch+json"}
    image = http.patch(
        f"{PODS}/fixed",
        json={"spec": {"containers": [{"name": "c", "image": "busybox:2", "imagePullPolicy": "Always"}]}},
        headers=patch,
    )
    assert "spec.containers: Required" not in image.text
    answer = http.patch(f"{PODS}/fixed", json={"spec": {"dnsPolicy": "Default"}}, headers=patch)
    assert answer.status_code == 422
    message = answer.json()["message"]
    assert message.startswith('Pod "fixed" is invalid: spec: Forbidden: pod updates may not change fields other than `')
    assert '- "dnsPolicy": "ClusterFirst"' in message
    assert '+ "dnsPolicy": "Default"' in message


def test_a_pods_deadline_may_only_come_nearer(http: httpx2.Client) -> None:
    http.post(PODS, json=pod("deadline", activeDeadlineSeconds=100))
    patch = {"Content-Type": "application/merge-patch+json"}
    path = f"{PODS}/deadline"
    later = http.patch(path, json={"spec": {"activeDeadlineSeconds": 200}}, headers=patch).json()
    assert "must be less than or equal to previous value" in later["message"]
    never = http.patch(path, json={"spec": {"activeDeadlineSeconds": None}}, headers=patch).json()
    assert "must not update from a positive integer to nil value" in never["message"]
    assert http.patch(path, json={"spec": {"activeDeadlineSeconds": 50}}, headers=patch).status_code == 200


def test_a_deployments_selector_is_immutable_and_its_generation_counts_changes(http: httpx2.Client) -> None:
    template = {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    body = {"metadata": {"name": "w"}, "spec": {"selector": {"matchLabels": {"app": "w"}}, "template": template}}
    made = http.post(DEPLOYMENTS, json=body).json()
    assert made["metadata"]["generation"] == 1
    assert made["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
    }
    patch = {"Content-Type": "application/merge-patch+json"}
    path = f"{DEPLOYMENTS}/w"
    labelled = http.patch(path, json={"metadata": {"labels": {"a": "b"}}}, headers=patch).json()
    assert labelled["metadata"]["generation"] == 1
    scaled = http.patch(f"{path}/scale", json={"spec": {"replicas": 3}}, headers=patch).json()
    assert (scaled["kind"], scaled["spec"]) == ("Scale", {"replicas": 3})
    assert http.get(path).json()["metadata"]["generation"] == 2
    other = {"matchLabels": {"app": "w", "x": "y"}}
    changed = {"spec": {"selector": other, "template": {"metadata": {"labels": {"x": "y"}}}}}
    answer = http.patch(path, json=changed, headers=patch)
    assert "spec.selector: Invalid value" in answer.json()["message"]
    assert "field is immutable" in answer.json()["message"]


def test_status_and_spec_are_written_through_their_own_paths(http: httpx2.Client) -> None:
    http.post(PODS, json={**pod("halves"), "status": {"phase": "Running"}})
    path = f"{PODS}/halves"
    assert http.get(path).json()["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    patch = {"Content-Type": "application/merge-patch+json"}
    http.patch(path, json={"status": {"phase": "Running"}}, headers=patch)
    assert http.get(path).json()["status"]["phase"] == "Pending"
    both = {"status": {"phase": "Running"}, "spec": {"nodeName": "n"}, "metadata": {"labels": {"a": "b"}}}
    answer = http.patch(f"{path}/status", json=both, headers=patch).json()
    assert answer["status"]["phase"] == "Running"
    assert "nodeName" not in answer["spec"]
    assert answer["metadata"]["labels"] == {"a": "b"}
    assert answer["metadata"]["managedFields"][-1]["subresource"] == "status"


def test_a_scale_is_read_and_replaced(http: httpx2.Client) -> None:
    template = {"metadata": {"labels": {"app": "s"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    body = {"metadata": {"name": "s"}, "spec": {"selector": {"matchLabels": {"app": "s"}}, "template": template}}
    http.post(DEPLOYMENTS, json=body)
    path = f"{DEPLOYMENTS}/s/scale"
    scale = http.get(path).json()
    assert (scale["spec"], scale["status"]) == ({"replicas": 1}, {"replicas": 0, "selector": "app=s"})
    assert http.put(path, json={**scale, "spec": {"replicas": 4}}).json()["spec"] == {"replicas": 4}
    assert http.put(path, json={**scale, "spec": {"replicas": 5}}).status_code == 409
    del scale["metadata"]["resourceVersion"]
    negative = http.put(path, json={**scale, "spec": {"replicas": -1}})
    assert "spec.replicas: Invalid value: -1: must be greater than or equal to 0" in negative.json()["message"]


def test_a_delete_of_most_kinds_answers_with_a_status(http: httpx2.Client, made: dict[str, Any]) -> None:
    answer = http.delete(url(made)).json()
    assert (answer["kind"], answer["status"]) == ("Status", "Success")
    assert answer["details"]["uid"] == made["metadata"]["uid"]
    assert http.delete(url(made)).status_code == 404


def test_a_delete_has_preconditions(http: httpx2.Client, made: dict[str, Any]) -> None:
    for preconditions in ({"uid": "another"}, {"resourceVersion": "1"}):
        answer = http.request("DELETE", url(made), json={"preconditions": preconditions})
        assert answer.status_code == 409
        assert "Precondition failed" in answer.json()["message"]
    right = {"preconditions": {"uid": made["metadata"]["uid"]}}
    assert http.request("DELETE", url(made), json=right).status_code == 200


def test_a_delete_may_be_tried_dry(http: httpx2.Client, made: dict[str, Any]) -> None:
    assert http.request("DELETE", url(made), json={"dryRun": ["All"]}).status_code == 200
    assert http.get(url(made)).json() == made


def test_an_object_with_finalizers_waits_for_them(http: httpx2.Client) -> None:
    body = config_map("held", data={"a": "1"})
    body["metadata"]["finalizers"] = ["example.com/hold"]
    made = http.post(MAPS, json=body).json()
    path = f"{MAPS}/held"
    going = http.delete(path).json()
    assert going["metadata"]["deletionTimestamp"]
    assert going["metadata"]["deletionGracePeriodSeconds"] == 0
    assert http.get(path).status_code == 200
    patch = {"Content-Type": "application/merge-patch+json"}
    added = http.patch(path, json={"metadata": {"finalizers": ["example.com/hold", "a.b/c"]}}, headers=patch)
    assert "no new finalizers can be added if the object is being deleted" in added.json()["message"]
    assert http.patch(path, json={"metadata": {"finalizers": None}}, headers=patch).status_code == 200
    assert http.get(path).status_code == 404
    assert made["metadata"]["uid"] == going["metadata"]["uid"]


@pytest.mark.parametrize(
    ("policy", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan"), ("Background", None)]
)
def test_propagation_leaves_the_garbage_collectors_finalizer(
    http: httpx2.Client, policy: str, finalizer: str | None
) -> None:
    name = policy.lower()
    http.post(MAPS, json=config_map(name))
    answer = http.request("DELETE", f"{MAPS}/{name}", json={"propagationPolicy": policy})
    if finalizer is None:
        assert http.get(f"{MAPS}/{name}").status_code == 404
    else:
        assert answer.json()["metadata"]["finalizers"] == [finalizer]


def test_delete_options_that_are_none_are_refused(http: httpx2.Client, made: dict[str, Any]) -> None:
    unknown = http.request("DELETE", url(made), json={"propagationPolicy": "Sideways"})
    assert unknown.json()["message"] == (
        'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Sideways": supported values: '
        '"Background", "Foreground", "Orphan", "nil"'
    )
    wrong = http.request("DELETE", url(made), json={"kind": "ConfigMap"})
    assert wrong.status_code == 400
    assert http.delete(f"{url(made)}?gracePeriodSeconds=soon").status_code == 400


def test_a_collection_is_deleted_by_its_selector(http: httpx2.Client) -> None:
    for name, team in (("c1", "a"), ("c2", "a"), ("c3", "b")):
        body = config_map(name)
        body["metadata"]["labels"] = {"team": team}
        http.post(MAPS, json=body)
    answer = http.delete(f"{MAPS}?labelSelector=team%3Da").json()
    assert [one["metadata"]["name"] for one in answer["items"]] == ["c1", "c2"]
    assert [one["metadata"]["name"] for one in http.get(f"{MAPS}?labelSelector=team").json()["items"]] == ["c3"]


def test_namespaces_that_the_cluster_needs_stay(http: httpx2.Client) -> None:
    answer = http.delete("/api/v1/namespaces/kube-system")
    assert (answer.status_code, answer.json()["message"]) == (
        403,
        'namespaces "kube-system" is forbidden: this namespace may not be deleted',
    )


def test_a_namespace_terminates_until_it_is_finalized(http: httpx2.Client) -> None:
    path = "/api/v1/namespaces/ending"
    made = http.post("/api/v1/namespaces", json={"metadata": {"name": "ending"}}).json()
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "ending"}
    assert (made["spec"], made["status"]) == ({"finalizers": ["kubernetes"]}, {"phase": "Active"})
    going = http.delete(path).json()
    assert going["status"]["phase"] == "Terminating"
    refused = http.post(f"{path}/configmaps", json=config_map("late"))
    assert refused.status_code == 403
    assert refused.json()["message"] == (
        'configmaps "late" is forbidden: unable to create new content in namespace ending because it is being '
        "terminated"
    )
    assert refused.json()["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    patch = {"Content-Type": "application/merge-patch+json"}
    http.patch(path, json={"spec": {"finalizers": []}}, headers=patch)
    assert http.get(path).json()["spec"] == {"finalizers": ["kubernetes"]}
    going["spec"] = {}
    assert http.put(f"{path}/finalize", json=going).status_code == 200
    assert http.get(path).status_code == 404


def test_a_pod_on_a_node_is_given_its_grace(http: httpx2.Client) -> None:
    http.post(PODS, json=pod("graceful"))
    path = f"{PODS}/graceful"
    bound = http.post(f"{path}/binding", json={"target": {"kind": "Node", "name": "n1"}})
    assert (bound.status_code, bound.json()["status"]) == (201, "Success")
    assert http.get(path).json()["spec"]["nodeName"] == "n1"
    again = http.post(f"{path}/binding", json={"target": {"kind": "Node", "name": "n2"}})
    assert 'pod graceful is already assigned to node "n1"' in again.json()["message"]
    going = http.delete(path).json()["metadata"]
    assert going["deletionGracePeriodSeconds"] == 30
    longer = http.request("DELETE", path, json={"gracePeriodSeconds": 60}).json()["metadata"]
    assert longer["deletionGracePeriodSeconds"] == 30
    shorter = http.request("DELETE", path, json={"gracePeriodSeconds": 5}).json()["metadata"]
    assert shorter["deletionGracePeriodSeconds"] == 5
    assert shorter["deletionTimestamp"] < going["deletionTimestamp"]
    assert http.request("DELETE", path, json={"gracePeriodSeconds": 0}).status_code == 200
    assert http.get(path).status_code == 404


def test_an_eviction_deletes_the_pod(http: httpx2.Client) -> None:
    http.post(PODS, json=pod("evicted"))
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "evicted", "namespace": "default"}}
    assert http.post(f"{PODS}/evicted/eviction", json=body).json()["status"] == "Success"
    assert http.get(f"{PODS}/evicted").status_code == 404


def test_a_job_selects_its_pods_by_its_own_uid(http: httpx2.Client) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    job = http.post(
        "/apis/batch/v1/namespaces/default/jobs", json={"metadata": {"name": "j"}, "spec": {"template": template}}
    ).json()
    uid = job["metadata"]["uid"]
    assert job["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    assert job["spec"]["template"]["metadata"]["labels"]["job-name"] == "j"
    assert (job["spec"]["completions"], job["spec"]["parallelism"], job["spec"]["backoffLimit"]) == (1, 1, 6)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", f"{MAPS}/a", 405),
        ("PUT", MAPS, 405),
        ("PATCH", MAPS, 405),
        ("OPTIONS", MAPS, 405),
        ("DELETE", "/api/v1/namespaces", 405),
        ("GET", "/apis/authentication.k8s.io/v1/tokenreviews", 405),
        ("POST", "/api/v1/nothing", 404),
        ("GET", "/api/v1/namespaces/default/nodes", 404),
        ("GET", "/api/v1/pods/a", 404),
        ("GET", f"{PODS}/a/portforward", 400),
        ("GET", f"{MAPS}/a/status", 404),
        ("GET", f"{MAPS}/a/b/c/d", 404),
    ],
)
def test_what_cannot_be_done_is_a_status(http: httpx2.Client, method: str, path: str, status: int) -> None:
    answer = http.request(method, path, json={} if method in ("POST", "PUT") else None)
    assert answer.status_code == status
    assert answer.json()["kind"] == "Status"
    assert answer.json()["code"] == status
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_people_with_curl_get_line_breaks(http: httpx2.Client) -> None:
    assert "\n" not in http.get("/api/v1/namespaces/default").text
    assert "\n" in http.get("/api/v1/namespaces/default", headers={"User-Agent": "curl/8.5"}).text
    assert "\n" in http.get("/api/v1/namespaces/default?pretty=true").text
    assert "\n" not in http.get("/api/v1/namespaces/default?pretty=0", headers={"User-Agent": "curl/8.5"}).text


def test_metadata_alone_is_given_to_who_asks_for_it(http: httpx2.Client, made: dict[str, Any]) -> None:
    accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    one = http.get(url(made), headers={"Accept": accept}).json()
    assert one == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": made["metadata"],
    }
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    many = http.get(MAPS, headers={"Accept": accept}).json()
    assert many["kind"] == "PartialObjectMetadataList"
    assert made["metadata"] in [one["metadata"] for one in many["items"]]


def test_what_a_client_accepts_is_respected(http: httpx2.Client, made: dict[str, Any]) -> None:
    protobuf_first = "application/vnd.kubernetes.protobuf,application/json"
    assert http.get(url(made), headers={"Accept": protobuf_first}).json() == made
    refused = http.get(url(made), headers={"Accept": "application/vnd.kubernetes.protobuf"})
    assert refused.status_code == 406
    assert refused.json()["message"].startswith("only the following media types are accepted: application/json")
