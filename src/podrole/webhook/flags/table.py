"""Every flag of the standalone webhook: Amazon's by their names and defaults, and podrole's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag. ``effect`` is what it does; of a flag without any left, why."""

    name: str
    default: str
    effect: str
    kind: Literal["text", "bool", "integer", "duration"] = "text"
    origin: Literal["amazon", "podrole", "no effect"] = "amazon"


def _none(name: str, effect: str, kind: Literal["text", "bool", "duration"] = "text") -> Flag:
    return Flag(name, "", effect, kind, "no effect")


_STDERR = "logs go to standard error"

FLAGS: tuple[Flag, ...] = (
    Flag("port", "443", "where reviews are answered, over TLS", "integer"),
    Flag("metrics-port", "9999", "where metrics are shown, in plain HTTP", "integer"),
    Flag("kubeconfig", "", "a kubeconfig to use instead of the pod's service account"),
    Flag("kube-api", "", "the API server's address, instead of the one that was found"),
    Flag("tls-cert", "/etc/webhook/certs/tls.crt", "the serving certificate; read again when it changes"),
    Flag("tls-key", "/etc/webhook/certs/tls.key", "its private key; read again when it changes"),
    Flag("tls-cipher-suites", "", "the suites of TLS 1.2, by their IANA names, with commas"),
    Flag("tls-min-version", "1.2", "the oldest TLS version: 1.2 or 1.3"),
    Flag("service-name", "pod-identity-webhook", "with --self-signed: the Service through which the API server calls"),
    Flag("tls-secret", "pod-identity-webhook", "with --self-signed: the Secret that keeps the certificate"),
    Flag("namespace", "eks", "the namespace of the ConfigMap, and of Service and Secret"),
    Flag("annotation-prefix", "eks.amazonaws.com", "the prefix of annotations on service accounts and pods"),
    Flag("token-audience", "sts.amazonaws.com", "the token's audience where the binding names none"),
    Flag(
        "token-mount-path",
        "/var/run/secrets/eks.amazonaws.com/serviceaccount",
        "the directory in the container where the token is",
    ),
    Flag("token-expiration", "86400", "the token's lifetime in seconds by default; at least 600", "integer"),
    Flag("aws-default-region", "", "given to containers as AWS_REGION and AWS_DEFAULT_REGION"),
    Flag(
        "sts-regional-endpoint",
        "false",
        "give AWS_STS_REGIONAL_ENDPOINTS=regional where the binding does not say",
        "bool",
    ),
    Flag("watch-config-map", "false", "read the ConfigMap pod-identity-webhook too", "bool"),
    Flag("compose-role-arn", "false", "let bindings name a role without its ARN", "bool"),
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
        "EKS Pod Identity: where the agent listens",
    ),
    Flag(
        "service-account-lookup-grace-period",
        "1s",
        "how long a review may wait for a service account that is not known yet (strict: 0s)",
        "duration",
    ),
    Flag("enable-debugging-handlers", "false", "serve /debug/alpha/…", "bool"),
    Flag("v", "0", "3 and more logs every review, 5 and more all there is", "integer"),
    Flag("version", "false", "print the version", "bool"),
    Flag("compat", "podrole", "strict gives the EKS webhook's results bit by bit", origin="podrole"),
    Flag("address", "", "the address to listen on; empty is every interface", origin="podrole"),
    Flag("workers", "1", "how many processes answer reviews", "integer", "podrole"),
    Flag(
        "account-id",
        "",
        "with --compose-role-arn: the account of the roles, instead of asking the EC2 host",
        origin="podrole",
    ),
    Flag("partition", "", "the AWS partition; by default that of the region", origin="podrole"),
    Flag("region", "", "the AWS region, to tell the partition; by default --aws-default-region", origin="podrole"),
    Flag("aws-endpoint-url", "", "given to containers as AWS_ENDPOINT_URL: another AWS-shaped cloud", origin="podrole"),
    Flag(
        "aws-ca-bundle",
        "",
        "a ConfigMap of the pod's namespace, <name> or <name>/<key>, given as AWS_CA_BUNDLE",
        origin="podrole",
    ),
    Flag("role-session-name", "false", "give AWS_ROLE_SESSION_NAME, made of namespace and pod name", "bool", "podrole"),
    Flag("self-signed", "false", "make the serving certificate and keep the caBundle right", "bool", "podrole"),
    Flag(
        "webhook-configuration",
        "pod-identity-webhook",
        "with --self-signed: the MutatingWebhookConfiguration to keep right",
        origin="podrole",
    ),
    Flag("events", "true", "write an Event on a pod's owner where its identity is not right", "bool", "podrole"),
    Flag("shutdown-delay", "5s", "how long to go on serving once told to stop", "duration", "podrole"),
    Flag(
        "scan-interval",
        "0s",
        "how often to look for running pods without their identity; 0s is never",
        "duration",
        "podrole",
    ),
    _none("in-cluster", "only false has a meaning left", "bool"),
    _none("resync-period", "the cache is exact without it", "duration"),
    _none("logtostderr", _STDERR, "bool"),
    _none("alsologtostderr", _STDERR, "bool"),
    _none("stderrthreshold", _STDERR),
    _none("log_dir", _STDERR),
    _none("log_file", _STDERR),
    _none("log_file_max_size", _STDERR),
    _none("log_backtrace_at", "an error comes with its own traceback"),
    _none("vmodule", "use -v"),
    _none("skip_headers", "every line has its time and level", "bool"),
    _none("skip_log_headers", "there are no log files", "bool"),
    _none("add_dir_header", "every line names its module", "bool"),
    _none("one_output", _STDERR, "bool"),
)
