"""Faults: each breaks one thing of a service account or its pod, and names the code that the doctor must find."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from support.broken_world import ROLE_ARN, BrokenWorld

Break = Callable[[BrokenWorld, str], None]
CONTAINER_HOME = "/root"
"""The home directory of most images."""
FORMER_ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/00000000000000000000000000000000"


@dataclass(frozen=True)
class Fault:
    """``name`` is the name of service account, role and pod. ``also`` are codes that the fault causes too."""

    name: str
    code: str
    make: Break
    also: frozenset[str] = frozenset()
    account: bool = False
    """Whether the service account is examined instead of the pod."""
    repaired: bool = False
    """Whether it is repaired although another fault with its code is: the two remedies differ."""


FAULTS: list[Fault] = []


def fault(code: str, *also: str, account: bool = False, repaired: bool = False) -> Callable[[Break], Break]:
    """Register a fault under its function's name."""

    def register(make: Break) -> Break:
        name = make.__name__.replace("_", "-")
        FAULTS.append(Fault(name, code, make, frozenset(also), account, repaired))
        return make

    return register


def healthy(world: BrokenWorld, name: str) -> None:
    """Bind a service account to a role that trusts it."""
    world.service_account(name, {ROLE_ARN: world.role(name)})


# 1: service account


@fault("PR102")
def no_annotation(world: BrokenWorld, name: str) -> None:
    world.role(name)
    world.service_account(name)
    world.pod(name, name)


@fault("PR102", repaired=True)
def no_role_at_all(world: BrokenWorld, name: str) -> None:
    world.service_account(name)
    world.pod(name, name)


@fault("PR103")
def key_in_one_word(world: BrokenWorld, name: str) -> None:
    world.service_account(name, {"eks.amazonaws.com/rolearn": world.role(name)})
    world.pod(name, name)


@fault("PR103")
def key_of_another_prefix(world: BrokenWorld, name: str) -> None:
    world.service_account(name, {"eks.amazon.com/role-arn": world.role(name)})
    world.pod(name, name)


@fault("PR103")
def key_of_kube2iam(world: BrokenWorld, name: str) -> None:
    world.service_account(name, {"iam.amazonaws.com/role": world.role(name)})
    world.pod(name, name)


@fault("PR104")
def annotation_on_the_pod(world: BrokenWorld, name: str) -> None:
    world.service_account(name)
    world.pod(name, name, meta_annotations={ROLE_ARN: world.role(name)})


@fault("PR105")
def a_name_for_an_arn(world: BrokenWorld, name: str) -> None:
    world.role(name)
    world.service_account(name, {ROLE_ARN: name})
    world.pod(name, name)


@fault("PR105")
def eleven_digits(world: BrokenWorld, name: str) -> None:
    world.service_account(name, {ROLE_ARN: world.role(name).replace(world.account, world.account[:-1])})
    world.pod(name, name)


@fault("PR106")
def arn_of_a_policy(world: BrokenWorld, name: str) -> None:
    world.role(name)
    world.service_account(name, {ROLE_ARN: f"arn:aws:iam::{world.account}:policy/{name}"})
    world.pod(name, name)


@fault("PR106")
def arn_of_a_session(world: BrokenWorld, name: str) -> None:
    world.role(name)
    world.service_account(name, {ROLE_ARN: f"arn:aws:sts::{world.account}:assumed-role/{name}/me"})
    world.pod(name, name)


@fault("PR107")
def role_of_china(world: BrokenWorld, name: str) -> None:
    world.service_account(name, {ROLE_ARN: world.role(name).replace("arn:aws:", "arn:aws-cn:")})
    world.pod(name, name)


@fault("PR108")
def quotes_around_the_arn(world: BrokenWorld, name: str) -> None:
    world.service_account(name, {ROLE_ARN: f'"{world.role(name)}"'})
    world.pod(name, name)


@fault("PR108")
def an_invisible_character(world: BrokenWorld, name: str) -> None:
    world.service_account(name, {ROLE_ARN: f"{world.role(name)}\u200b\n"})
    world.pod(name, name)


@fault("PR110")
def an_annotation_that_is_not_understood(world: BrokenWorld, name: str) -> None:
    world.service_account(name, {ROLE_ARN: world.role(name), "eks.amazonaws.com/token-expiration": "a day"})
    world.pod(name, name)


@fault("PR101", account=True)
def an_account_that_is_not_there(world: BrokenWorld, name: str) -> None:
    world.role(name)


