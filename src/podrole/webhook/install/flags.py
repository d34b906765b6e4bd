"""The command line of ``podrole webhook manifests``: the flags of an installation, and those of the webhook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from podrole.kube.names import is_label
from podrole.webhook.errors import BadFlag
from podrole.webhook.flags.parse import parse_flags
from podrole.webhook.flags.table import FLAGS, Flag
from podrole.webhook.flags.values import FlagValues, collect
from podrole.webhook.install.installation import CERTIFICATES, Certificates, Installation
from podrole.webhook.install.manifests import arguments
from podrole.webhook.install.webhook_configuration import FAILURE_POLICIES, FailurePolicy

_DEFAULTS = Installation()

INSTALLATION_FLAGS: tuple[Flag, ...] = (
    Flag("name", _DEFAULTS.name, "the name of every object, and of the MutatingWebhookConfiguration"),
    Flag("namespace", _DEFAULTS.namespace, "the namespace of all objects; this one is created, any other must exist"),
    Flag("image", _DEFAULTS.image, "the image, built with the project's Dockerfile"),
    Flag("replicas", str(_DEFAULTS.replicas), "the number of pods", "integer"),
    Flag(
        "certificates",
        _DEFAULTS.certificates,
        "who creates the serving certificate: self-signed, cert-manager, or secret (an existing Secret)",
    ),
    Flag("ca-bundle", "", "with --certificates=secret: the CA certificate that signed it, PEM in base64"),
    Flag("watch-config-map", "false", "read bindings also from the ConfigMap pod-identity-webhook", "bool"),
    Flag(
        "failure-policy",
        _DEFAULTS.failure_policy,
        "what the API server does with new pods while no replica answers: Ignore or Fail",
    ),
    Flag(
        "require-label",
        "false",
        "refuse pods with the label eks.amazonaws.com/require-pod-identity=true that get no identity",
        "bool",
    ),
    Flag("events", "true", "write an Event on the pod's owner about problems with its identity", "bool"),
    Flag(
        "scan-interval",
        "",
        "how often to look for running pods without their identity, for example 10m; empty for never",
    ),
    Flag("service-monitor", "false", "create a ServiceMonitor for the Prometheus operator", "bool"),
)
_OWN = frozenset(flag.name for flag in INSTALLATION_FLAGS)
_FIXED = frozenset({"port", "metrics-port", "self-signed", "tls-secret", "service-name", "webhook-configuration"})


def read_installation(line: Sequence[str]) -> tuple[Installation, list[str]]:
    """Return what to install, and notes for the user.

    Flags that are not about the installation are passed to the webhook's container. Raises BadFlag.
    """
    table = (*INSTALLATION_FLAGS, *(flag for flag in FLAGS if flag.name not in _OWN))
    values, notes = collect(line, table, only_flags=True)
    fixed = _FIXED.intersection(values)
    if fixed:
        raise BadFlag(f"--{min(fixed)} is set by the manifests.", got=f"--{min(fixed)}={values[min(fixed)]}")
    read = FlagValues(values, table)
    certificates, ca_bundle = read.choice("certificates", CERTIFICATES), read.text("ca-bundle")
    if (certificates == "secret") != bool(ca_bundle):
        raise BadFlag(
            "--certificates=secret needs --ca-bundle, and --ca-bundle needs --certificates=secret.",
            got=f"--certificates={certificates} {'with' if ca_bundle else 'without'} --ca-bundle",
            next_step='set the CA that signed the certificate: --ca-bundle="$(base64 -w0 ca.crt)"',
        )
    for flag in ("name", "namespace"):
        if not is_label(read.text(flag)):
            raise BadFlag(
                f"--{flag} is not a name that Kubernetes takes.",
                got=repr(read.text(flag)),
                expected="at most 63 lower-case letters, digits and '-'",
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
