"""The EKS webhook's way from annotations and ConfigMap to an identity."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podrole.webhook.identity.binding import Binding, Identity
from podrole.webhook.identity.config_map import CONFIG_KEY
from podrole.webhook.settings import InjectionSettings, RoleComposition
from podrole.webhook.strict.resolution import StrictBindings, read_annotations, resolve
from podrole.webhook.strict.resolver import StrictIdentityResolver
from support.webhook import ARN, injection, prefixed, strict_identity_of

FLAGS = injection(token_audience="flag", sts_regional_endpoint=True, token_expiration=7_200)


def config(**entries: dict[str, Any] | None) -> str:
    return json.dumps({key.replace("__", "/"): value for key, value in entries.items()})


def bindings_after(*configs: str, settings: InjectionSettings = FLAGS) -> StrictBindings:
    bindings = StrictBindings(settings)
    for text in configs:
        bindings.update(text)
    return bindings


def resolved(annotations: dict[str, str] | None, bindings: StrictBindings, *, listed: bool = False) -> Identity | None:
    annotated = None if annotations is None else read_annotations(prefixed(annotations), FLAGS)
    pairs = frozenset({("demo", "sa")}) if listed else frozenset()
    return resolve("demo", "sa", annotated, bindings, pairs, FLAGS)


@pytest.mark.parametrize("role", ["reader", "not:an:arn", "anything at all"])
def test_any_string_is_a_role(role: str) -> None:
    identity = strict_identity_of({"role-arn": role})
    assert identity is not None
    assert identity.role_arn == role
    assert identity.warnings == ()


def test_identity_of_a_role() -> None:
    assert resolved({"role-arn": ARN}, bindings_after()) == Identity(
        method="sts_web_identity",
        role_arn=ARN,
        audience="flag",
        token_expiration=7_200,
        explicit_expiration=False,
        regional_sts=True,
        endpoint_url="",
        ca_bundle=None,
        session_name=False,
        source="the annotations of service account demo/sa",
    )


def test_identity_of_eks_pod_identity() -> None:
    assert resolved(None, bindings_after(), listed=True) == Identity(
        method="container_credentials",
        role_arn="",
        audience="pods.eks.amazonaws.com",
        token_expiration=86_400,
        explicit_expiration=False,
        regional_sts=False,
        endpoint_url="",
        ca_bundle=None,
        session_name=False,
        source="the list of EKS Pod Identity",
    )


def test_account_that_nothing_names_has_no_identity() -> None:
    assert resolved(None, bindings_after()) is None


def test_account_without_a_role_gets_no_composed_one() -> None:
    settings = injection(role_composition=RoleComposition("111122223333"))
    assert read_annotations({}, settings).role_arn is None


def test_an_empty_audience_is_taken() -> None:
    identity = strict_identity_of({"role-arn": ARN, "audience": ""})
    assert identity is not None
    assert identity.audience == ""


@pytest.mark.parametrize(
    ("text", "seconds"), [("599", 600), ("99999999", 99_999_999), ("1h", 7_200), ("+900", 900), ("", 7_200)]
)
def test_lifetimes_have_no_upper_end(text: str, seconds: int) -> None:
    assert read_annotations(prefixed({"token-expiration": text}), FLAGS).token_expiration == seconds


def test_a_bare_name_is_composed_in_annotations_and_not_in_the_config_map() -> None:
    settings = injection(role_composition=RoleComposition("111122223333"))
    assert read_annotations(prefixed({"role-arn": "reader"}), settings).role_arn == ARN
    bindings = bindings_after(config(demo__sa={"RoleARN": "reader"}), settings=settings)
    assert bindings.find("demo", "sa") == ("demo/sa", bindings.exact("demo", "sa"))
    assert bindings.exact("demo", "sa").role_arn == "reader"  # type: ignore[union-attr]


def test_a_config_map_entry_bypasses_flags_and_clamps() -> None:
    identity = resolved(None, bindings_after(config(demo__sa={"RoleARN": ARN, "TokenExpiration": 60})))
    assert identity is not None
    assert (identity.audience, identity.regional_sts, identity.token_expiration) == ("", False, 60)


def test_a_lifetime_of_zero_is_the_flags() -> None:
    identity = resolved(None, bindings_after(config(demo__sa={"RoleARN": ARN, "TokenExpiration": 0})))
    assert identity is not None
    assert identity.token_expiration == 7_200


def test_the_only_wildcard_is_a_whole_namespace() -> None:
    bindings = bindings_after(json.dumps({"*/sa": {"RoleARN": ARN}, "test-*/other": {"RoleARN": ARN}}))
    assert bindings.find("demo", "sa") is not None
    assert bindings.find("test-1", "other") is None


@pytest.mark.parametrize("annotations", [None, {}, {"audience": "mine"}])
def test_the_config_map_serves_a_service_account_without_a_role(annotations: dict[str, str] | None) -> None:
    identity = resolved(annotations, bindings_after(config(demo__sa={"RoleARN": ARN, "Audience": "theirs"})))
    assert identity is not None
    assert identity.audience == "theirs"


def test_an_exact_entry_without_a_role_hides_the_wildcard() -> None:
    assert resolved(None, bindings_after(json.dumps({"*/sa": {"RoleARN": ARN}, "demo/sa": {}}))) is None


def test_a_key_of_three_parts_counts_as_its_first_two() -> None:
    assert bindings_after(json.dumps({"demo/sa/x": {"RoleARN": ARN}})).exact("demo", "sa") is not None


def test_replacing_a_key_by_a_longer_one_ends_with_none() -> None:
    bindings = bindings_after(json.dumps({"demo/sa": {"RoleARN": ARN}}), json.dumps({"demo/sa/x": {"RoleARN": ARN}}))
    assert bindings.exact("demo", "sa") is None


def test_an_entry_that_goes_is_gone() -> None:
    bindings = bindings_after(
        config(demo__sa={"RoleARN": ARN}, demo__b={"RoleARN": ARN}), config(demo__b={"RoleARN": ARN})
    )
    assert bindings.exact("demo", "sa") is None
    assert bindings.exact("demo", "b") is not None


@pytest.mark.parametrize("text", ["null", "{}"])
def test_empty_config_takes_all_entries_away(text: str) -> None:
    assert bindings_after(config(demo__sa={"RoleARN": ARN}), text).exact("demo", "sa") is None


def test_field_that_is_null_counts_as_missing() -> None:
    bindings = bindings_after(config(demo__sa={"RoleARN": ARN, "Audience": None, "TokenExpiration": None}))
    identity = resolved(None, bindings)
    assert identity is not None
    assert (identity.audience, identity.token_expiration) == ("", 7_200)


def test_config_map_that_is_deleted_leaves_the_entries() -> None:
    resolver = StrictIdentityResolver(FLAGS)

    def has_role() -> bool:
        return resolver.resolve("demo", "sa", None, frozenset()) is not None

    assert resolver.take_config_map({CONFIG_KEY: config(demo__sa={"RoleARN": ARN})}) == []
    assert has_role()
    assert resolver.take_config_map(None) == []
    assert has_role()
    (warning,) = resolver.take_config_map({})
    assert warning.startswith("the ConfigMap's config is malformed")
    assert has_role()


@pytest.mark.parametrize("text", ["{", "[]", '{"demo/sa": "x"}', '{"demo/sa": {"RoleARN": 7}}'])
def test_what_go_cannot_decode_leaves_all_as_it_was(text: str) -> None:
    bindings = bindings_after(config(demo__sa={"RoleARN": ARN}))
    assert bindings.update(text) != []
    assert bindings.exact("demo", "sa") is not None


@pytest.mark.parametrize("key", ["no-slash", "demo/null"])
def test_where_the_eks_webhook_crashes_the_entry_is_skipped(key: str) -> None:
    entries = {key: None if "/" in key else {"RoleARN": ARN}, "demo/sa": {"RoleARN": ARN}}
    bindings = StrictBindings(FLAGS)
    assert bindings.update(json.dumps(entries)) == [f"entry {key!r} is ignored"]
    assert bindings.exact("demo", "sa") is not None


@pytest.mark.parametrize(
    ("annotations", "configs", "regional", "seconds"),
    [
        ({}, (), True, 7_200),
        ({"sts-regional-endpoints": "false", "token-expiration": "900"}, (), False, 900),
        (None, (), False, 86_400),
        (None, ('{"demo/sa": {"UseRegionalSTS": true, "TokenExpiration": 900}}',), True, 900),
        (None, ('{"*/sa": {"UseRegionalSTS": true, "TokenExpiration": 900}}',), False, 86_400),
    ],
)
def test_where_eks_pod_identity_takes_its_settings_from(
    annotations: dict[str, str] | None, configs: tuple[str, ...], regional: bool, seconds: int
) -> None:
    identity = resolved(annotations, bindings_after(*configs), listed=True)
    assert identity is not None
    assert (identity.regional_sts, identity.token_expiration) == (regional, seconds)


def test_every_field_of_an_annotated_service_account_is_filled() -> None:
    assert read_annotations({}, FLAGS) == Binding(audience="flag", regional_sts=True, token_expiration=7_200)