# 2: injection


@fault("PR207")
def older_than_its_binding(world: BrokenWorld, name: str) -> None:
    world.service_account(name)
    world.pod(name, name)
    world.call("PATCH", world.of("serviceaccounts", name), {"metadata": {"annotations": {ROLE_ARN: world.role(name)}}})


@fault("PR208")
def another_role_than_now(world: BrokenWorld, name: str) -> None:
    world.service_account(name, {ROLE_ARN: world.arn("long-gone")})
    world.pod(name, name)
    world.call("PATCH", world.of("serviceaccounts", name), {"metadata": {"annotations": {ROLE_ARN: world.role(name)}}})


@fault("PR208")
def another_audience_than_now(world: BrokenWorld, name: str) -> None:
    world.service_account(name, {ROLE_ARN: world.role(name), "eks.amazonaws.com/audience": "elsewhere"})
    world.pod(name, name)
    world.call(
        "PATCH", world.of("serviceaccounts", name), {"metadata": {"annotations": {"eks.amazonaws.com/audience": None}}}
    )


@fault("PR209")
def the_container_is_skipped(world: BrokenWorld, name: str) -> None:
    healthy(world, name)
    world.pod(name, name, meta_annotations={"eks.amazonaws.com/skip-containers": "main"})


@fault("PR209")
def one_of_several_is_skipped(world: BrokenWorld, name: str) -> None:
    healthy(world, name)
    world.pod(name, name, meta_annotations={"eks.amazonaws.com/skip-containers": "main,sidecar"})


@fault("PR210")
def a_role_set_by_hand(world: BrokenWorld, name: str) -> None:
    healthy(world, name)
    world.pod(name, name, env=[{"name": "AWS_ROLE_ARN", "value": world.arn(name)}])


@fault("PR210")
def role_and_token_file_set_by_hand(world: BrokenWorld, name: str) -> None:
    healthy(world, name)
    by_hand = {"AWS_ROLE_ARN": world.arn(name), "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token"}
    world.pod(name, name, env=[{"name": key, "value": value} for key, value in by_hand.items()])


@fault("PR213")
def something_in_the_tokens_place(world: BrokenWorld, name: str) -> None:
    healthy(world, name)
    mount = {"name": "other", "mountPath": "/var/run/secrets/eks.amazonaws.com/serviceaccount/"}
    world.pod(name, name, volumeMounts=[mount], pod_volumes=[{"name": "other", "emptyDir": {}}])


@fault("PR213")
def a_volume_of_the_tokens_name(world: BrokenWorld, name: str) -> None:
    healthy(world, name)
    world.pod(name, name, pod_volumes=[{"name": "aws-iam-token", "emptyDir": {}}])


# 3: in the container


@fault("PR301")
def static_keys(world: BrokenWorld, name: str) -> None:
    healthy(world, name)
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
    world.pod(name, name, env=[{"name": key, "value": value} for key, value in keys.items()])


@fault("PR301")
def static_keys_of_a_secret(world: BrokenWorld, name: str) -> None:
    healthy(world, name)
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
    world.call("POST", world.of("secrets"), {"metadata": {"name": name}, "stringData": keys})
    world.pod(name, name, envFrom=[{"secretRef": {"name": name}}])


@fault("PR301", repaired=True)
def static_keys_that_hide_those_of_a_secret(world: BrokenWorld, name: str) -> None:
    healthy(world, name)
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
    for secret in (name, f"{name}-too"):
        world.call("POST", world.of("secrets"), {"metadata": {"name": secret}, "stringData": keys})
    included = [{"secretRef": {"name": secret}} for secret in (name, f"{name}-too")]
    world.pod(name, name, env=[{"name": key, "value": value} for key, value in keys.items()], envFrom=included)


@fault("PR302")
def a_profile(world: BrokenWorld, name: str) -> None:
    healthy(world, name)
    world.pod(name, name, env=[{"name": "AWS_PROFILE", "value": "production"}])


