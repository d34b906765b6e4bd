"""The command line of the standalone webhook.

The arguments of the EKS webhook work unchanged. Nothing here reads a file or the environment, and nothing is printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from podrole.base.partitions import partition_of
from podrole.webhook.errors import BadFlag
from podrole.webhook.flags.table import FLAGS
from podrole.webhook.flags.values import FlagValues, collect
from podrole.webhook.identity.values import parse_ca_bundle, parse_endpoint
from podrole.webhook.settings import (
    MIN_TOKEN_EXPIRATION,
    CABundle,
    Compat,
    ContainerCredentials,
    InjectionSettings,
    RoleComposition,
    SelfSignedSettings,
    ServingSettings,
    SourceSettings,
    WebhookSettings,
)
from podrole.webhook.tls.cipher_suites import KNOWN_SUITES

_GRACE = "service-account-lookup-grace-period"


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A parsed command line. ``notes`` are sentences for the user."""

    settings: WebhookSettings
    version: bool = False
    ask_host_for_account: bool = False
    """Whether the roles' account must be read from the metadata service of the EC2 instance."""
    notes: list[str] = field(default_factory=list)


def parse_flags(arguments: Sequence[str]) -> CommandLine:
    """Parse a command line. Raises BadFlag with a sentence that says what to write instead."""
    values, notes = collect(arguments, FLAGS)
    read = FlagValues(values, FLAGS)
    if values.get("in-cluster") is not None and read.boolean("in-cluster"):
        raise BadFlag(
            "--in-cluster=true needs an API for certificates that Kubernetes removed in version 1.22.",
            got="--in-cluster=true",
            expected="--in-cluster=false, or the flag left out",
            next_step="use --self-signed, or mount a certificate and set --tls-cert and --tls-key",
        )
    compat = read.choice("compat", ("podrole", "strict"))
    region = read.text("region") or read.text("aws-default-region")
    partition = read.text("partition") or (partition_of(region) if region else None)
    composes, account = read.boolean("compose-role-arn"), read.text("account-id")
    if account and (len(account) != 12 or not account.isdecimal() or not account.isascii()):
        raise BadFlag("--account-id is not an AWS account id.", got=repr(account), expected="twelve digits")
    minimum, weak = _tls_version(read.text("tls-min-version"))
    notes += weak
    limit = read.seconds(_GRACE)
    if compat == "strict" and _GRACE not in values:
        limit = 0.0
    elif compat != "strict" and limit == 0:
        limit = SourceSettings().lookup_limit
        notes.append(f"--{_GRACE}=0: one second is used: only the API server knows which accounts exist")
    settings = WebhookSettings(
        injection=InjectionSettings(
            annotation_prefix=read.text("annotation-prefix"),
            token_audience=read.text("token-audience"),
            token_mount_path=read.text("token-mount-path"),
            token_expiration=max(read.integer("token-expiration"), MIN_TOKEN_EXPIRATION),
            aws_default_region=read.text("aws-default-region"),
            sts_regional_endpoint=read.boolean("sts-regional-endpoint"),
            container_credentials=ContainerCredentials(
                audience=read.text("container-credentials-audience"),
                token_mount_path=read.text("container-credentials-token-mount-path"),
                token_volume_name=read.text("container-credentials-token-volume-name"),
                token_path=read.text("container-credentials-token-path"),
                full_uri=read.text("container-credentials-full-uri"),
            ),
            role_composition=RoleComposition(account, partition or "aws") if composes and account else None,
            partition=partition,
            aws_endpoint_url=read.parsed("aws-endpoint-url", parse_endpoint, "an http or https URL"),
            aws_ca_bundle=cast(
                "CABundle | None",
                read.parsed("aws-ca-bundle", parse_ca_bundle, "<configmap> or <configmap>/<key>") or None,
            ),
            role_session_name=read.boolean("role-session-name"),
        ),
        sources=SourceSettings(
            kubeconfig=read.text("kubeconfig"),
            kube_api=read.text("kube-api"),
            namespace=read.text("namespace"),
            watch_config_map=read.boolean("watch-config-map"),
            container_credentials_config=read.text("watch-container-credentials-config"),
            lookup_limit=limit,
        ),
        serving=ServingSettings(
            port=read.integer("port", 0, 65_535),
            metrics_port=read.integer("metrics-port", 0, 65_535),
            address=read.text("address"),
            tls_cert=Path(read.text("tls-cert")),
            tls_key=Path(read.text("tls-key")),
            tls_cipher_suites=_suites(read.text("tls-cipher-suites")),
            tls_min_version=minimum,
            workers=read.integer("workers", 1, 256),
            debugging_handlers=read.boolean("enable-debugging-handlers"),
            shutdown_delay=read.seconds("shutdown-delay"),
            scan_interval=read.seconds("scan-interval"),
        ),
        self_signed=SelfSignedSettings(
            secret=read.text("tls-secret"),
            service=read.text("service-name"),
            webhook_configuration=read.text("webhook-configuration"),
        )
        if read.boolean("self-signed")
        else None,
        compat=cast("Compat", compat),
        events=read.boolean("events"),
        verbosity=read.integer("v"),
    )
    return CommandLine(settings, read.boolean("version"), composes and not account, notes)


def _tls_version(text: str) -> tuple[Literal["1.2", "1.3"], list[str]]:
    version = text.removeprefix("VersionTLS")
    if version in ("10", "11", "12", "13"):
        version = f"1.{version[1]}"
    if version == "1.3":
        return "1.3", []
    if version in ("1.2", ""):
        return "1.2", []
    if version in ("1.0", "1.1"):
        return "1.2", [
            f"--tls-min-version={text}: TLS 1.2 is used, the lowest version that podrole and API servers support"
        ]
    raise BadFlag("The value of --tls-min-version is malformed.", got=repr(text), expected="1.2 or 1.3")


def _suites(text: str) -> tuple[str, ...]:
    suites = tuple([name.strip() for name in text.split(",") if name.strip()])
    unknown = [name for name in suites if name not in KNOWN_SUITES]
    if unknown:
        raise BadFlag(
            f"--tls-cipher-suites names a suite that does not exist: {unknown[0]}.",
            expected="IANA names such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        )
    return suites
