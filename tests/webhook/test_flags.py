"""The command line: Amazon's flags keep their names, values and defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from podrole.webhook.errors import BadFlag
from podrole.webhook.flags.parse import parse_flags
from podrole.webhook.flags.table import FLAGS
from podrole.webhook.settings import CABundle, RoleComposition, SelfSignedSettings, WebhookSettings

# What the manifests of the EKS webhook, of its charts and of kOps pass.
ARGUMENTS_IN_THE_FIELD = [
    "--in-cluster=false",
    "--namespace=default",
    "--service-name=pod-identity-webhook",
    "--annotation-prefix=eks.amazonaws.com",
    "--token-audience=amazonaws.com",
    "--token-expiration=7200",
    "--sts-regional-endpoint=true",
    "--aws-default-region=eu-west-1",
    "--watch-config-map",
    "--port=8443",
    "--metrics-port=8080",
    "--tls-cert=/certs/tls.crt",
    "--tls-key=/certs/tls.key",
    "--logtostderr",
    "-v=4",
]


def test_no_flags_are_the_defaults() -> None:
    line = parse_flags([])
    assert line.settings == WebhookSettings()
    assert (line.version, line.ask_host_for_account, line.notes) == (False, False, [])


def test_arguments_in_the_field_are_taken() -> None:
    line = parse_flags(ARGUMENTS_IN_THE_FIELD)
    settings = line.settings
    assert settings.sources.namespace == "default"
    assert settings.sources.watch_config_map is True
    assert settings.injection.token_audience == "amazonaws.com"
    assert settings.injection.token_expiration == 7200
    assert settings.injection.sts_regional_endpoint is True
    assert settings.injection.aws_default_region == "eu-west-1"
    assert settings.injection.partition == "aws"
    assert (settings.serving.port, settings.serving.metrics_port) == (8443, 8080)
    assert settings.serving.tls_cert == Path("/certs/tls.crt")
    assert settings.verbosity == 4
    assert line.notes == ["--logtostderr has no effect here: logs go to standard error"]


@pytest.mark.parametrize("arguments", ["--port 1", "--port=1", "-port=1", "--port=0x1", "--port=2 --port=1"])
def test_ways_to_write_a_value(arguments: str) -> None:
    assert parse_flags(arguments.split()).settings.serving.port == 1


@pytest.mark.parametrize("arguments", [["-v=4"], ["-v", "4"], ["-v4"], ["--v=4"]])
def test_ways_to_write_the_verbosity(arguments: list[str]) -> None:
    assert parse_flags(arguments).settings.verbosity == 4


@pytest.mark.parametrize(("text", "value"), [("=true", True), ("=T", True), ("", True), ("=false", False)])
def test_ways_to_write_a_boolean(text: str, value: bool) -> None:
    assert parse_flags([f"--watch-config-map{text}"]).settings.sources.watch_config_map is value


def test_a_word_after_a_boolean_is_no_value_of_it_and_that_is_said() -> None:
    line = parse_flags(["--watch-config-map", "false"])
    assert line.settings.sources.watch_config_map is True
    assert line.notes == ["the argument 'false' belongs to no flag and is ignored; write --flag=value"]


@pytest.mark.parametrize("argument", ["--in-cluster", "--in-cluster=true"])
def test_in_cluster_is_refused_with_an_alternative(argument: str) -> None:
    with pytest.raises(BadFlag) as raised:
        parse_flags([argument])
    assert "removed in version 1.22" in raised.value.what
    assert "--self-signed" in (raised.value.next_step or "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--tokenaudience=x"], "There is no flag --tokenaudience."),
        (["--port"], "--port needs a value."),
        (["--port=x"], "The value of --port is malformed."),
        (["--port=70000"], "The value of --port is malformed."),
        (["--watch-config-map=yes"], "The value of --watch-config-map is malformed."),
        (["--service-account-lookup-grace-period=1"], "is malformed"),
        (["--service-account-lookup-grace-period=-1s"], "is malformed"),
        (["--tls-min-version=2"], "--tls-min-version is malformed"),
        (["--tls-cipher-suites=TLS_NONE"], "names a suite that does not exist: TLS_NONE"),
        (["--compat=lenient"], "The value of --compat is malformed."),
        (["--account-id=123"], "is not an AWS account id"),
        (["--aws-endpoint-url=minio"], "--aws-endpoint-url is malformed"),
        (["--aws-ca-bundle=A B"], "--aws-ca-bundle is malformed"),
        (["--workers=0"], "--workers is malformed"),
    ],
)
def test_a_malformed_flag_is_explained(arguments: list[str], says: str) -> None:
    with pytest.raises(BadFlag, match=says):
        parse_flags(arguments)


def test_a_misspelt_flag_gets_a_suggestion() -> None:
    with pytest.raises(BadFlag) as raised:
        parse_flags(["--token-audiance=x"])
    assert raised.value.next_step == "did you mean --token-audience?"


@pytest.mark.parametrize(
    ("text", "version", "noted"),
    [
        ("1.2", "1.2", False),
        ("VersionTLS12", "1.2", False),
        ("1.3", "1.3", False),
        ("VersionTLS13", "1.3", False),
        ("1.0", "1.2", True),
        ("VersionTLS11", "1.2", True),
        ("", "1.2", False),
    ],
)
def test_tls_versions(text: str, version: str, noted: bool) -> None:
    line = parse_flags([f"--tls-min-version={text}"])
    assert line.settings.serving.tls_min_version == version
    assert bool(line.notes) == noted


def test_cipher_suites_are_trimmed_and_empty_ones_skipped() -> None:
    text = " TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 ,, TLS_AES_128_GCM_SHA256"
    suites = parse_flags([f"--tls-cipher-suites={text}"]).settings.serving.tls_cipher_suites
    assert suites == ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256")


def test_a_lifetime_below_ten_minutes_is_ten_minutes() -> None:
    assert parse_flags(["--token-expiration=60"]).settings.injection.token_expiration == 600


@pytest.mark.parametrize(
    ("arguments", "composition", "asks"),
    [
        ([], None, False),
        (["--account-id=111122223333"], None, False),
        (["--compose-role-arn"], None, True),
        (["--compose-role-arn", "--account-id=111122223333"], RoleComposition("111122223333", "aws"), False),
        (
            ["--compose-role-arn", "--account-id=111122223333", "--region=cn-north-1"],
            RoleComposition("111122223333", "aws-cn"),
            False,
        ),
        (
            ["--compose-role-arn", "--account-id=111122223333", "--partition=aws-eusc"],
            RoleComposition("111122223333", "aws-eusc"),
            False,
        ),
    ],
)
def test_composing_role_arns(arguments: list[str], composition: RoleComposition | None, asks: bool) -> None:
    line = parse_flags(arguments)
    assert line.settings.injection.role_composition == composition
    assert line.ask_host_for_account is asks


@pytest.mark.parametrize(
    ("arguments", "limit"),
    [
        ([], 1.0),
        (["--service-account-lookup-grace-period=300ms"], 0.3),
        (["--service-account-lookup-grace-period=0s"], 1.0),
        (["--compat=strict"], 0.0),
        (["--compat=strict", "--service-account-lookup-grace-period=2s"], 2.0),
    ],
)
def test_how_long_a_look_up_may_take(arguments: list[str], limit: float) -> None:
    assert parse_flags(arguments).settings.sources.lookup_limit == pytest.approx(limit)


def test_flags_of_our_own() -> None:
    settings = parse_flags(
        [
            "--aws-endpoint-url=https://minio.example",
            "--aws-ca-bundle=aws-ca/bundle.pem",
            "--role-session-name",
            "--self-signed",
            "--tls-secret=certs",
            "--service-name=hook",
            "--webhook-configuration=hooks",
            "--events=false",
            "--workers=4",
            "--address=127.0.0.1",
            "--shutdown-delay=1m",
            "--scan-interval=10m",
        ]
    ).settings
    assert settings.injection.aws_endpoint_url == "https://minio.example"
    assert settings.injection.aws_ca_bundle == CABundle("aws-ca", "bundle.pem")
    assert settings.injection.role_session_name is True
    assert settings.self_signed == SelfSignedSettings("certs", "hook", "hooks")
    assert settings.events is False
    assert settings.serving.workers == 4
    assert settings.serving.address == "127.0.0.1"
    assert (settings.serving.shutdown_delay, settings.serving.scan_interval) == (60.0, 600.0)


def test_every_flag_without_effect_is_noted() -> None:
    for flag in FLAGS:
        if flag.origin == "no effect" and flag.name != "in-cluster":
            value = {"bool": "true", "duration": "60s"}.get(flag.kind, "1")
            assert parse_flags([f"--{flag.name}={value}"]).notes == [f"--{flag.name} has no effect here: {flag.effect}"]


def test_every_flag_has_a_default_that_it_understands() -> None:
    for flag in FLAGS:
        if flag.origin != "no effect":
            assert parse_flags([f"--{flag.name}={flag.default}"]).settings == WebhookSettings()