@fault("PR303")
def container_credentials_too(world: BrokenWorld, name: str) -> None:
    healthy(world, name)
    world.pod(name, name, env=[{"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "value": "http://169.254.170.2/v2"}])


@fault("PR305")
def a_region_that_does_not_exist(world: BrokenWorld, name: str) -> None:
    healthy(world, name)
    world.pod(name, name, env=[{"name": "AWS_REGION", "value": "us-esat-1"}])


@fault("PR305")
def a_region_of_another_partition(world: BrokenWorld, name: str) -> None:
    healthy(world, name)
    world.pod(name, name, env=[{"name": "AWS_REGION", "value": "cn-north-1"}])


@fault("PR306")
def another_endpoint_of_sts(world: BrokenWorld, name: str) -> None:
    healthy(world, name)
    world.pod(name, name, env=[{"name": "AWS_ENDPOINT_URL_STS", "value": "http://127.0.0.1:9"}])


@fault("PR307")
def a_token_that_is_its_owners_alone(world: BrokenWorld, name: str) -> None:
    healthy(world, name)
    token = {"audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token"}
    projected = {"defaultMode": 0o400, "sources": [{"serviceAccountToken": token}]}
    volume = {"name": "aws-iam-token", "projected": projected}
    world.pod(name, name, pod_volumes=[volume], securityContext={"runAsNonRoot": True})


@fault("PR308")
def a_cli_of_2019(world: BrokenWorld, name: str) -> None:
    healthy(world, name)
    world.pod(name, name, image="amazon/aws-cli:1.16.100")


@fault("PR309")
def a_mounted_credentials_file(world: BrokenWorld, name: str) -> None:
    healthy(world, name)
    world.call("POST", world.of("secrets"), {"metadata": {"name": name}, "stringData": {"credentials": "[default]"}})
    volume = {"name": "keys", "secret": {"secretName": name}}
    world.pod(name, name, pod_volumes=[volume], volumeMounts=[{"name": "keys", "mountPath": f"{CONTAINER_HOME}/.aws"}])


# 4 and 6: audience, role and trust policy


@fault("PR405", "PR618")
def an_audience_that_nobody_takes(world: BrokenWorld, name: str) -> None:
    world.service_account(name, {ROLE_ARN: world.role(name), "eks.amazonaws.com/audience": "vault"})
    world.pod(name, name)


@fault("PR601")
def a_role_that_is_not_there(world: BrokenWorld, name: str) -> None:
    world.service_account(name, {ROLE_ARN: world.arn("zz-no-role-is-called-anything-like-it")})
    world.pod(name, name)


@fault("PR601")
def a_role_with_a_path(world: BrokenWorld, name: str) -> None:
    world.role(name, Path="/apps/")
    world.service_account(name, {ROLE_ARN: world.arn(name)})
    world.pod(name, name)


@fault("PR601")
def a_role_misspelt(world: BrokenWorld, name: str) -> None:
    world.role(name)
    world.service_account(name, {ROLE_ARN: world.arn(name.replace("misspelt", "mispelt"))})
    world.pod(name, name)


def _trusting(world: BrokenWorld, name: str, **elements: object) -> None:
    world.service_account(name, {ROLE_ARN: world.role(name, world.trust(name, **elements))})
    world.pod(name, name)


def _on(world: BrokenWorld, name: str, *, operator: str = "StringEquals", **claims: str | list[str]) -> None:
    """Trust by a condition on claims; claims that are not passed are correct."""
    subject = f"system:serviceaccount:{world.namespace}:{name}"
    given = {"sub": subject, "aud": "sts.amazonaws.com", **claims}
    _trusting(world, name, Condition={operator: {f"{world.prefix}:{claim}": value for claim, value in given.items()}})


@fault("PR602")
def a_wildcard_under_stringequals(world: BrokenWorld, name: str) -> None:
    _on(world, name, sub=f"system:serviceaccount:{world.namespace}:a-wild*")


@fault("PR603")
def a_namespace_misspelt(world: BrokenWorld, name: str) -> None:
    _on(world, name, sub=f"system:serviceaccount:{world.namespace}s:{name}")


@fault("PR603")
def an_account_misspelt(world: BrokenWorld, name: str) -> None:
    _on(world, name, sub=f"system:serviceaccount:{world.namespace}:an-acount-misspelt")


@fault("PR603")
def both_of_another_application(world: BrokenWorld, name: str) -> None:
    _on(world, name, sub=["system:serviceaccount:elsewhere:other", "system:serviceaccount:elsewhere:another"])


@fault("PR604")
def a_subject_without_its_prefix(world: BrokenWorld, name: str) -> None:
    _on(world, name, sub=f"{world.namespace}:{name}")


def _with_key(world: BrokenWorld, name: str, prefix: str) -> None:
    subject = f"system:serviceaccount:{world.namespace}:{name}"
    keys = {f"{prefix}:sub": subject, f"{prefix}:aud": "sts.amazonaws.com"}
    _trusting(world, name, Condition={"StringEquals": keys})


@fault("PR605")
def a_slash_in_the_key(world: BrokenWorld, name: str) -> None:
    _with_key(world, name, f"{world.prefix}/")


@fault("PR606")
def swapped_claims(world: BrokenWorld, name: str) -> None:
    _on(world, name, sub="sts.amazonaws.com", aud=f"system:serviceaccount:{world.namespace}:{name}")


@fault("PR607")
def the_key_of_a_cluster_before(world: BrokenWorld, name: str) -> None:
    _with_key(world, name, FORMER_ISSUER)


@fault("PR607")
def the_provider_of_a_cluster_before(world: BrokenWorld, name: str) -> None:
    _trusting(world, name, Principal={"Federated": f"arn:aws:iam::{world.account}:oidc-provider/{FORMER_ISSUER}"})


@fault("PR608")
def the_provider_of_another_account(world: BrokenWorld, name: str) -> None:
    _trusting(world, name, Principal={"Federated": world.provider_arn.replace(world.account, "999988887777")})


@fault("PR609", "PR610")
def a_role_for_ec2(world: BrokenWorld, name: str) -> None:
    principal = {"Service": "ec2.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    world.service_account(name, {ROLE_ARN: world.role(name, {"Version": "2012-10-17", "Statement": [statement]})})
    world.pod(name, name)


@fault("PR609")
def a_principal_of_aws(world: BrokenWorld, name: str) -> None:
    _trusting(world, name, Principal={"AWS": f"arn:aws:iam::{world.account}:root"})


@fault("PR610")
def the_action_for_users(world: BrokenWorld, name: str) -> None:
    _trusting(world, name, Action="sts:AssumeRole")


@fault("PR611")
def an_explicit_deny(world: BrokenWorld, name: str) -> None:
    trust = world.trust(name)
    trust["Statement"].append({**trust["Statement"][0], "Effect": "Deny"})
    world.service_account(name, {ROLE_ARN: world.role(name, trust)})
    world.pod(name, name)


@fault("PR613")
def variables_in_the_old_version(world: BrokenWorld, name: str) -> None:
    document = world.trust(name)
    key = f"{world.prefix}:aud"
    document["Statement"][0]["Condition"]["StringLike"] = {key: f"${{{key}}}"}
    document["Version"] = "2008-10-17"
    world.service_account(name, {ROLE_ARN: world.role(name, document)})
    world.pod(name, name)


@fault("PR614")
def a_condition_on_the_time(world: BrokenWorld, name: str) -> None:
    condition = world.trust(name)["Statement"][0]["Condition"]
    _trusting(world, name, Condition={**condition, "DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}})


@fault("PR616")
def a_slash_behind_the_audience(world: BrokenWorld, name: str) -> None:
    _on(world, name, aud="https://sts.amazonaws.com")


@fault("PR617")
def a_claim_that_is_no_key(world: BrokenWorld, name: str) -> None:
    condition = world.trust(name)["Statement"][0]["Condition"]["StringEquals"]
    keys = {**condition, f"{world.prefix}:kubernetes.io/namespace": world.namespace}
    _trusting(world, name, Condition={"StringEquals": keys})


@fault("PR618")
def another_audience_in_the_policy(world: BrokenWorld, name: str) -> None:
    _on(world, name, aud="amazonaws.com")


# Too open


@fault("PR612")
def forallvalues_on_an_absent_key(world: BrokenWorld, name: str) -> None:
    key = f"{world.prefix}:repository"
    _trusting(world, name, Condition={"ForAllValues:StringEquals": {key: ["mine"]}})


@fault("PR651")
def no_condition_on_the_subject(world: BrokenWorld, name: str) -> None:
    _trusting(world, name, Condition={"StringEquals": {f"{world.prefix}:aud": "sts.amazonaws.com"}})


@fault("PR652")
def a_wildcard_for_the_namespace(world: BrokenWorld, name: str) -> None:
    _on(world, name, operator="StringLike", sub=f"system:serviceaccount:*:{name}")


@fault("PR653")
def several_clusters(world: BrokenWorld, name: str) -> None:
    document = world.trust(name)
    first = document["Statement"][0]
    text = json.dumps(first).replace(world.prefix, FORMER_ISSUER)
    document["Statement"].append(json.loads(text))
    world.service_account(name, {ROLE_ARN: world.role(name, document)})
    world.pod(name, name)
