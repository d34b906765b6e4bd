"""``podrole webhook``: the webhook's flags, and output for people and for machines."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from podrole import __version__
from podrole.cli import main
from podrole.cli.webhook.scan import describe
from podrole.webhook.flags.parse import parse_flags
from podrole.webhook.flags.table import FLAGS
from podrole.webhook.install.flags import INSTALLATION_FLAGS
from podrole.webhook.install.installation import Installation
from podrole.webhook.install.manifests import manifests
from podrole.webhook.scan import PodFinding
from podrole.webhook.serving import standalone
from podrole.webhook.settings import WebhookSettings
from support.api_server import AUTHORITY, TOKEN, APIServer
from support.webhook import ARN


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["webhook", *arguments])
    return int(ended.value.code or 0)


def test_help_names_every_flag_with_its_default_and_the_subcommands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    shown = capsys.readouterr().out
    for flag in FLAGS:
        assert f"-{flag.name}" in shown
        assert flag.default in ("", "false") or f"(default {flag.default})" in shown
    assert "podrole webhook scan" in shown
    assert "podrole webhook manifests" in shown


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--in-cluster=false", "--port=8443", "--tls-cert", "/certs/tls.crt", "-v=4"),
        ("-port", "8443", "--watch-config-map", "-v", "3", "--namespace", "scan"),
        ("--sts-regional-endpoint", "--logtostderr", "-v5"),
    ],
)
def test_flags_are_passed_to_the_webhook_unchanged(flags: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[WebhookSettings] = []

    def take(settings: WebhookSettings, *, ask_host_for_account: bool) -> int:
        started.append(settings)
        return 7

    monkeypatch.setattr(standalone, "run", take)
    assert run(*flags) == 7
    assert started == [parse_flags(flags).settings]


def test_unknown_flag_is_refused_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    for before in ((), ("scan",), ("manifests",)):
        assert run(*before, "--token-audiance=x") == 2
        assert "did you mean --token-audience?" in capsys.readouterr().err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"podrole {__version__}\n"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert run("manifests", *arguments) == 0
    return list(yaml.safe_load_all(capsys.readouterr().out))


def test_manifests_are_those_of_the_installation(capsys: pytest.CaptureFixture[str]) -> None:
    namespace, *objects = printed(capsys)
    assert (namespace["kind"], namespace["metadata"]["name"]) == ("Namespace", "pod-identity-webhook")
    assert objects == manifests(Installation())


def test_manifests_with_every_flag_set(capsys: pytest.CaptureFixture[str]) -> None:
    ca = base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()
    objects = printed(
        capsys,
        *("--name=hook", "--namespace", "system", "--image=registry.example/podrole:9", "--replicas=3"),
        *("--certificates=secret", f"--ca-bundle={ca}", "--watch-config-map", "--failure-policy=Fail"),
        *("--require-label", "--events=false", "--scan-interval=10m", "--service-monitor=true"),
        *("--token-audience", "mine", "-v=4"),
    )
    assert objects == manifests(
        Installation(
            name="hook",
            namespace="system",
            image="registry.example/podrole:9",
            replicas=3,
            certificates="secret",
            ca_bundle=ca,
            watch_config_map=True,
            failure_policy="Fail",
            require_label=True,
            events=False,
            scan_interval="10m",
            service_monitor=True,
            arguments=("--token-audience=mine", "-v=4"),
        )
    )
    bundles = [
        webhook["clientConfig"]["caBundle"]
        for item in objects
        if item["kind"] == "MutatingWebhookConfiguration"
        for webhook in item["webhooks"]
    ]
    assert bundles == [ca, ca]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--certificates=csr",), "self-signed or cert-manager or secret"),
        (("--certificates=secret",), "--certificates=secret needs --ca-bundle"),
        (("--ca-bundle=eA==",), "--certificates=secret needs --ca-bundle"),
        (("--replicas=0",), "between 1 and 100"),
        (("--failure-policy=Perhaps",), "Ignore or Fail"),
        (("--port=9443",), "--port is set by the manifests"),
        (("--scan-interval=soon",), "--scan-interval is malformed"),
        (("--in-cluster=true",), "Kubernetes removed in version 1.22"),
    ],
)
def test_manifests_that_cannot_work_are_not_printed(
    flags: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("manifests", *flags) == 2
    output = capsys.readouterr()
    assert said in output.err
    assert output.out == ""


def test_help_of_the_subcommands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("manifests", "--help") == 0
    shown = capsys.readouterr().out
    for flag in INSTALLATION_FLAGS:
        assert f"--{flag.name}\n" in shown
    assert run("scan", "-h") == 0
    assert "--json" in capsys.readouterr().out


async def scanned(
    api: APIServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], *flags: str
) -> tuple[int, str, str]:
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [
            {
                "name": "c",
                "cluster": {
                    "server": api.connection.server,
                    "certificate-authority-data": base64.b64encode(AUTHORITY.certificate_pem).decode(),
                },
            }
        ],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    code = await asyncio.to_thread(run, "scan", f"--kubeconfig={path}", *flags)
    output = capsys.readouterr()
    return code, output.out, output.err


async def test_scan_lists_pods_and_the_commands_that_repair_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with APIServer() as api:
        api.service_account("demo", "sa", role_arn=ARN)
        spec = {"serviceAccountName": "sa", "containers": [{"name": "app"}]}
        api.put("pods", "demo", "web", spec=spec)
        code, out, _ = await scanned(api, tmp_path, capsys)
        assert code == 1
        assert out.splitlines()[1].split() == ["demo", "web", "sa", "without", "identity:", "app"]
        assert "kubectl -n demo get pod web" in out.splitlines()[-1]
        code, out, _ = await scanned(api, tmp_path, capsys, "--json")
        assert code == 1
        assert json.loads(out)["findings"][0]["reason"] == "without-identity"
        # the flags of the webhook count: with another prefix, nothing is bound
        code, out, _ = await scanned(api, tmp_path, capsys, "--annotation-prefix=other.example", "--json=false")
        assert (code, out) == (0, "Every running pod has the identity that its service account is bound to.\n")


async def test_scan_that_is_refused_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with APIServer() as api:
        api.refuse_with = 403
        code, out, err = await scanned(api, tmp_path, capsys)
        assert (code, out) == (2, "")
        assert "refused GET /api/v1/serviceaccounts" in err


def test_scan_without_a_cluster_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("scan", "--kubeconfig=/nowhere") == 2
    assert "The kubeconfig does not exist" in capsys.readouterr().err


def finding(pod: str, owner: str) -> PodFinding:
    return PodFinding("demo", pod, "sa", "without-identity", "without identity: app", owner)


def test_repair_is_printed_once_for_each_owner() -> None:
    text = describe(
        [
            finding("web-1", "Deployment/web"),
            finding("web-2", "Deployment/web"),
            finding("db-0", "StatefulSet/db"),
            finding("old-x", "ReplicaSet/old"),
            finding("night-1", "Job/night"),
        ]
    )
    assert text.splitlines()[-5:] == [
        "5 of the running pods. A pod gets its identity when it is created:",
        "  kubectl -n demo rollout restart deployment/web",
        "  kubectl -n demo rollout restart statefulset/db",
        "  kubectl -n demo delete pod old-x",
        "  job/night in demo: its next pod will have the identity",
    ]


def test_control_characters_of_a_pod_are_escaped() -> None:
    odd = PodFinding("demo", "web", "sa", "other-role", "its role is \x1b[2J\n, and the binding says " + ARN)
    assert describe([odd]).splitlines()[1].isprintable()


@pytest.mark.parametrize("word", ["mainfests", "serve", "false"])
def test_an_unknown_command_starts_nothing(capsys: pytest.CaptureFixture[str], word: str) -> None:
    assert run(word, "--port=0") == 2
    assert f"No such command '{word}'" in capsys.readouterr().err
