"""The pod-identity-webhook ConfigMap and the list of EKS Pod Identity."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.webhook.identity.config_map import ConfigMapBindings, parse_bindings
from podrole.webhook.settings import CABundle
from podrole.webhook.sources.pod_identity_file import parse_pod_identities


def bindings_of(entries: Any) -> tuple[ConfigMapBindings, list[str]]:
    bindings, warnings = parse_bindings({"config": json.dumps(entries)})
    assert bindings is not None
    return bindings, warnings


def role(name: str) -> dict[str, str]:
    return {"RoleARN": f"arn:aws:iam::111122223333:role/{name}"}


def found(bindings: ConfigMapBindings, namespace: str, name: str) -> str | None:
    match = bindings.find(namespace, name)
    return None if match is None else match[0]


def test_every_field_of_an_entry_is_read() -> None:
    bindings, warnings = bindings_of(
        {
            "demo/sa": {
                "RoleARN": "r",
                "Audience": "a",
                "UseRegionalSTS": True,
                "TokenExpiration": 900,
                "AWSEndpointURL": "https://minio.example",
                "AWSCABundle": "aws-ca/bundle.pem",
                "RoleSessionName": True,
            }
        }
    )
    match = bindings.find("demo", "sa")
    assert warnings == []
    assert match is not None
    binding = match[1]
    assert (binding.role_arn, binding.audience, binding.regional_sts, binding.token_expiration) == ("r", "a", True, 900)
    assert (binding.endpoint_url, binding.session_name) == ("https://minio.example", True)
    assert binding.ca_bundle == CABundle("aws-ca", "bundle.pem")


def test_names_of_fields_are_matched_without_regard_to_case() -> None:
    bindings, _ = bindings_of({"demo/sa": {"rolearn": "r", "TOKENEXPIRATION": 900}})
    match = bindings.find("demo", "sa")
    assert match is not None
    assert (match[1].role_arn, match[1].token_expiration) == ("r", 900)


def test_what_an_entry_leaves_out_is_left_to_the_flags() -> None:
    bindings, _ = bindings_of({"demo/sa": role("x") | {"Audience": "", "TokenExpiration": 0}})
    match = bindings.find("demo", "sa")
    assert match is not None
    assert (match[1].audience, match[1].regional_sts, match[1].token_expiration) == (None, None, None)


def test_a_lifetime_that_kubernetes_would_refuse_is_clamped_and_named() -> None:
    bindings, warnings = bindings_of({"demo/sa": role("x") | {"TokenExpiration": 60}})
    match = bindings.find("demo", "sa")
    assert match is not None
    assert match[1].token_expiration == 600
    assert warnings == ["entry 'demo/sa' of ConfigMap pod-identity-webhook: TokenExpiration is 60 s; 600 s is used"]


@pytest.mark.parametrize(
    ("keys", "namespace", "name", "winner"),
    [
        (["*/sa"], "demo", "sa", "*/sa"),
        (["test-*/sa"], "test-7", "sa", "test-*/sa"),
        (["test-*/sa"], "prod", "sa", None),
        (["demo/app-*"], "demo", "app-worker", "demo/app-*"),
        (["demo/app-?"], "demo", "app-worker", None),
        (["demo/app-[a-c]"], "demo", "app-b", "demo/app-[a-c]"),
        (["*/*", "*/sa", "demo/*", "demo/sa"], "demo", "sa", "demo/sa"),
        (["*/*", "*/sa", "demo/*"], "demo", "sa", "demo/*"),
        (["*/*", "*/sa"], "demo", "sa", "*/sa"),
        (["*/*", "d*/*", "dem*/*"], "demo", "sa", "dem*/*"),
        (["demo/s*", "demo/*a"], "demo", "sa", "demo/*a"),
        (["d*/sa"], "d/x", "sa", "d*/sa"),
    ],
)
def test_the_most_specific_entry_decides(keys: list[str], namespace: str, name: str, winner: str | None) -> None:
    bindings, warnings = bindings_of({key: role("x") for key in keys})
    assert warnings == []
    assert found(bindings, namespace, name) == winner


def test_an_entry_without_a_role_exempts_from_a_wildcard() -> None:
    bindings, warnings = bindings_of({"*/sa": role("x"), "demo/sa": {}})
    match = bindings.find("demo", "sa")
    assert warnings == []
    assert match is not None
    assert match[1].role_arn is None


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("no-slash", role("x"), "must be <namespace>/<service account>"),
        ("a/b/c", role("x"), "must be <namespace>/<service account>"),
        ("/b", role("x"), "must be <namespace>/<service account>"),
        ("a/", role("x"), "must be <namespace>/<service account>"),
        ("a/b", None, "it must be a JSON object"),
        ("a/b", "arn", "it must be a JSON object"),
        ("a/b", {"RoleARN": 7}, "RoleARN must be a string"),
        ("a/b", role("x") | {"TokenExpiration": "600"}, "TokenExpiration must be a whole number of seconds"),
        ("a/b", role("x") | {"TokenExpiration": True}, "TokenExpiration must be a whole number of seconds"),
        ("a/b", role("x") | {"UseRegionalSTS": "true"}, "UseRegionalSTS must be true or false"),
        ("a/b", role("x") | {"AWSEndpointURL": "minio"}, "AWSEndpointURL must be an http or https URL"),
        ("a/b", role("x") | {"AWSCABundle": "A B"}, "AWSCABundle must be <configmap>"),
    ],
)
def test_an_entry_that_cannot_be_read_is_skipped_and_all_others_hold(key: str, value: Any, says: str) -> None:
    bindings, warnings = bindings_of({key: value, "demo/sa": role("x")})
    assert found(bindings, "demo", "sa") == "demo/sa"
    assert found(bindings, "a", "b") is None
    assert len(warnings) == 1
    assert repr(key) in warnings[0]
    assert says in warnings[0]


@pytest.mark.parametrize("config", ["{", "[]", '"x"', "[" * 100_000])
def test_a_config_that_is_no_object_gives_nothing_and_says_so(config: str) -> None:
    bindings, warnings = parse_bindings({"config": config})
    assert bindings is None
    assert len(warnings) == 1


@pytest.mark.parametrize("data", [None, {}, {"other": "{}"}])
def test_a_config_map_without_the_key_binds_nothing(data: dict[str, str | None] | None) -> None:
    bindings, warnings = parse_bindings(data)
    assert bindings is not None
    assert bindings.find("demo", "sa") is None
    assert warnings == ["ConfigMap pod-identity-webhook has no key 'config'"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["RoleARN", "identities"]), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values) | json_values)
def test_no_document_makes_the_parsers_raise(document: Any) -> None:
    bindings, _ = parse_bindings({"config": json.dumps(document)})
    if bindings is not None:
        bindings.find("demo", "sa")
    parse_pod_identities(json.dumps(document).encode())


@given(st.binary())
def test_no_bytes_make_the_list_raise(content: bytes) -> None:
    parse_pod_identities(content)


def test_the_list_of_eks_pod_identity() -> None:
    other_case = b'{"Namespace": "a", "SERVICEACCOUNT": "b"}'
    content = b'{"identities": [{"namespace": "demo", "serviceAccount": "sa", "extra": 1}, %b]}' % other_case
    assert parse_pod_identities(content) == (frozenset({("demo", "sa"), ("a", "b")}), [])


@pytest.mark.parametrize("content", [b"", b" \n", b"{}", b'{"identities": null}', b'{"identities": []}'])
def test_an_empty_list(content: bytes) -> None:
    assert parse_pod_identities(content) == (frozenset(), [])


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"identities": {}}', b"\xff"])
def test_what_is_no_list_gives_nothing_and_says_so(content: bytes) -> None:
    pairs, warnings = parse_pod_identities(content)
    assert pairs is None
    assert len(warnings) == 1


@pytest.mark.parametrize(
    "entry", ["null", "7", "{}", '{"namespace": "demo"}', '{"namespace": "demo", "serviceAccount": 7}']
)
def test_an_entry_of_the_list_that_cannot_be_read_is_skipped(entry: str) -> None:
    content = f'{{"identities": [{entry}, {{"namespace": "demo", "serviceAccount": "sa"}}]}}'.encode()
    pairs, warnings = parse_pod_identities(content)
    assert pairs == {("demo", "sa")}
    assert warnings == ["entry 0 of the list of EKS Pod Identity is ignored: no namespace and serviceAccount"]
