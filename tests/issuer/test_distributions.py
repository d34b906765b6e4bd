"""What each distribution is told keeps every token valid, and is what its documentation takes.

The files beside this module are written by ``PODROLE_GOLDEN=1 pytest tests/issuer/test_distributions.py``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from podrole.cli.issuer.reading_commands import Distribution
from podrole.issuer.distributions import DEFAULT_ISSUER, DISTRIBUTIONS, IssuerFlags, render
from podrole.issuer.errors import InvalidIssuer

HERE = Path(__file__).parent / "distributions"
NEW, OLD = "https://oidc.example.com/prod", "https://old.example.com"
PLAIN = IssuerFlags(NEW)
OF_KOPS = IssuerFlags(NEW, "https://api.internal.prod.example.com")
WITH_KEYS = IssuerFlags(
    NEW,
    key_files=("/etc/kubernetes/pki/new.pub",),
    signing_key_file="/etc/kubernetes/pki/new.key",
    jwks_uri=f"{NEW}/openid/v1/jwks",
)
CASES = {
    **{name: (name, OF_KOPS if name == "kops" else PLAIN) for name in DISTRIBUTIONS},
    "kubeadm-keys": ("kubeadm", WITH_KEYS),
    "k3s-keys": ("k3s", replace(WITH_KEYS, key_files=("/etc/k3s/new.pub",), signing_key_file="/etc/k3s/new.key")),
    "kubeadm-prepare": ("kubeadm", replace(PLAIN, prepare=True)),
    "kops-prepare": ("kops", replace(OF_KOPS, prepare=True)),
    "talos-other-old-issuer": ("talos", IssuerFlags(NEW, OLD, audiences=("https://10.0.0.1:6443", OLD))),
}


@pytest.mark.parametrize("case", CASES)
def test_configuration_is_the_reviewed_one(case: str) -> None:
    path = HERE / f"{case}.yaml"
    text = render(*CASES[case])
    if os.environ.get("PODROLE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


def test_every_file_has_a_case_and_every_distribution_a_word_of_the_option() -> None:
    assert {path.stem for path in HERE.iterdir()} == set(CASES)
    assert set(DISTRIBUTIONS) == {one.value for one in Distribution}


def arguments(distribution: str, flags: IssuerFlags) -> Iterator[tuple[str, str]]:
    """Yield the API server's arguments of a configuration, as its distribution reads it."""
    read: Any = yaml.safe_load(render(distribution, flags))
    if distribution == "kind":
        assert (read["kind"], read["apiVersion"]) == ("Cluster", "kind.x-k8s.io/v1alpha4")
        read = yaml.safe_load(read["kubeadmConfigPatches"][1])
    if distribution in ("kubeadm", "kind"):
        assert (read["kind"], read["apiVersion"]) == ("ClusterConfiguration", "kubeadm.k8s.io/v1beta4")
        yield from ((one["name"], one["value"]) for one in read["apiServer"]["extraArgs"])
    elif distribution in ("k3s", "rke2"):
        yield from (tuple(one.split("=", 1)) for one in read["kube-apiserver-arg"])
    elif distribution == "talos":
        for name, values in read["cluster"]["apiServer"]["extraArgs"].items():
            yield from ((name, one) for one in ([values] if isinstance(values, str) else values))
    else:
        server = read["spec"]["kubeAPIServer"]
        issuers = [server["serviceAccountIssuer"], *server["additionalServiceAccountIssuers"]]
        yield from (("service-account-issuer", one) for one in issuers)
        yield "api-audiences", ",".join(server["apiAudiences"])


def values(distribution: str, flags: IssuerFlags, name: str) -> list[str]:
    return [value for key, value in arguments(distribution, flags) if key == name]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_the_old_issuer_is_second_and_the_first_in_the_round_before(distribution: str) -> None:
    flags = IssuerFlags(NEW, OLD)
    assert values(distribution, flags, "service-account-issuer") == [NEW, OLD]
    if distribution == "talos":
        with pytest.raises(InvalidIssuer, match="new one always signs"):
            render(distribution, replace(flags, prepare=True))
    else:
        assert values(distribution, replace(flags, prepare=True), "service-account-issuer") == [OLD, NEW]


