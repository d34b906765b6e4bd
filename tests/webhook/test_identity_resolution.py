"""Which identity a service account has, and what its annotations mean."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.webhook.identity.annotations import BINDING_ANNOTATIONS, read_annotations
from podrole.webhook.identity.binding import EMPTY_BINDING, Binding
from podrole.webhook.identity.config_map import EMPTY_CONFIG_MAP, ConfigMapBindings
from podrole.webhook.identity.resolution import resolve
from podrole.webhook.identity.resolver import PodroleIdentityResolver
from podrole.webhook.identity.values import parse_ca_bundle
from podrole.webhook.settings import CABundle, InjectionSettings, RoleComposition
from support.webhook import ARN, identity_of, injection, prefixed

DEFAULTS = InjectionSettings()
OTHER = "arn:aws:iam::111122223333:role/other"
FLAGS = injection(
    token_audience="flag",
    sts_regional_endpoint=True,
    token_expiration=7200,
    aws_endpoint_url="https://flag.example",
    aws_ca_bundle=CABundle("flag"),
    role_session_name=True,
)


def test_an_annotated_role_with_defaults() -> None:
    identity = identity_of({"role-arn": ARN})
    assert identity is not None
    assert identity.role_arn == ARN
    assert identity.method == "sts_web_identity"
    assert identity.audience == "sts.amazonaws.com"
    assert identity.token_expiration == 86_400
    assert identity.regional_sts is False
    assert identity.endpoint_url == ""
    assert identity.ca_bundle is None
    assert identity.session_name is False
    assert identity.warning_texts == []
    assert identity.source == "the annotations of service account demo/sa"


@pytest.mark.parametrize("annotations", [{}, {"role-arn": ""}, {"audience": "x"}, {"token-expiration": "600"}])
def test_without_a_role_there_is_no_identity(annotations: dict[str, str]) -> None:
    assert identity_of(annotations) is None


@pytest.mark.parametrize(
    "annotations", [{"kubectl.kubernetes.io/last-applied-configuration": "{}"}, prefixed({"role-arn": ""})]
)
def test_a_service_account_that_says_nothing_shares_one_value(annotations: dict[str, str]) -> None:
    assert read_annotations(annotations, DEFAULTS) is EMPTY_BINDING


@pytest.mark.parametrize(
    ("name", "text", "field", "value", "by_flag"),
    [
        ("sts-regional-endpoints", "f", "regional_sts", False, True),
        ("token-expiration", "+3600", "token_expiration", 3600, 7200),
        ("token-expiration", "7200", "explicit_expiration", True, False),
        ("aws-endpoint-url", "http://mine.example:1", "endpoint_url", "http://mine.example:1", "https://flag.example"),
        ("aws-endpoint-url", "", "endpoint_url", "", "https://flag.example"),
        ("aws-ca-bundle", "mine/pem", "ca_bundle", CABundle("mine", "pem"), CABundle("flag", "ca.crt")),
        ("aws-ca-bundle", "", "ca_bundle", None, CABundle("flag", "ca.crt")),
    ],
)
@pytest.mark.parametrize("pod_identity", [False, True])
def test_an_annotation_wins_over_its_flag(
    name: str, text: str, field: str, value: object, by_flag: object, pod_identity: bool
) -> None:
    annotated = identity_of({"role-arn": ARN, name: text}, FLAGS, pod_identity=pod_identity)
    silent = identity_of({"role-arn": ARN}, FLAGS, pod_identity=pod_identity)
    assert (getattr(annotated, field), getattr(silent, field)) == (value, by_flag)


def test_audience_and_session_name_are_chosen_for_a_role_only() -> None:
    annotations = {"role-arn": ARN, "audience": "mine", "role-session-name": "f"}
    for identity, audience, session_name in (
        (identity_of(annotations, FLAGS), "mine", False),
        (identity_of({"role-arn": ARN}, FLAGS), "flag", True),
        (identity_of(annotations, FLAGS, pod_identity=True), "pods.eks.amazonaws.com", False),
        (identity_of({"role-arn": ARN}, FLAGS, pod_identity=True), "pods.eks.amazonaws.com", False),
    ):
        assert identity is not None
        assert (identity.audience, identity.session_name) == (audience, session_name)


def test_another_prefix_hides_amazons() -> None:
    settings = injection(annotation_prefix="irsa.example.org")
    assert read_annotations(prefixed({"role-arn": ARN}), settings) is EMPTY_BINDING
    assert read_annotations({"irsa.example.org/role-arn": ARN}, settings).role_arn == ARN


@pytest.mark.parametrize(
    ("annotation", "value", "says"),
    [
        ("audience", "", "audience is ignored: it must not be empty"),
        ("sts-regional-endpoints", "yes", "must be true or false"),
        ("token-expiration", "1h", "must be a whole number of seconds"),
        ("token-expiration", "60", "is 60 s; 600 s is used"),
        ("token-expiration", str(1 << 40), f"; {1 << 32} s is used"),
        ("aws-endpoint-url", "ftp://x", "must be an http or https URL"),
        ("aws-endpoint-url", "http://", "must be an http or https URL"),
        ("aws-endpoint-url", "http://[", "must be an http or https URL"),
        ("aws-endpoint-url", "http://user:pw@host", "must be an http or https URL"),
        ("aws-endpoint-url", "http://host:0", "must be an http or https URL"),
        ("aws-endpoint-url", "http://host/a b", "must be an http or https URL"),
        ("aws-endpoint-url", "http://host/\x7f", "must be an http or https URL"),
        ("aws-ca-bundle", "Not A Name", "must be <configmap> or <configmap>/<key>"),
        ("aws-ca-bundle", "name/..", "must be <configmap> or <configmap>/<key>"),
        ("role-session-name", "pod", "must be true or false"),
    ],
)
def test_a_value_that_is_not_understood_is_named_and_ignored(annotation: str, value: str, says: str) -> None:
    identity = identity_of({"role-arn": ARN, annotation: value})
    assert identity is not None
    assert len(identity.warning_texts) == 1
    assert f"eks.amazonaws.com/{annotation}" in identity.warning_texts[0]
    assert says in identity.warning_texts[0]


@pytest.mark.parametrize(
    ("text", "bundle"),
    [
        ("", False),
        ("aws-ca", CABundle("aws-ca")),
        ("aws.ca", CABundle("aws.ca")),
        ("a" * 253, CABundle("a" * 253)),
        ("a" * 254, None),
        ("-ca", None),
        ("ca-", None),
        ("CA", None),
        ("/ca.crt", None),
        ("ca/", None),
        ("ca/Root_CA-1.pem", CABundle("ca", "Root_CA-1.pem")),
        ("ca/" + "k" * 253, CABundle("ca", "k" * 253)),
        ("ca/" + "k" * 254, None),
        ("ca/.", None),
        ("ca/..", None),
        ("ca/a/b", None),
        ("ca/é", None),
    ],
)
def test_which_ca_bundles_are_valid(text: str, bundle: CABundle | bool | None) -> None:
    assert parse_ca_bundle(text) == bundle


def test_a_value_that_is_not_understood_is_not_repeated() -> None:
    identity = identity_of({"role-arn": ARN, "aws-endpoint-url": "http://key:s3cr3t@host"})
    assert identity is not None
    assert "s3cr3t" not in repr(identity)


def test_an_invalid_role_is_injected_with_a_warning() -> None:
    identity = identity_of({"role-arn": "reader"})
    assert identity is not None
    assert identity.role_arn == "reader"
    assert identity.warning_texts == ["the role 'reader' is not an ARN (expected arn:aws:iam::<account>:role/<name>)"]


def test_a_bare_name_becomes_an_arn_where_the_account_is_known() -> None:
    settings = injection(role_composition=RoleComposition("111122223333", "aws-cn"))
    identity = identity_of({"role-arn": "team/reader"}, settings)
    assert identity is not None
    assert identity.role_arn == "arn:aws-cn:iam::111122223333:role/team/reader"


def test_an_endpoint_relaxes_the_check_of_the_role() -> None:
    ceph = "arn:aws:iam:::role/reader"
    assert identity_of({"role-arn": ceph}).role_problem  # type: ignore[union-attr]
    assert identity_of({"role-arn": ceph, "aws-endpoint-url": "https://rgw.example"}).role_problem is None  # type: ignore[union-attr]
    assert identity_of({"role-arn": ceph}, injection(aws_endpoint_url="https://rgw.example")).role_problem is None  # type: ignore[union-attr]


def test_eks_pod_identity_wins_over_a_role() -> None:
    identity = identity_of({"role-arn": ARN, "token-expiration": "3600"}, pod_identity=True)
    assert identity is not None
    assert identity.method == "container_credentials"
    assert identity.role_arn == ""
    assert identity.audience == "pods.eks.amazonaws.com"
    assert identity.token_expiration == 3600


def test_eks_pod_identity_follows_flags_and_the_config_map_where_the_service_account_is_silent() -> None:
    listed = frozenset({("demo", "sa")})
    settings = injection(sts_regional_endpoint=True, token_expiration=7200)
    identity = resolve("demo", "sa", EMPTY_BINDING, EMPTY_CONFIG_MAP, listed, settings)
    assert identity is not None
    assert (identity.regional_sts, identity.token_expiration) == (True, 7200)
    bindings = ConfigMapBindings({("*", "sa"): Binding(regional_sts=False, token_expiration=900)})
    identity = resolve("demo", "sa", EMPTY_BINDING, bindings, listed, settings)
    assert identity is not None
    assert (identity.regional_sts, identity.token_expiration) == (False, 900)
    identity = resolve("demo", "sa", Binding(audience="mine"), bindings, listed, settings)
    assert identity is not None
    assert (identity.regional_sts, identity.token_expiration) == (True, 7200)


def test_the_annotated_role_wins_over_the_config_map_and_takes_nothing_from_it() -> None:
    bindings = ConfigMapBindings({("demo", "sa"): Binding(role_arn=OTHER, audience="theirs")})
    annotated = read_annotations(prefixed({"role-arn": ARN}), DEFAULTS)
    identity = resolve("demo", "sa", annotated, bindings, frozenset(), DEFAULTS)
    assert identity is not None
    assert (identity.role_arn, identity.audience) == (ARN, "sts.amazonaws.com")


def test_an_entry_of_the_config_map_without_a_role_gives_no_identity() -> None:
    bindings = ConfigMapBindings({("demo", "sa"): Binding(audience="theirs"), ("*", "sa"): Binding(role_arn=OTHER)})
    assert resolve("demo", "sa", EMPTY_BINDING, bindings, frozenset(), DEFAULTS) is None
    assert resolve("test", "sa", EMPTY_BINDING, bindings, frozenset(), DEFAULTS) is not None


def test_a_config_map_replaces_the_last_one_unless_it_is_malformed() -> None:
    resolver = PodroleIdentityResolver(DEFAULTS)
    config = {"config": msgspec.json.encode({"demo/sa": {"RoleARN": ARN}}).decode()}
    for data, warned, has_identity in (
        (config, False, True),
        ({"config": "{"}, True, True),
        ({"config": "{}"}, False, False),
        (config, False, True),
        ({}, True, False),
        (config, False, True),
        (None, False, False),
    ):
        assert bool(resolver.take_config_map(data)) is warned
        assert (resolver.resolve("demo", "sa", None, frozenset()) is not None) is has_identity


def test_an_annotation_without_a_role_adds_nothing_to_the_config_maps_role() -> None:
    bindings = ConfigMapBindings({("demo", "sa"): Binding(role_arn=OTHER)})
    annotated = read_annotations(prefixed({"audience": "mine"}), DEFAULTS)
    identity = resolve("demo", "sa", annotated, bindings, frozenset(), DEFAULTS)
    assert identity is not None
    assert (identity.role_arn, identity.audience) == (OTHER, "sts.amazonaws.com")
    assert identity.source == "entry 'demo/sa' of ConfigMap pod-identity-webhook"


@given(
    st.dictionaries(
        st.sampled_from([annotation.name for annotation in BINDING_ANNOTATIONS]),
        st.text(),
    )
)
def test_no_annotation_makes_resolution_raise(annotations: dict[str, str]) -> None:
    identity = identity_of(annotations)
    assert (identity is None) == (not annotations.get("role-arn"))
