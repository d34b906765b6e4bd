"""Remedies for a container's variables: a region is proposed only if it exists in the role's partition, and a variable
is removed wherever it comes from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.containers import ContainerFacts, containers_of
from podrole.doctor.facts.injection import PodInjection
from podrole.doctor.facts.pods import PodFacts
from podrole.doctor.links.container.environment import METADATA_DISABLED, check_environment
from podrole.doctor.links.injection.containers import check_containers
from podrole.doctor.remedies.changes import ByHand, Change, PatchPods, RemoveKey, Restart, SetEnvironment
from podrole.doctor.report.findings import Finding
from podrole.doctor.sources.cluster import Workload
from podrole.webhook.identity.binding import Identity
from podrole.webhook.settings import InjectionSettings

WORKLOAD = Workload("Deployment", "shop", "web")
WITHOUT_KEYS = frozenset({"LOG_LEVEL"})
WITH_KEYS = frozenset({"AWS_ACCESS_KEY_ID", "LOG_LEVEL"})
ROLE = "arn:aws:iam::111122223333:role/web"
KEY = [{"name": "AWS_ACCESS_KEY_ID", "value": "AKIA"}]


def container(env: list[dict[str, str]], *, uid: str = "", **secrets: frozenset[str]) -> ContainerFacts:
    included = [{"secretRef": {"name": name}} for name in secrets]
    manifest = {"metadata": {"uid": uid}, "spec": {"containers": [{"name": "app", "env": env, "envFrom": included}]}}
    references = {("secrets", name): keys for name, keys in secrets.items()}
    return next(containers_of(PodFacts(manifest, WORKLOAD, references)))


def findings(one: ContainerFacts, default: str = "", place: str = "us-east-1") -> dict[str, Finding]:
    facts: Any = SimpleNamespace(
        binding=SimpleNamespace(role_arn=ROLE),
        settings=SimpleNamespace(aws_default_region=default),
        environment=SimpleNamespace(region=place, node_environment={}),
    )
    identity = cast("Identity", SimpleNamespace(method="sts_web_identity"))
    return {found.code: found for found in check_environment(cast("ChainFacts", facts), identity, one)}


@pytest.mark.parametrize(
    ("region", "default", "place", "proposed"),
    [
        ("us-eastt-1", "", "", "us-east-1"),
        ("cn-north-1", "eu-west-1", "us-east-1", "eu-west-1"),
        ("cn-north-1", "", "us-east-1", "us-east-1"),
        ("cn-north-1", "us-eest-1", "us-east-1", None),
        ("cn-north-1", "cn-northwest-1", "us-east-1", None),
        ("cn-north-1", "", "", None),
    ],
)
def test_a_region_is_proposed_if_it_exists_in_the_partition_of_the_role(
    region: str, default: str, place: str, proposed: str | None
) -> None:
    (change,) = findings(container([{"name": "AWS_REGION", "value": region}]), default, place)["PR305"].remedy.changes
    if proposed is None:
        assert isinstance(change, ByHand)
    else:
        assert change == SetEnvironment(WORKLOAD, "app", {"AWS_REGION": proposed})


OWN = SetEnvironment(WORKLOAD, "app", {"AWS_ACCESS_KEY_ID": None})


def key_of(secret: str) -> RemoveKey:
    return RemoveKey("Secret", "shop", secret, "AWS_ACCESS_KEY_ID")


@pytest.mark.parametrize(
    ("env", "secrets", "changes"),
    [
        (KEY, {}, (OWN,)),
        (KEY, {"a": WITHOUT_KEYS}, (OWN,)),
        (KEY, {"a": WITH_KEYS}, (key_of("a"), OWN)),
        ([], {"a": WITH_KEYS}, (key_of("a"), Restart(WORKLOAD))),
        ([], {"a": WITH_KEYS, "b": WITH_KEYS}, (key_of("a"), key_of("b"), Restart(WORKLOAD))),
    ],
    ids=["its own", "beside others", "its own hides one", "of a Secret", "of two Secrets"],
)
def test_a_variable_is_removed_wherever_it_comes_from(
    env: list[dict[str, str]], secrets: dict[str, frozenset[str]], changes: tuple[Change, ...]
) -> None:
    assert findings(container(env, **secrets))["PR301"].remedy.changes == changes


@pytest.mark.parametrize("value", [None, "false", "1", ""])
def test_the_remedy_for_the_nodes_role_sets_a_value_that_the_check_accepts(value: str | None) -> None:
    env = [] if value is None else [{"name": METADATA_DISABLED, "value": value}]
    (change,) = findings(container(env, uid="1"))["PR304"].remedy.changes
    assert isinstance(change, SetEnvironment)
    after = [{"name": name, "value": text} for name, text in change.variables.items() if text is not None]
    assert "PR304" not in findings(container(after, uid="1"))


def by_hand(**more: Any) -> Finding:
    """Return the finding about a container that sets the role itself."""
    env = [
        {"name": "AWS_ROLE_ARN", "value": f"{ROLE}-of-old"},
        {"name": "AWS_REGION", "value": "us-east-1"},
        {"name": "AWS_STS_REGIONAL_ENDPOINTS", "value": "regional"},
    ]
    manifest = {
        "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "app", "env": env, **more}], "volumes": [{"name": "mine", "emptyDir": {}}]},
    }
    settings = InjectionSettings()
    identity = Identity(
        "sts_web_identity", ROLE, "sts.amazonaws.com", 86_400, False, True, "", None, False, "the annotation"
    )
    facts: Any = SimpleNamespace(settings=settings)
    admitted = PodInjection.of(manifest, identity, settings)
    (finding,) = check_containers(facts, PodFacts(manifest, WORKLOAD, {}), admitted)
    assert finding.code == "PR210"
    return finding


def test_removing_a_role_set_by_hand_is_enough_where_nothing_else_prevents_the_injection() -> None:
    assert by_hand().remedy.changes == (SetEnvironment(WORKLOAD, "app", {"AWS_ROLE_ARN": None}),)


def test_a_mount_at_the_tokens_path_is_removed_together_with_the_role_set_by_hand() -> None:
    mount = {"name": "mine", "mountPath": "/var/run/secrets/eks.amazonaws.com/serviceaccount"}
    assert by_hand(volumeMounts=[mount]).remedy.changes == (
        SetEnvironment(WORKLOAD, "app", {"AWS_ROLE_ARN": None}),
        PatchPods(WORKLOAD, ({"op": "remove", "path": "/spec/containers/0/volumeMounts/0"},)),
    )