@pytest.mark.parametrize(
    ("distribution", "audiences"),
    [
        ("kubeadm", [DEFAULT_ISSUER]),
        ("kind", [DEFAULT_ISSUER]),
        ("k3s", [f"{DEFAULT_ISSUER},k3s"]),
        ("rke2", [f"{DEFAULT_ISSUER},rke2"]),
        ("talos", []),  # Talos keeps its own
    ],
)
@pytest.mark.parametrize("prepare", [False, True])
def test_the_audiences_of_today_stay(distribution: str, audiences: list[str], prepare: bool) -> None:
    if distribution != "talos" or not prepare:
        assert values(distribution, replace(PLAIN, prepare=prepare), "api-audiences") == audiences
        assert values(distribution, replace(PLAIN, audiences=("a", "b")), "api-audiences") == ["a,b"]


def test_a_kind_cluster_with_the_older_form_gets_the_issuer_and_the_usual_audience() -> None:
    patch = yaml.safe_load(yaml.safe_load(render("kind", PLAIN))["kubeadmConfigPatches"][0])
    assert patch == {
        "apiVersion": "kubeadm.k8s.io/v1beta3",
        "kind": "ClusterConfiguration",
        "apiServer": {"extraArgs": {"service-account-issuer": NEW, "api-audiences": DEFAULT_ISSUER}},
    }


def test_a_new_key_is_accepted_beside_the_clusters_own_and_signs_for_the_controller_manager_too() -> None:
    assert values("kubeadm", WITH_KEYS, "service-account-key-file") == [
        "/etc/kubernetes/pki/sa.pub",
        "/etc/kubernetes/pki/new.pub",
    ]
    read = yaml.safe_load(render("kubeadm", WITH_KEYS))
    assert read["controllerManager"]["extraArgs"] == [
        {"name": "service-account-private-key-file", "value": "/etc/kubernetes/pki/new.key"}
    ]
    assert values("kubeadm", PLAIN, "service-account-key-file") == []


@pytest.mark.parametrize(
    ("distribution", "flags", "why"),
    [
        ("kubeadm", IssuerFlags("https://oidc.example.com:8443"), "it has a port"),
        ("kubeadm", IssuerFlags("https://oidc.example.com/?a=b"), "it has a query"),
        ("kubeadm", IssuerFlags("https://OIDC.example.com"), "upper-case"),
        ("kubeadm", IssuerFlags("http://oidc.example.com"), "https://"),
        ("kubeadm", IssuerFlags(NEW, NEW), "old issuer is the new one"),
        ("kubeadm", replace(PLAIN, audiences=(DEFAULT_ISSUER, "sts.amazonaws.com")), "Tokens for AWS"),
        ("k3s", replace(PLAIN, signing_key_file="/new.key"), "would not accept the tokens"),
        ("k3s", replace(PLAIN, jwks_uri="http://oidc.example.com/keys"), "not an https URL"),
        ("k3s", replace(PLAIN, key_files=("new.pub",)), "whole path"),
        ("kubeadm", replace(PLAIN, key_files=("/home/me/new.pub",)), "does not see this file"),
        ("talos", WITH_KEYS, "Talos denies"),
        ("kops", WITH_KEYS, "kOps keeps"),
        ("kind", replace(PLAIN, key_files=("/etc/kubernetes/pki/new.pub",)), "kind creates"),
        ("kops", PLAIN, "depends on the cluster's name"),
        ("kops", replace(OF_KOPS, jwks_uri=f"{NEW}/keys"), "sets the address"),
    ],
)
def test_what_would_break_tokens_is_refused(distribution: str, flags: IssuerFlags, why: str) -> None:
    with pytest.raises(InvalidIssuer, match=why):
        render(distribution, flags)
