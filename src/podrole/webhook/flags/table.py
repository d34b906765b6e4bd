"""Every flag of the standalone webhook: those of the EKS webhook by their names and defaults, and podrole's own.

The help text and the tables in docs/webhook.md show these words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag. ``effect`` says what it does, or why it has no effect."""

    name: str
    default: str
    effect: str
    kind: Literal["text", "bool", "integer", "duration"] = "text"
    origin: Literal["amazon", "podrole", "no effect"] = "amazon"


def _none(name: str, effect: str, kind: Literal["text", "bool", "duration"] = "text") -> Flag:
    return Flag(name, "", effect, kind, "no effect")


_STDERR = "logs go to standard error"

FLAGS: tuple[Flag, ...] = (
    Flag("port", "443", "the port for admission reviews, over TLS", "integer"),
    Flag("metrics-port", "9999", "the port for metrics, in plain HTTP", "integer"),
    Flag("kubeconfig", "", "a kubeconfig to use instead of the pod's service account"),
    Flag("kube-api", "", "the address of the API server, instead of the one in the kubeconfig or the pod"),
    Flag("tls-cert", "/etc/webhook/certs/tls.crt", "the serving certificate; read again when the file changes"),
    Flag("tls-key", "/etc/webhook/certs/tls.key", "its private key; read again when the file changes"),
    Flag("tls-cipher-suites", "", "the cipher suites of TLS 1.2: IANA names, separated by commas"),
    Flag("tls-min-version", "1.2", "the lowest TLS version: 1.2 or 1.3; 1.0 and 1.1 count as 1.2"),
    Flag("service-name", "pod-identity-webhook", "with --self-signed: the Service through which the API server calls"),
    Flag("tls-secret", "pod-identity-webhook", "with --self-signed: the Secret with the certificate"),
    Flag("namespace", "eks", "the namespace of the ConfigMap, the Service and the Secret"),
    Flag("annotation-prefix", "eks.amazonaws.com", "the prefix of the annotations of service accounts and pods"),
    Flag("token-audience", "sts.amazonaws.com", "the token's audience if the binding names none"),
    Flag(
        "token-mount-path",
        "/var/run/secrets/eks.amazonaws.com/serviceaccount",
        "the directory of the token in the container",
    ),
    Flag("token-expiration", "86400", "the default lifetime of the token in seconds; at least 600", "integer"),
    Flag("aws-default-region", "", "sets AWS_REGION and AWS_DEFAULT_REGION in containers"),
    Flag(
        "sts-regional-endpoint",
        "false",
        "sets AWS_STS_REGIONAL_ENDPOINTS=regional in containers if the binding does not decide it",
        "bool",
    ),
    Flag("watch-config-map", "false", "read bindings also from the ConfigMap pod-identity-webhook", "bool"),
    Flag("compose-role-arn", "false", "accept the name of a role instead of its ARN", "bool"),
    Flag("watch-container-credentials-config", "", "the file that lists the service accounts of EKS Pod Identity"),
    Flag("container-credentials-audience", "pods.eks.amazonaws.com", "EKS Pod Identity: the token's audience"),
    Flag(
        "container-credentials-token-mount-path",
        "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount",
        "EKS Pod Identity: the directory of the token",
    ),
    Flag("container-credentials-token-volume-name", "eks-pod-identity-token", "EKS Pod Identity: the volume's name"),
    Flag("container-credentials-token-path", "eks-pod-identity-token", "EKS Pod Identity: the token's file name"),
    Flag(
        "container-credentials-full-uri",
        "http://169.254.170.23/v1/credentials",
        "EKS Pod Identity: the URL of the agent",
    ),
    Flag(
        "service-account-lookup-grace-period",
        "1s",
        "how long a review may wait for a service account that is not cached; 0s counts as 1s (strict: default 0s)",
        "duration",
    ),
    Flag("enable-debugging-handlers", "false", "serve /debug/alpha/…", "bool"),
    Flag("v", "0", "from 3 on every review is logged, from 5 on everything", "integer"),
    Flag("version", "false", "print the version", "bool"),
    Flag("compat", "podrole", "strict answers byte for byte as the EKS webhook does", origin="podrole"),
    Flag("address", "", "the address to listen on; empty for all interfaces", origin="podrole"),
    Flag("workers", "1", "the number of processes that answer reviews, each with its own cache", "integer", "podrole"),
    Flag(
        "account-id",
        "",
        "with --compose-role-arn: the account of the roles; by default that of the EC2 instance",
        origin="podrole",
    ),
    Flag("partition", "", "the AWS partition; by default that of the region", origin="podrole"),
    Flag(
        "region", "", "the AWS region, which decides the partition; by default --aws-default-region", origin="podrole"
    ),
    Flag(
        "aws-endpoint-url",
        "",
        "sets AWS_ENDPOINT_URL in containers, for another cloud with AWS's API",
        origin="podrole",
    ),
    Flag(
        "aws-ca-bundle",
        "",
        "a ConfigMap in the pod's namespace, <name> or <name>/<key>: sets AWS_CA_BUNDLE to its certificates",
        origin="podrole",
    ),
    Flag(
        "role-session-name",
        "false",
        "sets AWS_ROLE_SESSION_NAME in containers, from namespace and pod name",
        "bool",
        "podrole",
    ),
    Flag(
        "self-signed",
        "false",
        "create and renew the serving certificate, and keep the caBundle up to date",
        "bool",
        "podrole",
    ),
    Flag(
        "webhook-configuration",
        "pod-identity-webhook",
        "with --self-signed: the MutatingWebhookConfiguration with the caBundle",
        origin="podrole",
    ),
    Flag("events", "true", "write an Event on the pod's owner about problems with its identity", "bool", "podrole"),
    Flag("shutdown-delay", "5s", "how long reviews are still answered after SIGTERM", "duration", "podrole"),
    Flag(
        "scan-interval",
        "0s",
        "how often to look for running pods without their identity; 0s for never",
        "duration",
        "podrole",
    ),
    _none("in-cluster", "only false still has a meaning", "bool"),
    _none("resync-period", "the cache is exact without it", "duration"),
    _none("logtostderr", _STDERR, "bool"),
    _none("alsologtostderr", _STDERR, "bool"),
    _none("stderrthreshold", _STDERR),
    _none("log_dir", _STDERR),
    _none("log_file", _STDERR),
    _none("log_file_max_size", _STDERR),
    _none("log_backtrace_at", "errors are logged with a traceback"),
    _none("vmodule", "use -v"),
    _none("skip_headers", "every line has time and level", "bool"),
    _none("skip_log_headers", "there are no log files", "bool"),
    _none("add_dir_header", "every line names its module", "bool"),
    _none("one_output", _STDERR, "bool"),
)
