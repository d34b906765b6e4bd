"""What is installed: the manifests, the Helm chart that must say the same, and the image's contents."""

from __future__ import annotations

import base64
import dataclasses
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from podrole import __version__
from podrole.cli.tools import tools_directory
from podrole.webhook.flags.parse import parse_flags
from podrole.webhook.install.installation import Installation
from podrole.webhook.install.manifests import arguments, manifests

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "podrole"
HELM = tools_directory() / "helm"
CA = base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()


def helm(*arguments: str) -> str:
    done = subprocess.run([HELM, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(namespace: str, *values: str) -> list[dict[str, Any]]:
    flags = [flag for value in values for flag in ("--set", value)]
    output = helm("template", "release", str(CHART), "--namespace", namespace, *flags)
    return [document for document in yaml.safe_load_all(output) if document]


def by_kind_and_name(objects: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(item["kind"], item["metadata"]["name"]): item for item in objects}


DEFAULTS = Installation()
EVERYTHING = Installation(
    name="hook",
    namespace="system",
    image="registry.example/podrole:9",
    replicas=3,
    certificates="cert-manager",
    watch_config_map=True,
    failure_policy="Fail",
    require_label=True,
    events=False,
    scan_interval="10m",
    service_monitor=True,
    arguments=("--workers=2", "--role-session-name"),
)
VALUES = (
    "name=hook",
    "image.repository=registry.example/podrole",
    "image.tag=9",
    "replicas=3",
    "certificates=cert-manager",
    "watchConfigMap=true",
    "failurePolicy=Fail",
    "requireLabel=true",
    "events=false",
    "scanInterval=10m",
    "serviceMonitor=true",
    "arguments={--workers=2,--role-session-name}",
)


@pytest.mark.parametrize(
    ("installation", "values"),
    [
        (DEFAULTS, ()),
        (EVERYTHING, VALUES),
        (
            dataclasses.replace(DEFAULTS, watch_config_map=True, require_label=True),
            ("watchConfigMap=true", "requireLabel=true"),
        ),
    ],
    ids=["defaults", "everything", "self-signed with ConfigMap and label"],
)
def test_the_chart_says_the_same(installation: Installation, values: tuple[str, ...]) -> None:
    chart = by_kind_and_name(rendered(installation.namespace, *values))
    assert chart == by_kind_and_name(manifests(installation))


def test_a_secret_of_ones_own_needs_its_authority() -> None:
    configuration = by_kind_and_name(rendered("x", "certificates=secret", f"caBundle={CA}"))[
        "MutatingWebhookConfiguration", "pod-identity-webhook"
    ]
    assert configuration["webhooks"][0]["clientConfig"]["caBundle"] == CA
    refused = subprocess.run(
        [HELM, "template", "x", CHART, "--set", "certificates=secret"], capture_output=True, text=True, check=False
    )
    assert refused.returncode != 0
    assert "needs caBundle" in refused.stderr


@pytest.mark.parametrize("value", ["certificates=csr", "failurePolicy=Perhaps"])
def test_a_value_that_means_nothing_is_refused(value: str) -> None:
    refused = subprocess.run(
        [HELM, "template", "x", CHART, "--set", value], capture_output=True, text=True, check=False
    )
    assert refused.returncode != 0
    assert "expected" in refused.stderr


def test_helm_finds_no_fault() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART))


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


@pytest.mark.parametrize(("file", "image"), [("Dockerfile", "podrole-webhook"), ("Dockerfile.world", "podrole")])
def test_image_is_of_this_version(file: str, image: str) -> None:
    text = (ROOT / file).read_text()
    assert f"-t {image}:{__version__} .`" in text
    assert f"ARG VERSION={__version__}\n" in text
    assert f'org.opencontainers.image.title="{image}"' in text


def test_chart_uses_the_image_of_the_webhook() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert values["image"]["repository"] == "podrole-webhook"


@pytest.mark.parametrize("installation", [DEFAULTS, EVERYTHING])
def test_the_container_understands_its_arguments(installation: Installation) -> None:
    line = parse_flags(arguments(installation))
    assert line.notes == []
    assert line.settings.serving.port == 8443
    assert line.settings.sources.namespace == installation.namespace
    assert (line.settings.self_signed is not None) == (installation.certificates == "self-signed")


def rights(installation: Installation) -> set[tuple[str, str, str]]:
    return {
        (kind, resource, verb)
        for (kind, _), item in by_kind_and_name(manifests(installation)).items()
        for rule in item.get("rules", ())
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_rights_are_those_that_are_used() -> None:
    plain = Installation(certificates="secret", events=False)
    watching = {("ClusterRole", "serviceaccounts", verb) for verb in ("get", "list", "watch")}
    assert rights(plain) == watching
    assert rights(dataclasses.replace(plain, events=True)) - watching == {("ClusterRole", "events", "create")}
    assert rights(dataclasses.replace(plain, scan_interval="1m")) - watching == {("ClusterRole", "pods", "list")}
    assert rights(dataclasses.replace(plain, watch_config_map=True)) - watching == {
        ("Role", "configmaps", "list"),
        ("Role", "configmaps", "watch"),
    }
    assert rights(dataclasses.replace(plain, certificates="self-signed")) - watching == {
        ("ClusterRole", "mutatingwebhookconfigurations", "get"),
        ("ClusterRole", "mutatingwebhookconfigurations", "patch"),
        ("Role", "secrets", "create"),
        ("Role", "secrets", "get"),
        ("Role", "secrets", "update"),
    }


def test_what_is_kept_in_the_namespace_is_named() -> None:
    for item in manifests(EVERYTHING) + manifests(DEFAULTS):
        for rule in item.get("rules", ()) if item["kind"] == "Role" else ():
            assert rule.get("resourceNames") or rule["verbs"] == ["create"]


def test_pods_that_must_have_an_identity_meet_one_of_the_two_webhooks() -> None:
    configuration = by_kind_and_name(manifests(EVERYTHING))["MutatingWebhookConfiguration", "hook"]
    usual, required = configuration["webhooks"]
    assert usual["objectSelector"]["matchExpressions"][1] == {
        "key": "eks.amazonaws.com/require-pod-identity",
        "operator": "NotIn",
        "values": ["true"],
    }
    assert required["objectSelector"] == {"matchLabels": {"eks.amazonaws.com/require-pod-identity": "true"}}
    assert required["failurePolicy"] == "Fail"
    assert required["clientConfig"]["service"]["path"] == "/require"


def test_the_image_holds_what_the_webhook_imports() -> None:
    program = (
        "import sys, yaml, typer, rich\n"
        "import podrole.webhook.__main__, podrole.webhook.serving.standalone, podrole.webhook.serving.supervisor\n"
        "print('\\n'.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    imported = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    locked = {
        re.sub(r"[-_.]+", "-", name).lower()
        for name in re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements" / "webhook.txt").read_text(), re.M)
    }
    distributions = importlib.metadata.packages_distributions()
    for module in imported.split():
        for distribution in distributions.get(module, ()):
            name = re.sub(r"[-_.]+", "-", distribution).lower()
            assert name in locked | {"podrole", "setuptools"}, module
