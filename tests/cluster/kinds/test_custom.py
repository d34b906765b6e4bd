"""The kinds that CustomResourceDefinitions define: what is served, what an object may be, and when they are read."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.core.resources import SCALE, STORED_VERBS, Resource, ScalePaths, status_subresource
from podrole.cluster.core.store import Create, Delete, Update
from podrole.cluster.kinds.custom import DEFINITIONS, MAX_FAULTS, CustomKinds, custom_resources, path_of
from podrole.cluster.schema.types import META
from podrole.cluster.store.memory import MemoryStore

TEXT = {"type": "string"}
NAMES = {
    "plural": "cats",
    "singular": "kitty",
    "kind": "Cat",
    "listKind": "CatList",
    "shortNames": ["ct"],
    "categories": ["all"],
}


def schema(**more: Any) -> dict[str, Any]:
    return {"openAPIV3Schema": {"type": "object", **more}}


def version(name: str = "v1", *, storage: bool = True, served: bool = True, **more: Any) -> dict[str, Any]:
    return {"name": name, "served": served, "storage": storage, "schema": schema(), **more}


def definition(
    *versions: dict[str, Any], established: bool = True, ending: bool = False, **spec: Any
) -> dict[str, Any]:
    known = {"group": "zoo.example", "scope": "Namespaced", "names": NAMES, "conversion": {"strategy": "None"}}
    known |= {"versions": list(versions or [version()]), **spec}
    return {
        "kind": "CustomResourceDefinition",
        "apiVersion": "apiextensions.k8s.io/v1",
        "metadata": {
            "name": f"{known['names']['plural']}.{known['group']}",
            **({"deletionTimestamp": "2024-01-01T00:00:00Z"} if ending else {}),
        },
        "spec": known,
        "status": {"conditions": [{"type": "Established", "status": "True"}] if established else []},
    }


def dogs(**more: Any) -> dict[str, Any]:
    return definition(names={"plural": "dogs", "kind": "Dog"}, **more)


def resource(*versions: dict[str, Any], **spec: Any) -> Resource:
    return custom_resources(definition(*versions, **spec))[0]


def faults(made: Resource, obj: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    obj = {"metadata": {"name": "a"}, **obj}
    assert made.custom is not None
    kind = made.custom.kind
    found = kind.validate(obj) if old is None else kind.validate_update(obj, {"metadata": {"name": "a"}, **old})
    return [f"{one.field}: {one.message}" for one in found]


def test_a_definition_defines_a_resource_with_all_its_names() -> None:
    made = resource()
    assert (made.group, made.plural, made.kind, made.version) == ("zoo.example", "cats", "Cat", "v1")
    assert (made.singular_name, made.short_names, made.categories) == ("kitty", ("ct",), ("all",))
    assert (made.schema, made.verbs) == ("example.zoo.v1.Cat", STORED_VERBS)
    assert (made.namespaced, made.unconditional_update, made.counts_generations) == (True, False, True)
    assert (made.subresources, made.returns_deleted) == ((), False)
    assert resource(scope="Cluster").namespaced is False
    bare = resource(names={"plural": "cats", "kind": "Cat"})
    assert (bare.singular_name, bare.short_names, bare.categories) == ("", (), ())


def test_its_checks_run_on_every_change_and_may_take_long() -> None:
    parts = resource().custom
    assert parts is not None
    assert (parts.kind.checks_changes, parts.kind.takes_long, parts.ending) == (True, True, False)
    ending = custom_resources(definition(ending=True))[0].custom
    assert ending is not None
    assert ending.ending is True


def test_the_schema_is_published_with_what_every_object_has() -> None:
    parts = resource(version(schema=schema(properties={"spec": TEXT, "kind": {"maxLength": 9}, "metadata": {}}))).custom
    assert parts is not None
    assert parts.definition == {
        "type": "object",
        "properties": {
            "apiVersion": TEXT,
            "kind": {"maxLength": 9},
            "spec": TEXT,
            "metadata": {"$ref": f"{META}.ObjectMeta"},
        },
        "x-kubernetes-group-version-kind": [{"group": "zoo.example", "kind": "Cat", "version": "v1"}],
    }


def test_every_version_is_a_resource_the_storage_version_first() -> None:
    versions = [
        version("v1alpha1", storage=False),
        version("v1beta1"),
        version("v0", storage=False, served=False),
        version("v1", storage=False),
    ]
    made = custom_resources(definition(*versions))
    assert [one.version for one in made] == ["v1beta1", "v1alpha1", "v0", "v1"]
    assert [bool(one.verbs) for one in made] == [True, True, False, True]
    for one in made:
        assert one.custom is not None
        assert one.custom.stored_as == "zoo.example/v1beta1"
        assert [each.version for each in one.custom.versions] == ["v1", "v1beta1", "v1alpha1"]


def test_only_the_storage_version_is_there_if_a_webhook_converts() -> None:
    versions = [version("v2", storage=False), version("v1")]
    made = custom_resources(definition(*versions, conversion={"strategy": "Webhook"}))
    assert [one.version for one in made] == ["v1"]


SCALED = {"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n"}


@pytest.mark.parametrize(
    ("below", "subresources", "scale"),
    [
        (None, (), None),
        ({"status": {}}, (status_subresource("Cat"),), None),
        ({"scale": SCALED}, (SCALE,), ScalePaths(("spec", "n"), ("status", "n"))),
        (
            {"status": {}, "scale": {**SCALED, "labelSelectorPath": ".status.s"}},
            (status_subresource("Cat"), SCALE),
            ScalePaths(("spec", "n"), ("status", "n"), ("status", "s")),
        ),
    ],
)
def test_the_subresources(below: Any, subresources: tuple[Any, ...], scale: ScalePaths | None) -> None:
    made = resource(version(subresources=below))
    assert made.custom is not None
    assert (made.subresources, made.custom.scale) == (subresources, scale)


@pytest.mark.parametrize(("below", "expected"), [({"status": {}}, {"spec": 1}), (None, {"spec": 1, "status": 2})])
def test_a_new_object_has_no_status_if_that_is_a_subresource(below: Any, expected: dict[str, int]) -> None:
    made = resource(version(subresources=below))
    assert made.custom is not None
    obj = {"spec": 1, "status": 2}
    made.custom.kind.prepare(obj)
    assert obj == expected
    without: dict[str, Any] = {}
    made.custom.kind.prepare(without)
    assert without == {}


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        (version(), [], ""),
        (version(deprecated=True), [], "zoo.example/v1 Cat is deprecated"),
        (version(deprecated=True, deprecationWarning="old"), [], "old"),
        (version(deprecationWarning="old"), [], ""),
        (version(deprecated=True), [version("v1beta1", storage=False)], "zoo.example/v1 Cat is deprecated"),
        (
            version(deprecated=True),
            [version("v2", storage=False), version("v3", storage=False)],
            "zoo.example/v1 Cat is deprecated; use zoo.example/v3 Cat",
        ),
        (version(deprecated=True), [version("v2", storage=False, deprecated=True)], "zoo.example/v1 Cat is deprecated"),
        (version(deprecated=True), [version("v2", storage=False, served=False)], "zoo.example/v1 Cat is deprecated"),
    ],
)
def test_the_warning_of_a_deprecated_version(own: dict[str, Any], others: list[dict[str, Any]], expected: str) -> None:
    parts = resource(own, *others).custom
    assert parts is not None
    assert parts.deprecation == expected


@pytest.mark.parametrize(
    ("path", "names"),
    [(".spec.a-b", ("spec", "a-b")), ("spec", ()), (".spec[0]", ()), ("", ()), (".a", ("a",)), (".", ())],
)
def test_the_names_of_a_path(path: str, names: tuple[str, ...]) -> None:
    assert path_of(path) == names


def test_selectable_fields() -> None:
    paths = [{"jsonPath": ".spec.a"}, {"jsonPath": ".spec[0]"}]
    parts = resource(version(selectableFields=paths)).custom
    assert parts is not None
    ((name, get),) = parts.kind.selectable_fields
    assert (name, get({"spec": {"a": "x"}})) == ("spec.a", "x")
    bare = resource(version(selectableFields=None)).custom
    assert bare is not None
    assert bare.kind.selectable_fields == ()


RULE = [{"rule": "self.n < 3", "message": "too many"}]
COUNTED = schema(
    properties={"n": {"type": "integer"}, "metadata": {"type": "array"}}, **{"x-kubernetes-validations": RULE}
)


@pytest.mark.parametrize(
    ("given", "obj", "old", "expected"),
    [
        (schema(), {"spec": 1}, None, []),
        (schema(required=["metadata", "kind", "apiVersion"]), {}, None, []),
        (schema(required=["spec"]), {}, None, ["spec: Required value"]),
        (schema(required=["spec"]), {}, {}, []),
        (COUNTED, {"n": 1}, None, []),
        (COUNTED, {"n": "x"}, None, ['n: Invalid value: "string": n in body must be of type integer: "string"']),
        (COUNTED, {"n": 3}, None, [': Invalid value: "object": too many']),
        (schema(properties={"n": {"maximum": 5}}), {"n": 9}, {"n": 9}, []),
        (
            schema(properties={"n": {"maximum": 5}}),
            {"n": 9},
            {"n": 8},
            ["n: Invalid value: 9: n in body should be less than or equal to 5"],
        ),
        (
            schema(minProperties=1),
            {"kind": "Cat"},
            None,
            [": Invalid value: 0:  in body should be at least 1 properties"],
        ),
    ],
)
def test_the_check_of_an_object(given: Any, obj: dict[str, Any], old: Any, expected: list[str]) -> None:
    assert faults(resource(version(schema=given)), obj, old) == expected


def test_an_answer_names_a_hundred_faults() -> None:
    made = resource(version(schema=schema(additionalProperties=TEXT)))
    assert len(faults(made, {f"f{n}": n for n in range(101)})) == MAX_FAULTS == 100


def test_an_object_that_takes_too_many_steps_is_refused() -> None:
    made = resource(version(schema=schema(properties={"n": {"enum": list(range(600_000))}})))
    assert faults(made, {"n": 1}) == [
        ': Invalid value: "a": podrole does not check an object that takes so many steps by its schema'
    ]
    assert "so many steps" in faults(made, {"n": 1, "metadata": {}})[0]


async def test_kinds_follow_their_definitions() -> None:
    store = MemoryStore()
    kinds = CustomKinds(store)
    assert (kinds.resources(), kinds.served()) == ((), ())
    cats = await store.commit(Create(DEFINITIONS, definition(version(), version("v2", storage=False))))
    served = kinds.served()
    assert [one.version for one in served] == ["v1", "v2"]
    (stored,) = kinds.resources()
    assert stored.version == "v1"
    assert kinds.served() is served
    assert kinds.resources() is kinds.resources()
    await store.commit(Create(DEFINITIONS, dogs(established=False)))
    assert kinds.served() == served  # the same resources: they compare by identity
    assert [one.plural for one in kinds.resources()] == ["cats", "dogs"]
    await store.commit(Delete(DEFINITIONS, cats, cats))
    assert [one.plural for one in kinds.resources()] == ["dogs"]
    assert kinds.served() == ()


@pytest.mark.parametrize(
    "after",
    [
        definition(scope="Cluster"),
        definition(established=False),
        definition(ending=True),
    ],
)
async def test_a_change_of_a_definition_makes_its_resources_anew(after: dict[str, Any]) -> None:
    store = MemoryStore()
    kinds = CustomKinds(store)
    before = await store.commit(Create(DEFINITIONS, definition()))
    old = kinds.resources()
    await store.commit(Update(DEFINITIONS, after, before))
    assert kinds.resources() != old


async def test_definitions_that_were_stored_first_are_read() -> None:
    store = MemoryStore()
    store.seed([Create(DEFINITIONS, definition())])
    assert [one.plural for one in CustomKinds(store).resources()] == ["cats"]


async def test_resources_are_found_by_name_and_by_path() -> None:
    store = MemoryStore()
    versions = [version(), version("v2", storage=False), version("v3", storage=False, served=False)]
    store.seed([Create(DEFINITIONS, definition(*versions)), Create(DEFINITIONS, dogs(established=False))])
    kinds = CustomKinds(store)
    cats, other = kinds.resources()
    assert (kinds.by_name("cats.zoo.example"), kinds.by_name("dogs.zoo.example")) == (cats, other)
    assert kinds.by_name("cats") is None
    assert kinds.by_path("zoo.example", "v1", "cats") is cats
    second = kinds.by_path("zoo.example", "v2", "cats")
    assert second is not None
    assert second.version == "v2"
    for path in (("zoo.example", "v3", "cats"), ("zoo.example", "v1", "dogs"), ("x.example", "v1", "cats")):
        assert kinds.by_path(*path) is None
