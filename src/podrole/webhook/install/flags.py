"""The command line of ``podrole webhook manifests``: what can be chosen about an installation, and further flags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from podrole.webhook.errors import BadFlag
from podrole.webhook.flags.parse import parse_flags
from podrole.webhook.flags.table import FLAGS, Flag
from podrole.webhook.flags.values import FlagValues, collect
from podrole.webhook.install.manifests import (
    CERTIFICATES,
    FAILURE_POLICIES,
    Certificates,
    FailurePolicy,
    Installation,
    arguments,
)

_DEFAULTS = Installation()

INSTALLATION_FLAGS: tuple[Flag, ...] = (
    Flag("name", _DEFAULTS.name, "the name of every object, and of the MutatingWebhookConfiguration"),
    Flag("namespace", _DEFAULTS.namespace, "where it runs; it is made if it is this one, and any other must be there"),
    Flag("image", _DEFAULTS.image, "the image, as the project's Dockerfile builds it"),
    Flag("replicas", str(_DEFAULTS.replicas), "how many pods answer", "integer"),
    Flag(
        "certificates",
        _DEFAULTS.certificates,
        "who makes the serving certificate: self-signed, cert-manager, or secret, which takes the Secret of that name",
    ),
    Flag("ca-bundle", "", "with --certificates=secret: the CA that signed it, PEM in base64"),
    Flag("watch-config-map", "false", "let the ConfigMap pod-identity-webhook bind roles too", "bool"),
    Flag("failure-policy", _DEFAULTS.failure_policy, "what becomes of pods while no replica answers: Ignore or Fail"),
    Flag("require-label", "false", "refuse pods labelled as in need of an identity where they get none", "bool"),
    Flag("events", "true", "write an Event on a pod's owner where its identity is not right", "bool"),
    Flag("scan-interval", "", "how often to look for running pods without their identity, such as 10m"),
    Flag("service-monitor", "false", "tell the Prometheus operator of the metrics", "bool"),
)
_OWN = frozenset(flag.name for flag in INSTALLATION_FLAGS)
_FIXED = frozenset({"port", "metrics-port", "self-signed", "tls-secret", "service-name", "webhook-configuration"})


def read_installation(line: Sequence[str]) -> tuple[Installation, list[str]]:
    """Return what to install, and things worth saying that stop nothing.

    Flags that are not about the installation are the webhook's: the container is started with them. Raises BadFlag.
    """
    table = (*INSTALLATION_FLAGS, *(flag for flag in FLAGS if flag.name not in _OWN))
    values, notes = collect(line, table)
    fixed = _FIXED.intersection(values)
    if fixed:
        raise BadFlag(f"--{min(fixed)} is for the manifests to choose.", got=f"--{min(fixed)}={values[min(fixed)]}")
    read = FlagValues(values, table)
    certificates, ca_bundle = read.choice("certificates", CERTIFICATES), read.text("ca-bundle")
    if (certificates == "secret") != bool(ca_bundle):
        raise BadFlag(
            "--certificates=secret and --ca-bundle belong together.",
            got=f"--certificates={certificates} {'with' if ca_bundle else 'without'} --ca-bundle",
            next_step='name the CA that signed the certificate: --ca-bundle="$(base64 -w0 ca.crt)"',
        )
    installation = Installation(
        name=read.text("name"),
        namespace=read.text("namespace"),
        image=read.text("image"),
        replicas=read.integer("replicas", 1, 100),
        certificates=cast("Certificates", certificates),
        ca_bundle=ca_bundle,
        watch_config_map=read.boolean("watch-config-map"),
        failure_policy=cast("FailurePolicy", read.choice("failure-policy", FAILURE_POLICIES)),
        require_label=read.boolean("require-label"),
        events=read.boolean("events"),
        scan_interval=read.text("scan-interval"),
        service_monitor=read.boolean("service-monitor"),
        arguments=tuple([f"{_dashes(name)}{name}={value}" for name, value in values.items() if name not in _OWN]),
    )
    notes += parse_flags(arguments(installation)).notes
    return installation, notes


def _dashes(name: str) -> str:
    return "-" if len(name) == 1 else "--"
