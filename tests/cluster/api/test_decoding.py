"""Bodies become objects of their type: canonical, with what is unknown told apart from what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.cluster.schema.decoding import DecodeError, decode, empty
from podrole.cluster.schema.types import ListOf, MapOf, Struct, struct

POD = struct("io.k8s.api.core.v1.Pod")


def decoded(body: Any) -> Any:
    return decode(POD, body, [])


def test_the_structs_that_go_always_writes_are_there() -> None:
    assert decoded({}) == {"metadata": {}, "spec": {}, "status": {}}
    pod = decoded({"spec": {"containers": [{"name": "c"}]}})
    assert pod["spec"]["containers"] == [{"name": "c", "resources": {}}]


def test_nulls_and_empty_optional_values_are_dropped() -> None:
    pod = decoded(
        {
            "metadata": {"labels": {}, "annotations": None, "name": ""},
            "spec": {"hostNetwork": False, "nodeName": "", "volumes": [], "containers": []},
        }
    )
    assert pod == {"metadata": {}, "spec": {"containers": []}, "status": {}}


def test_a_zero_that_means_something_stays() -> None:
    pod = decoded({"spec": {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False}})
    assert pod["spec"] == {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False}


def test_an_empty_struct_behind_a_pointer_stays() -> None:
    assert decoded({"spec": {"securityContext": {}}})["spec"] == {"securityContext": {}}


def test_unknown_fields_are_collected_with_their_path() -> None:
    unknown: list[str] = []
    body = {"spec": {"containers": [{"name": "a"}, {"imagee": 1}], "x": None}, "metdata": {}}
    decode(POD, body, unknown)
    assert unknown == ["spec.containers[1].imagee", "spec.x", "metdata"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "json: cannot unmarshal array into Go value of type v1.Pod"),
        ({"metadata": {"name": 1}}, "number into Go struct field ObjectMeta.metadata.name of type string"),
        ({"metadata": {"labels": {"a": True}}}, "bool into Go struct field ObjectMeta.metadata.labels of type string"),
        ({"spec": {"containers": {}}}, "object into Go struct field PodSpec.spec.containers of type []v1.Container"),
        ({"spec": {"containers": ["x"]}}, "string into Go struct field PodSpec.spec.containers of type v1.Container"),
        (
            {"spec": {"containers": [{"env": [{"value": 1}]}]}},
            "number into Go struct field EnvVar.spec.containers.env.value of type string",
        ),
        ({"spec": {"priority": 2**31}}, "number 2147483648 into Go struct field PodSpec.spec.priority of type int32"),
        ({"spec": {"priority": 1.5}}, "number 1.5 into Go struct field PodSpec.spec.priority of type int32"),
        ({"spec": {"hostNetwork": "yes"}}, "string into Go struct field PodSpec.spec.hostNetwork of type bool"),
        ({"metadata": {"creationTimestamp": "today"}}, 'parsing time "today"'),
        ({"spec": {"containers": [{"resources": {"limits": {"cpu": "a lot"}}}]}}, "quantities must match"),
    ],
)
def test_a_value_of_a_wrong_type_is_refused_in_the_words_of_go(body: Any, message: str) -> None:
    with pytest.raises(DecodeError, match=message.replace("[", r"\[").replace("]", r"\]")):
        decoded(body)


def test_times_are_written_in_utc_and_whole_seconds() -> None:
    pod = decoded({"metadata": {"creationTimestamp": "2026-11-23T10:00:00.5+01:00"}})
    assert pod["metadata"]["creationTimestamp"] == "2026-11-23T09:00:00Z"


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2026-01-01T24:00:00Z", "2026-13-01T00:00:00Z"]
)
def test_time_that_cannot_be_written_in_utc_is_refused(text: str) -> None:
    with pytest.raises(DecodeError, match="parsing time"):
        decoded({"metadata": {"creationTimestamp": text}})


def test_micro_times_keep_six_digits() -> None:
    event = decode(struct("io.k8s.api.core.v1.Event"), {"eventTime": "2026-11-23T09:00:00.1234567Z"}, [])
    assert event["eventTime"] == "2026-11-23T09:00:00.123456Z"
    assert event["firstTimestamp"] is None


def test_data_that_is_no_base64_is_refused() -> None:
    with pytest.raises(DecodeError, match="illegal base64 data at input byte 4"):
        decode(struct("io.k8s.api.core.v1.Secret"), {"data": {"a": "YWJjZ!"}}, [])


@pytest.mark.parametrize(
    ("value", "written"),
    [("100E", "100E"), ("1e19", "10e18"), ("9Ei", "9223372036854775807"), (" 1 ", "1"), (0.5, "500m"), (10**19, "10E")],
)
def test_quantities_are_written_in_canonical_form(value: Any, written: str) -> None:
    assert _cpu(value) == written


@pytest.mark.parametrize("value", ["", "1.2.3", "1KiB"])
def test_quantity_of_the_wrong_form_is_refused(value: str) -> None:
    with pytest.raises(DecodeError, match="quantities must match the regular expression"):
        _cpu(value)


def _cpu(value: Any) -> Any:
    pod = decoded({"spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": value}}}]}})
    return pod["spec"]["containers"][0]["resources"]["limits"]["cpu"]


def _values(kind: Any) -> st.SearchStrategy[Any]:
    """Return values that fit a type, and now and then null where something optional stands."""
    if isinstance(kind, Struct):
        fields = {key: _values(field.type) for key, field in list(kind.fields.items())[:12]}
        return st.fixed_dictionaries({}, optional=fields)
    if isinstance(kind, ListOf):
        return st.lists(_values(kind.element), max_size=2)
    if isinstance(kind, MapOf):
        return st.dictionaries(st.text(max_size=3), _values(kind.value), max_size=2)
    return {
        "string": st.text(max_size=4),
        "int32": st.integers(-(2**31), 2**31 - 1),
        "int64": st.integers(-(2**63), 2**63 - 1),
        "boolean": st.booleans(),
        "quantity": st.sampled_from(["1", "500m", "1Gi"]),
        "time": st.just("2026-11-23T09:00:00Z"),
        "micro-time": st.just("2026-11-23T09:00:00.000001Z"),
        "bytes": st.just("YQ=="),
        "int-or-string": st.one_of(st.integers(0, 9), st.just("25%")),
        "any": st.dictionaries(st.text(max_size=2), st.integers(), max_size=1),
    }.get(kind.kind, st.none())


@given(_values(struct("io.k8s.api.core.v1.ServiceAccount")))
def test_decoding_what_was_decoded_changes_nothing(value: Any) -> None:
    kind = struct("io.k8s.api.core.v1.ServiceAccount")
    once = decode(kind, value, [])
    assert decode(kind, once, []) == once


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["metadata", "spec", "containers", "name", "env", "x"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(_json)
def test_any_json_decodes_or_is_refused(value: Any) -> None:
    try:
        pod = decode(POD, value, [])
    except DecodeError:
        return
    assert set(empty(POD)) <= set(pod)
