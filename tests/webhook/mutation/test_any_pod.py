"""What holds for every pod: nothing of it is touched, a second pass changes nothing, the identity is the binding's."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from podrole.webhook.identity.binding import Identity
from podrole.webhook.patch.mutation import mutate
from podrole.webhook.patch.pod import read_pod
from podrole.webhook.settings import CABundle, InjectionSettings
from podrole.webhook.strict import mutation as strict
from podrole.webhook.strict.go_types import NotDecodable
from support.examples import examples
from support.webhook import ARN, identity_of, patched, strict_identity_of

LABEL = "eks.amazonaws.com/pod-identity"
VARIABLES = [
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_REGION",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_ENDPOINT_URL",
    "PATH",
]
many = hypothesis_settings(max_examples=examples(300))
DIRECTORY = "/var/run/secrets/eks.amazonaws.com/serviceaccount"

texts = st.text(max_size=8)
unknown = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


def object_of(required: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    """An object with these fields, any of which may be null, and one that nobody has heard of."""
    known = st.fixed_dictionaries(required, optional={name: st.none() | field for name, field in optional.items()})
    return st.tuples(known, unknown).map(lambda pair: {"aFieldOfNextYear": pair[1], **pair[0]})


env = st.lists(
    st.none() | object_of({"name": st.sampled_from(VARIABLES) | texts}, value=st.just(ARN) | texts), max_size=4
)
mounts = st.lists(
    st.none()
    | object_of(
        {"name": st.sampled_from(["aws-iam-token", "data"])}, mountPath=st.sampled_from([DIRECTORY, "/data", ""])
    ),
    max_size=2,
)
containers = st.lists(
    st.none() | object_of({}, name=st.sampled_from(["app", "proxy"]) | texts, env=env, volumeMounts=mounts), max_size=3
)
volumes = st.lists(
    st.none()
    | object_of(
        {"name": st.sampled_from(["aws-iam-token", "data"])},
        projected=object_of(
            {},
            sources=st.lists(
                st.none() | object_of({}, serviceAccountToken=object_of({}, path=st.sampled_from(["token", "x"]))),
                max_size=2,
            ),
        ),
    ),
    max_size=2,
)
pods = object_of(
    {},
    metadata=object_of(
        {},
        labels=st.dictionaries(st.sampled_from([LABEL, "app"]), st.sampled_from(["enabled", "web"]) | st.none()),
        annotations=st.dictionaries(
            st.sampled_from(["eks.amazonaws.com/skip-containers", "eks.amazonaws.com/token-expiration"]),
            texts | st.none(),
        ),
        name=texts,
        generateName=texts,
    ),
    spec=object_of(
        {},
        containers=containers,
        initContainers=containers,
        volumes=volumes,
        nodeSelector=st.dictionaries(st.just("kubernetes.io/os"), st.sampled_from(["windows", "linux"])),
    ),
)
all_settings = st.builds(
    InjectionSettings,
    aws_default_region=st.sampled_from(["", "eu-west-1"]),
    sts_regional_endpoint=st.booleans(),
    aws_endpoint_url=st.sampled_from(["", "https://minio.example"]),
    aws_ca_bundle=st.none() | st.just(CABundle("aws-ca")),
    role_session_name=st.booleans(),
)


def identity_for(settings: InjectionSettings, pod_identity: bool) -> Identity:
    identity = identity_of({"role-arn": ARN}, settings, pod_identity=pod_identity)
    assert identity is not None
    return identity


def without_additions(before: Any, after: Any) -> Any:
    """``after`` without what was added to ``before``: elements at the end of lists, one volume, fields, the label."""
    if isinstance(before, dict) and isinstance(after, dict):
        return {key: without_additions(before[key], after[key]) for key in before if key in after}
    if isinstance(before, list) and isinstance(after, list):
        return [without_additions(old, new) for old, new in zip(before, after, strict=False)]
    return before if before is None else after


@many
@given(pods, all_settings, st.booleans())
def test_the_patch_changes_nothing_else(pod: dict[str, Any], settings: InjectionSettings, pod_identity: bool) -> None:
    before = copy.deepcopy(pod)
    mutation = mutate(read_pod(pod), identity_for(settings, pod_identity), settings)
    result = patched(pod, mutation.operations)
    if any(operation["path"] == "/spec/volumes/0" for operation in mutation.operations):
        del result["spec"]["volumes"][0]
    labels = (before.get("metadata") or {}).get("labels") or {}
    if pod_identity and mutation.operations and LABEL in labels:
        labels[LABEL] = "enabled"
    assert without_additions(before, result) == before


@many
@given(pods, all_settings, st.booleans(), st.integers(0, 7_200))
def test_a_second_pass_changes_nothing(
    pod: dict[str, Any], settings: InjectionSettings, pod_identity: bool, jitter: int
) -> None:
    identity = identity_for(settings, pod_identity)
    result = patched(pod, mutate(read_pod(pod), identity, settings, jitter=jitter).operations)
    assert mutate(read_pod(result), identity, settings).patch == b""


@many
@given(pods, all_settings)
def test_an_injected_container_has_exactly_the_bound_identity(pod: dict[str, Any], settings: InjectionSettings) -> None:
    mutation = mutate(read_pod(pod), identity_for(settings, pod_identity=False), settings)
    result = patched(pod, mutation.operations)
    spec = result.get("spec") or {}
    all_containers = [
        *(spec.get("containers") or ()),
        *((spec.get("initContainers") or ()) if spec.get("containers") else ()),
    ]
    assert len(all_containers) == len(mutation.containers)
    for container, outcome in zip(all_containers, mutation.containers, strict=True):
        if "AWS_ROLE_ARN" in outcome.added:
            values = [entry.get("value") for entry in container["env"] if entry and entry["name"] == "AWS_ROLE_ARN"]
            assert values == [ARN]
            files = [
                entry["value"] for entry in container["env"] if entry and entry["name"] == "AWS_WEB_IDENTITY_TOKEN_FILE"
            ]
            assert len(files) == 1
            assert files[0].endswith("token")
        if "volumeMount" in outcome.added:
            names = [mount["name"] for mount in container["volumeMounts"] if mount]
            assert names.count("aws-iam-token") == 1
            assert "aws-iam-token" in [volume["name"] for volume in spec["volumes"] if volume]


@many
@given(pods, all_settings, st.booleans())
def test_strict_and_podrole_set_the_same_variables(
    pod: dict[str, Any], settings: InjectionSettings, pod_identity: bool
) -> None:
    """The same variables in the same order, wherever podrole does not refuse to make an invalid pod."""
    settings = InjectionSettings(settings.annotation_prefix, aws_default_region=settings.aws_default_region)
    theirs_identity = strict_identity_of({"role-arn": ARN}, settings, pod_identity=pod_identity)
    assert theirs_identity is not None
    try:
        go_pod = strict.read_pod(pod)
    except NotDecodable:
        assume(False)
    ours = mutate(read_pod(pod), identity_for(settings, pod_identity), settings)
    assume(all(outcome.reason in ("injected", "complete", "own-credentials") for outcome in ours.containers))
    skip = ((pod.get("metadata") or {}).get("annotations") or {}).get("eks.amazonaws.com/skip-containers")
    assume(not skip)  # podrole forgives a space beside a comma
    theirs = json.loads(strict.mutate(go_pod, theirs_identity, settings))
    our_spec = patched(pod, ours.operations).get("spec") or {}
    for operation in theirs:
        if operation["path"] == "/spec/containers":
            for their_container, our_container in zip(
                operation["value"], our_spec.get("containers") or (), strict=True
            ):
                assert variables(their_container) == variables(our_container)


def variables(container: dict[str, Any]) -> list[tuple[str, str]]:
    entries = [entry or {} for entry in container.get("env") or ()]
    return [(entry.get("name", ""), entry.get("value") or "") for entry in entries]
