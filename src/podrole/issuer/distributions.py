"""What each Kubernetes distribution must be told so that its API server signs for an issuer that AWS can read.

The flags are kube-apiserver's. The first ``--service-account-issuer`` signs, all are accepted, and none may be listed
twice (kubernetes/kubernetes, ``pkg/kubeapiserver/options/authentication.go``). ``--api-audiences`` stays what it was:
its default is the issuers, so that a new issuer would refuse tokens that are in use.

Nothing here was run on a real distribution; each function names what it was checked against.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from podrole.issuer.errors import InvalidIssuer
from podrole.issuer.publishing import check_issuer

DEFAULT_ISSUER = "https://kubernetes.default.svc.cluster.local"
AWS_AUDIENCE = "sts.amazonaws.com"
_PKI = "/etc/kubernetes/pki"


@dataclass(frozen=True, slots=True)
class IssuerFlags:
    """What the API server must be told.

    ``prepare`` is the first of two rounds on a cluster with several API servers: all accept the new issuer before one
    signs for it. ``audiences`` are the API server's today, if they are not the distribution's own. ``key_files`` are
    further public keys to accept, ``signing_key_file`` is the private key that signs: paths on the API server's
    machine. Without them the distribution keeps its own key.
    """

    issuer: str
    old_issuer: str | None = None
    prepare: bool = False
    audiences: tuple[str, ...] = ()
    key_files: tuple[str, ...] = ()
    signing_key_file: str | None = None
    jwks_uri: str | None = None

    @property
    def issuers(self) -> tuple[str, ...]:
        """The issuers in their order: the first one signs."""
        both = (self.issuer,) if self.old_issuer is None else (self.issuer, self.old_issuer)
        return both[::-1] if self.prepare else both


def render(distribution: str, flags: IssuerFlags) -> str:
    """Return the configuration of a distribution, ready to paste. Raises InvalidIssuer."""
    _check(flags)
    return "\n".join(DISTRIBUTIONS[distribution](flags)) + "\n"


def _kubeadm(flags: IssuerFlags) -> Iterator[str]:
    """kubeadm: an argument replaces kubeadm's own of that name, and v1beta4 takes one several times
    (https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/; kubernetes/kubernetes,
    ``cmd/kubeadm/app/phases/controlplane/manifests.go``)."""
    _require_keys_in_pki(flags)
    flags = _with_defaults(flags)
    part = "apiserver" if flags.signing_key_file is None else "all"  # the controller manager signs with the key too
    yield "# Merge this into the ClusterConfiguration, once:"
    yield "#   kubectl -n kube-system edit configmap kubeadm-config"
    yield "# Then on each control-plane node, one after the other:"
    yield "#   kubectl -n kube-system get configmap kubeadm-config \\"
    yield "#     -o jsonpath='{.data.ClusterConfiguration}' > kubeadm.yaml"
    yield f"#   sudo kubeadm init phase control-plane {part} --config kubeadm.yaml"
    if flags.prepare:
        yield "# This is the first of two rounds: then print the second without --prepare."
    yield "apiVersion: kubeadm.k8s.io/v1beta4"
    yield "kind: ClusterConfiguration"
    yield from _kubeadm_arguments(flags, f"{_PKI}/sa.pub")


def _kubeadm_arguments(flags: IssuerFlags, own_key: str) -> Iterator[str]:
    yield "apiServer:"
    yield "  extraArgs:"
    for name, value in _api_server(flags, own_key):
        yield f"    - name: {name}"
        yield f"      value: {_quoted(value)}"
    if flags.signing_key_file is not None:
        yield "controllerManager:"
        yield "  extraArgs:"
        yield "    - name: service-account-private-key-file"
        yield f"      value: {_quoted(flags.signing_key_file)}"


def _kind(flags: IssuerFlags) -> Iterator[str]:
    """kind: patches of the kubeadm configuration that kind writes, in v1beta3 or v1beta4 by its version; a patch for
    the other version is passed over (kubernetes-sigs/kind, ``pkg/internal/patch/resource.go``). v1beta3 takes an
    argument once, so the old issuer is not in it: a cluster that is created has no older token."""
    _refuse_keys(flags, "kind creates the cluster's key", "mount files with extraMounts, or rotate with kubeadm's form")
    flags = _with_defaults(flags)
    yield "# kind create cluster --config FILE. A kind cluster gets its issuer when it is created."
    yield "kind: Cluster"
    yield "apiVersion: kind.x-k8s.io/v1alpha4"
    yield "kubeadmConfigPatches:"
    yield "  - |"
    yield "    apiVersion: kubeadm.k8s.io/v1beta3"
    yield "    kind: ClusterConfiguration"
    yield "    apiServer:"
    yield "      extraArgs:"
    for name, value in _api_server(replace(flags, old_issuer=None), ""):
        yield f"        {name}: {_quoted(value)}"
    yield "  - |"
    yield "    apiVersion: kubeadm.k8s.io/v1beta4"
    yield "    kind: ClusterConfiguration"
    yield from (f"    {line}" for line in _kubeadm_arguments(flags, ""))


def _k3s(flags: IssuerFlags) -> Iterator[str]:
    """k3s: an argument replaces k3s's own and may be repeated in order since 1.23.6 (k3s-io/k3s, ``pkg/util/args.go``;
    the defaults: ``pkg/daemons/control/server.go``)."""
    yield from _rancher(flags, "k3s")


def _rke2(flags: IssuerFlags) -> Iterator[str]:
    """RKE2: its server is k3s's, under the program's name rke2 (rancher/rke2 builds with k3s's ``version.Program``)."""
    yield from _rancher(flags, "rke2")


def _rancher(flags: IssuerFlags, program: str) -> Iterator[str]:
    flags = _with_defaults(flags, (DEFAULT_ISSUER, program))
    yield f"# /etc/rancher/{program}/config.yaml of each server; add to lists that are there, then restart {program}."
    yield "kube-apiserver-arg:"
    own_key = f"/var/lib/rancher/{program}/server/tls/service.key"
    for name, value in _api_server(flags, own_key):
        yield f"  - {_quoted(f'{name}={value}')}"
    if flags.signing_key_file is not None:
        yield "kube-controller-manager-arg:"
        yield f"  - {_quoted(f'service-account-private-key-file={flags.signing_key_file}')}"


def _talos(flags: IssuerFlags) -> Iterator[str]:
    """Talos 1.13 and later: lists of values, before Talos's own issuer, which stays accepted. Talos denies the key's
    flags (siderolabs/talos, ``control_plane_static_pod.go``; siderolabs/talos#12475)."""
    _refuse_keys(flags, "Talos denies the flags of the key", "set cluster.serviceAccount.key of the machine config")
    if flags.prepare:
        raise InvalidIssuer(
            "Talos puts its own issuer last, so that the new one always signs.",
            next_step="apply it to all control-plane nodes at once; there is no first round",
        )
    yield "# talosctl patch machineconfig --patch @FILE, on each control-plane node, with Talos 1.13 or later."
    yield "# Talos adds the control plane's endpoint as the last issuer, and keeps it as the audience."
    yield "# Give --old-issuer only for another old issuer: the API server refuses an issuer that is listed twice."
    yield "cluster:"
    yield "  apiServer:"
    yield "    extraArgs:"
    yield "      service-account-issuer:"
    yield from (f"        - {_quoted(issuer)}" for issuer in flags.issuers)
    if flags.jwks_uri is not None:
        yield f"      service-account-jwks-uri: {_quoted(flags.jwks_uri)}"
    if flags.audiences:
        yield f"      api-audiences: {_quoted(','.join(flags.audiences))}"


def _kops(flags: IssuerFlags) -> Iterator[str]:
    """kOps 1.28.5 and later (kubernetes/kops, ``docs/operations/service_account_issuer_migration.md``; the defaults:
    ``pkg/model/components/discovery.go``)."""
    _refuse_keys(
        flags, "kOps keeps the cluster's keys", "kops create keypair service-account, then kops promote keypair"
    )
    if flags.jwks_uri is not None:
        raise InvalidIssuer("kOps sets the address of the keys itself.", got="--jwks-uri", next_step="leave it out")
    if flags.old_issuer is None:
        raise InvalidIssuer(
            "kOps's own issuer depends on the cluster's name.",
            expected="--old-issuer, such as https://api.internal.CLUSTER",
            next_step="kubectl get --raw /.well-known/openid-configuration shows it",
        )
    yield "# kops edit cluster, then kops update cluster --yes and kops rolling-update cluster --yes."
    yield "spec:"
    yield "  kubeAPIServer:"
    yield f"    serviceAccountIssuer: {_quoted(flags.issuers[0])}"
    yield "    additionalServiceAccountIssuers:"
    yield from (f"      - {_quoted(issuer)}" for issuer in flags.issuers[1:])
    yield "    apiAudiences:"
    yield from (f"      - {_quoted(audience)}" for audience in flags.audiences or ("kubernetes.svc.default",))


DISTRIBUTIONS: Mapping[str, Callable[[IssuerFlags], Iterator[str]]] = MappingProxyType(
    {"kubeadm": _kubeadm, "k3s": _k3s, "rke2": _rke2, "talos": _talos, "kops": _kops, "kind": _kind}
)


def _api_server(flags: IssuerFlags, own_key: str) -> Iterator[tuple[str, str]]:
    for issuer in flags.issuers:
        yield "service-account-issuer", issuer
    if flags.jwks_uri is not None:
        yield "service-account-jwks-uri", flags.jwks_uri
    yield "api-audiences", ",".join(flags.audiences)
    if flags.key_files:  # the flag replaces the distribution's own key, whose tokens are in use
        for path in dict.fromkeys((own_key, *flags.key_files)):
            yield "service-account-key-file", path
    if flags.signing_key_file is not None:
        yield "service-account-signing-key-file", flags.signing_key_file


def _with_defaults(flags: IssuerFlags, audiences: tuple[str, ...] = ()) -> IssuerFlags:
    """Return the flags with the issuer and the audiences that the API server has now: its issuer, if no others."""
    old = flags.old_issuer or DEFAULT_ISSUER
    return replace(flags, old_issuer=old, audiences=flags.audiences or audiences or (old,))


def _quoted(value: str) -> str:
    return json.dumps(value)


def _check(flags: IssuerFlags) -> None:
    check_issuer(flags.issuer)
    if flags.old_issuer == flags.issuer:
        raise InvalidIssuer("The old issuer is the new one.", got=repr(flags.issuer))
    if AWS_AUDIENCE in flags.audiences:
        raise InvalidIssuer(
            "Tokens for AWS would be accepted by the API server.",
            got=f"--api-audience {AWS_AUDIENCE}",
            next_step="leave it out: pods get tokens for AWS without it",
        )
    if flags.signing_key_file is not None and not flags.key_files:
        raise InvalidIssuer(
            "The API server would not accept the tokens that it signs.",
            expected="--key-file with the public key of --signing-key-file",
        )
    if flags.jwks_uri is not None and not flags.jwks_uri.startswith("https://"):
        raise InvalidIssuer("The address of the keys is not an https URL.", got=repr(flags.jwks_uri))
    for path in _files(flags):
        if not path.startswith("/"):
            raise InvalidIssuer(
                "A key's file is named by its whole path on the API server's machine.", got=repr(path), expected="/…"
            )


def _refuse_keys(flags: IssuerFlags, why: str, next_step: str) -> None:
    if flags.key_files or flags.signing_key_file is not None:
        raise InvalidIssuer(f"{why}: no flag can change it.", got="--key-file", next_step=next_step)


def _require_keys_in_pki(flags: IssuerFlags) -> None:
    for path in _files(flags):
        if not path.startswith(f"{_PKI}/"):
            raise InvalidIssuer("The API server's pod does not see this file.", got=path, expected=f"a file in {_PKI}")


def _files(flags: IssuerFlags) -> tuple[str, ...]:
    return (*flags.key_files, *filter(None, [flags.signing_key_file]))
