"""The table of annotations is complete: every row has an example, an effect on a pod, and a row in docs/webhook.md."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from podrole.webhook.identity.annotations import (
    ANNOTATIONS,
    BINDING_ANNOTATIONS,
    CONFIG_MAP_ANNOTATIONS,
    SKIP_CONTAINERS,
    Annotation,
    read_annotations,
)
from podrole.webhook.identity.binding import EMPTY_BINDING, Binding, Identity
from podrole.webhook.identity.config_map import EMPTY_CONFIG_MAP, ConfigMapBindings, read_entry
from podrole.webhook.identity.resolution import resolve
from podrole.webhook.identity.values import MAX_CONTAINER_NAMES, MAX_VALUE, NotUnderstood
from podrole.webhook.patch.mutation import mutate
from podrole.webhook.patch.pod import read_pod
from podrole.webhook.settings import InjectionSettings
from support.webhook import ARN, DEFAULTS, pod_of, prefixed

DOCS = (Path(__file__).parents[2] / "docs" / "webhook.md").read_text()
PREFIX = "irsa.example.org"
OTHER = "arn:aws:iam::111122223333:role/other"


@dataclass(frozen=True)
class Example:
    """A value that changes what a pod of ``ROLE`` gets, as annotation and as JSON, and a malformed one of each."""

    text: str
    value: Any = None
    malformed: str | None = None
    malformed_value: Any = None


EXAMPLES = {
    "role-arn": Example(OTHER, OTHER, "r" * (MAX_VALUE + 1), 7),
    "audience": Example("mine", "mine", "", 7),
    "sts-regional-endpoints": Example("true", True, "yes", "true"),
    "token-expiration": Example("3600", 3600, "1h", "3600"),
    "aws-endpoint-url": Example("https://minio.example", "https://minio.example", "ftp://x", 7),
    "aws-ca-bundle": Example("aws-ca/bundle.pem", "aws-ca/bundle.pem", "A B", 7),
    "role-session-name": Example("true", True, "yes", "true"),
    "skip-containers": Example("app", malformed='"app'),
}


def identity_with(annotations: dict[str, str], settings: InjectionSettings = DEFAULTS) -> Identity:
    binding = read_annotations({f"{settings.annotation_prefix}/role-arn": ARN} | annotations, settings)
    identity = resolve("demo", "sa", binding, EMPTY_CONFIG_MAP, frozenset(), settings)
    assert identity is not None
    return identity


def identity_from_config_map(entry: dict[str, Any]) -> Identity:
    bindings = ConfigMapBindings({("demo", "sa"): read_entry({"RoleARN": ARN} | entry)})
    identity = resolve("demo", "sa", EMPTY_BINDING, bindings, frozenset(), DEFAULTS)
    assert identity is not None
    return identity


def patch_of(
    identity: Identity, annotations: dict[str, str] | None = None, settings: InjectionSettings = DEFAULTS
) -> bytes:
    return mutate(read_pod(pod_of(annotations=annotations)), identity, settings).patch


PLAIN = patch_of(identity_with({}))


def test_every_annotation_has_an_example() -> None:
    assert [annotation.name for annotation in ANNOTATIONS if annotation.name not in EXAMPLES] == []
    assert EXAMPLES.keys() - {annotation.name for annotation in ANNOTATIONS} == set()


def test_names_and_fields_are_unique() -> None:
    for names in (
        [annotation.name for annotation in ANNOTATIONS],
        [annotation.binding_field for annotation in BINDING_ANNOTATIONS],
        [annotation.config_map_field.lower() for annotation in CONFIG_MAP_ANNOTATIONS],
    ):
        assert len(names) == len(set(names))


def test_every_field_of_a_binding_is_set_by_one_annotation() -> None:
    fields = {field.name for field in msgspec.structs.fields(Binding)} - {"warnings"}
    assert {annotation.binding_field for annotation in BINDING_ANNOTATIONS} == fields


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=lambda annotation: annotation.name)
def test_an_annotation_stands_on_a_service_account_or_a_pod(annotation: Annotation[Any]) -> None:
    assert annotation.binding_field or annotation.on_pod


@pytest.mark.parametrize("annotation", BINDING_ANNOTATIONS, ids=lambda annotation: annotation.name)
def test_an_annotation_of_the_service_account_changes_the_pod(annotation: Annotation[Any]) -> None:
    example = EXAMPLES[annotation.name]
    identity = identity_with(prefixed({annotation.name: example.text}))
    assert identity.warning_texts == []
    assert patch_of(identity) != PLAIN


@pytest.mark.parametrize("annotation", BINDING_ANNOTATIONS, ids=lambda annotation: annotation.name)
def test_only_the_annotation_with_the_prefix_counts(annotation: Annotation[Any]) -> None:
    settings = InjectionSettings(annotation_prefix=PREFIX)
    example = EXAMPLES[annotation.name]
    assert patch_of(identity_with(prefixed({annotation.name: example.text}), settings)) == PLAIN
    assert patch_of(identity_with({f"{PREFIX}/{annotation.name}": example.text}, settings)) != PLAIN


@pytest.mark.parametrize("annotation", CONFIG_MAP_ANNOTATIONS, ids=lambda annotation: annotation.name)
def test_a_field_of_the_config_map_says_the_same_as_the_annotation(annotation: Annotation[Any]) -> None:
    example = EXAMPLES[annotation.name]
    by_annotation = identity_with(prefixed({annotation.name: example.text}))
    by_field = identity_from_config_map({annotation.config_map_field: example.value})
    assert msgspec.structs.replace(by_field, source=by_annotation.source) == by_annotation


@pytest.mark.parametrize(
    "annotation",
    [annotation for annotation in ANNOTATIONS if annotation.on_pod],
    ids=lambda annotation: annotation.name,
)
def test_an_annotation_of_the_pod_changes_the_pod(annotation: Annotation[Any]) -> None:
    identity, text = identity_with({}), EXAMPLES[annotation.name].text
    assert patch_of(identity, prefixed({annotation.name: text})) != PLAIN
    other = InjectionSettings(annotation_prefix=PREFIX)
    assert patch_of(identity, prefixed({annotation.name: text}), other) == PLAIN
    assert patch_of(identity, {f"{PREFIX}/{annotation.name}": text}, other) != PLAIN


@pytest.mark.parametrize(
    "annotation",
    [annotation for annotation in ANNOTATIONS if not annotation.on_pod],
    ids=lambda annotation: annotation.name,
)
def test_an_annotation_of_service_accounts_has_no_effect_on_a_pod(annotation: Annotation[Any]) -> None:
    assert patch_of(identity_with({}), prefixed({annotation.name: EXAMPLES[annotation.name].text})) == PLAIN


@pytest.mark.parametrize("annotation", BINDING_ANNOTATIONS, ids=lambda annotation: annotation.name)
def test_a_malformed_annotation_is_warned_of_under_its_key(annotation: Annotation[Any]) -> None:
    malformed = EXAMPLES[annotation.name].malformed
    assert malformed is not None
    (warning,) = read_annotations(prefixed({annotation.name: malformed}), DEFAULTS).warnings
    assert warning.annotation == f"eks.amazonaws.com/{annotation.name}"
    assert warning.text.startswith(f"annotation {warning.annotation} is ")


@pytest.mark.parametrize("annotation", CONFIG_MAP_ANNOTATIONS, ids=lambda annotation: annotation.name)
def test_a_malformed_field_of_the_config_map_is_named(annotation: Annotation[Any]) -> None:
    with pytest.raises(NotUnderstood, match=f"^{annotation.config_map_field} must "):
        read_entry({annotation.config_map_field: EXAMPLES[annotation.name].malformed_value})


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=lambda annotation: annotation.name)
@pytest.mark.parametrize("text", ["", "x", "0", " ", "-1", "☃", "9" * 5_000, "," * (MAX_CONTAINER_NAMES + 1)])
def test_no_value_of_an_annotation_raises(annotation: Annotation[Any], text: str) -> None:
    warnings: list[str] = []
    annotation.syntax.read_text(text, warnings.append)
    assert len(warnings) <= 1 or annotation.syntax.cut


@pytest.mark.parametrize(("length", "warned"), [(MAX_VALUE, False), (MAX_VALUE + 1, True)])
def test_the_longest_value(length: int, warned: bool) -> None:
    for name in ("role-arn", "audience"):
        binding = read_annotations(prefixed({name: "x" * length}), DEFAULTS)
        assert bool(binding.warnings) is warned
        assert binding.role_arn == ("x" * MAX_VALUE if name == "role-arn" else None)  # a role is cut
    assert binding.audience == (None if warned else "x" * length)
    if warned:
        with pytest.raises(NotUnderstood, match=r"^Audience must have at most 2048 characters$"):
            read_entry({"Audience": "x" * length})
    else:
        assert read_entry({"Audience": "x" * length}).audience == "x" * length


@pytest.mark.parametrize(("length", "warned"), [(65_536, False), (65_537, True)])
def test_the_longest_list_of_containers(length: int, warned: bool) -> None:
    warnings: list[str] = []
    assert (SKIP_CONTAINERS.syntax.read_text("x" * length, warnings.append) is None) is warned
    assert warnings == (["is ignored: it must have at most 65536 characters"] if warned else [])


def test_an_annotation_without_a_field_cannot_be_set_in_a_config_map() -> None:
    with pytest.raises(NotUnderstood, match="must not be set in a ConfigMap"):
        SKIP_CONTAINERS.syntax.read_json("app", lambda _: None)


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=lambda annotation: annotation.name)
def test_every_annotation_has_its_row_in_the_documentation(annotation: Annotation[Any]) -> None:
    row = documented(annotation)
    assert row in DOCS, f"docs/webhook.md lacks this row:\n{row}"


def documented(annotation: Annotation[Any]) -> str:
    places = [
        place for place, there in (("service account", annotation.binding_field), ("pod", annotation.on_pod)) if there
    ]
    field = f"`{annotation.config_map_field}`" if annotation.config_map_field else "–"
    cells = (
        f"`{annotation.name}`",
        ", ".join(places),
        field,
        annotation.value,
        annotation.effect,
        annotation.default,
        annotation.upstream or "–",
    )
    return f"| {' | '.join(cells)} |"
