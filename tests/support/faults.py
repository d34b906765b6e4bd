"""Ailments: each breaks one thing about one service account and its pod, and names the code that has to be found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from support.broken_world import ROLE_ARN, BrokenWorld

Break = Callable[[BrokenWorld, str], None]
CODES_OF_ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/00000000000000000000000000000000"


@dataclass(frozen=True)
class Fault:
    """``name`` is the name of service account, role and pod alike; ``also`` are codes that come along with it."""

    name: str
    code: str
    make: Break
    also: frozenset[str] = frozenset()
    account: bool = False
    """Whether the service account is examined instead of the pod."""
    repaired: bool = False
    """Whether it is treated though another of its code is too: its remedy is another."""


FAULTS: list[Fault] = []


def fault(code: str, *also: str, account: bool = False, repaired: bool = False) -> Callable[[Break], Break]:
    """Register an ailment under its function's name."""

    def register(make: Break) -> Break:
        name = make.__name__.replace("_", "-")
        FAULTS.append(Fault(name, code, make, frozenset(also), account, repaired))
        return make

    return register


def healthy(c: BrokenWorld, name: str) -> None:
    """Bind a service account to a role that trusts it."""
    c.service_account(name, {ROLE_ARN: c.role(name)})


# 1: service account


@fault("PR102")
def no_annotation(c: BrokenWorld, name: str) -> None:
    c.role(name)
    c.service_account(name)
    c.pod(name, name)


@fault("PR102", repaired=True)
def no_role_at_all(c: BrokenWorld, name: str) -> None:
    c.service_account(name)
    c.pod(name, name)


@fault("PR103")
def key_in_one_word(c: BrokenWorld, name: str) -> None:
    c.service_account(name, {"eks.amazonaws.com/rolearn": c.role(name)})
    c.pod(name, name)


@fault("PR103")
def key_of_another_prefix(c: BrokenWorld, name: str) -> None:
    c.service_account(name, {"eks.amazon.com/role-arn": c.role(name)})
    c.pod(name, name)


@fault("PR103")
def key_of_kube2iam(c: BrokenWorld, name: str) -> None:
    c.service_account(name, {"iam.amazonaws.com/role": c.role(name)})
    c.pod(name, name)


@fault("PR104")
def annotation_on_the_pod(c: BrokenWorld, name: str) -> None:
    c.service_account(name)
    c.pod(name, name, meta_annotations={ROLE_ARN: c.role(name)})


@fault("PR105")
def a_name_for_an_arn(c: BrokenWorld, name: str) -> None:
    c.role(name)
    c.service_account(name, {ROLE_ARN: name})
    c.pod(name, name)


@fault("PR105")
def eleven_digits(c: BrokenWorld, name: str) -> None:
    c.service_account(name, {ROLE_ARN: c.role(name).replace(c.account, c.account[:-1])})
    c.pod(name, name)


@fault("PR106")
def arn_of_a_policy(c: BrokenWorld, name: str) -> None:
    c.role(name)
    c.service_account(name, {ROLE_ARN: f"arn:aws:iam::{c.account}:policy/{name}"})
    c.pod(name, name)


@fault("PR106")
def arn_of_a_session(c: BrokenWorld, name: str) -> None:
    c.role(name)
    c.service_account(name, {ROLE_ARN: f"arn:aws:sts::{c.account}:assumed-role/{name}/me"})
    c.pod(name, name)


@fault("PR107")
def role_of_china(c: BrokenWorld, name: str) -> None:
    c.service_account(name, {ROLE_ARN: c.role(name).replace("arn:aws:", "arn:aws-cn:")})
    c.pod(name, name)


@fault("PR108")
def quotes_around_the_arn(c: BrokenWorld, name: str) -> None:
    c.service_account(name, {ROLE_ARN: f'"{c.role(name)}"'})
    c.pod(name, name)


@fault("PR108")
def an_invisible_character(c: BrokenWorld, name: str) -> None:
    c.service_account(name, {ROLE_ARN: f"{c.role(name)}\u200b\n"})
    c.pod(name, name)


@fault("PR110")
def an_annotation_that_is_not_understood(c: BrokenWorld, name: str) -> None:
    c.service_account(name, {ROLE_ARN: c.role(name), "eks.amazonaws.com/token-expiration": "a day"})
    c.pod(name, name)


@fault("PR101", account=True)
def an_account_that_is_not_there(c: BrokenWorld, name: str) -> None:
    c.role(name)


# 2: injection


@fault("PR207")
def older_than_its_binding(c: BrokenWorld, name: str) -> None:
    c.service_account(name)
    c.pod(name, name)
    c.call("PATCH", c.of("serviceaccounts", name), {"metadata": {"annotations": {ROLE_ARN: c.role(name)}}})


@fault("PR208")
def another_role_than_now(c: BrokenWorld, name: str) -> None:
    c.service_account(name, {ROLE_ARN: c.arn("long-gone")})
    c.pod(name, name)
    c.call("PATCH", c.of("serviceaccounts", name), {"metadata": {"annotations": {ROLE_ARN: c.role(name)}}})


@fault("PR208")
def another_audience_than_now(c: BrokenWorld, name: str) -> None:
    c.service_account(name, {ROLE_ARN: c.role(name), "eks.amazonaws.com/audience": "elsewhere"})
    c.pod(name, name)
    c.call("PATCH", c.of("serviceaccounts", name), {"metadata": {"annotations": {"eks.amazonaws.com/audience": None}}})


@fault("PR209")
def the_container_is_skipped(c: BrokenWorld, name: str) -> None:
    healthy(c, name)
    c.pod(name, name, meta_annotations={"eks.amazonaws.com/skip-containers": "main"})


@fault("PR209")
def one_of_several_is_skipped(c: BrokenWorld, name: str) -> None:
    healthy(c, name)
    c.pod(name, name, meta_annotations={"eks.amazonaws.com/skip-containers": "main,sidecar"})


@fault("PR210")
def a_role_set_by_hand(c: BrokenWorld, name: str) -> None:
    healthy(c, name)
    c.pod(name, name, env=[{"name": "AWS_ROLE_ARN", "value": c.arn(name)}])


@fault("PR210")
def role_and_token_file_set_by_hand(c: BrokenWorld, name: str) -> None:
    healthy(c, name)
    by_hand = {"AWS_ROLE_ARN": c.arn(name), "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token"}
    c.pod(name, name, env=[{"name": key, "value": value} for key, value in by_hand.items()])


@fault("PR213")
def something_in_the_tokens_place(c: BrokenWorld, name: str) -> None:
    healthy(c, name)
    mount = {"name": "other", "mountPath": "/var/run/secrets/eks.amazonaws.com/serviceaccount/"}
    c.pod(name, name, volumeMounts=[mount], pod_volumes=[{"name": "other", "emptyDir": {}}])


@fault("PR213")
def a_volume_of_the_tokens_name(c: BrokenWorld, name: str) -> None:
    healthy(c, name)
    c.pod(name, name, pod_volumes=[{"name": "aws-iam-token", "emptyDir": {}}])


# 3: in the container


@fault("PR301")
def static_keys(c: BrokenWorld, name: str) -> None:
    healthy(c, name)
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
    c.pod(name, name, env=[{"name": key, "value": value} for key, value in keys.items()])


@fault("PR301")
def static_keys_of_a_secret(c: BrokenWorld, name: str) -> None:
    healthy(c, name)
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
    c.call("POST", c.of("secrets"), {"metadata": {"name": name}, "stringData": keys})
    c.pod(name, name, envFrom=[{"secretRef": {"name": name}}])


@fault("PR302")
def a_profile(c: BrokenWorld, name: str) -> None:
    healthy(c, name)
    c.pod(name, name, env=[{"name": "AWS_PROFILE", "value": "production"}])


@fault("PR303")
def container_credentials_too(c: BrokenWorld, name: str) -> None:
    healthy(c, name)
    c.pod(name, name, env=[{"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "value": "http://169.254.170.2/v2"}])


@fault("PR305")
def a_region_that_does_not_exist(c: BrokenWorld, name: str) -> None:
    healthy(c, name)
    c.pod(name, name, env=[{"name": "AWS_REGION", "value": "us-esat-1"}])


@fault("PR305")
def a_region_of_another_partition(c: BrokenWorld, name: str) -> None:
    healthy(c, name)
    c.pod(name, name, env=[{"name": "AWS_REGION", "value": "cn-north-1"}])


@fault("PR306")
def another_endpoint_of_sts(c: BrokenWorld, name: str) -> None:
    healthy(c, name)
    c.pod(name, name, env=[{"name": "AWS_ENDPOINT_URL_STS", "value": "http://127.0.0.1:9"}])


@fault("PR307")
def a_token_that_is_its_owners_alone(c: BrokenWorld, name: str) -> None:
    healthy(c, name)
    token = {"audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token"}
    projected = {"defaultMode": 0o400, "sources": [{"serviceAccountToken": token}]}
    volume = {"name": "aws-iam-token", "projected": projected}
    c.pod(name, name, pod_volumes=[volume], securityContext={"runAsNonRoot": True})


@fault("PR308")
def a_cli_of_2019(c: BrokenWorld, name: str) -> None:
    healthy(c, name)
    c.pod(name, name, image="amazon/aws-cli:1.16.100")


@fault("PR309")
def a_mounted_credentials_file(c: BrokenWorld, name: str) -> None:
    healthy(c, name)
    c.call("POST", c.of("secrets"), {"metadata": {"name": name}, "stringData": {"credentials": "[default]"}})
    volume = {"name": "keys", "secret": {"secretName": name}}
    c.pod(name, name, pod_volumes=[volume], volumeMounts=[{"name": "keys", "mountPath": "/root/.aws"}])


# 4 and 6: audience, role and trust policy


@fault("PR405", "PR618")
def an_audience_that_nobody_takes(c: BrokenWorld, name: str) -> None:
    c.service_account(name, {ROLE_ARN: c.role(name), "eks.amazonaws.com/audience": "vault"})
    c.pod(name, name)


@fault("PR601")
def a_role_that_is_not_there(c: BrokenWorld, name: str) -> None:
    c.service_account(name, {ROLE_ARN: c.arn("zz-no-role-is-called-anything-like-it")})
    c.pod(name, name)


@fault("PR601")
def a_role_with_a_path(c: BrokenWorld, name: str) -> None:
    c.role(name, Path="/apps/")
    c.service_account(name, {ROLE_ARN: c.arn(name)})
    c.pod(name, name)


@fault("PR601")
def a_role_misspelt(c: BrokenWorld, name: str) -> None:
    c.role(name)
    c.service_account(name, {ROLE_ARN: c.arn(name.replace("misspelt", "mispelt"))})
    c.pod(name, name)


def _trusting(c: BrokenWorld, name: str, **elements: object) -> None:
    c.service_account(name, {ROLE_ARN: c.role(name, c.trust(name, **elements))})
    c.pod(name, name)


def _on(c: BrokenWorld, name: str, *, operator: str = "StringEquals", **claims: str | list[str]) -> None:
    """Trust by a condition on claims; those not given are right."""
    subject = f"system:serviceaccount:{c.namespace}:{name}"
    given = {"sub": subject, "aud": "sts.amazonaws.com", **claims}
    _trusting(c, name, Condition={operator: {f"{c.prefix}:{claim}": value for claim, value in given.items()}})


@fault("PR602")
def a_wildcard_under_stringequals(c: BrokenWorld, name: str) -> None:
    _on(c, name, sub=f"system:serviceaccount:{c.namespace}:a-wild*")


@fault("PR603")
def a_namespace_misspelt(c: BrokenWorld, name: str) -> None:
    _on(c, name, sub=f"system:serviceaccount:{c.namespace}s:{name}")


@fault("PR603")
def an_account_misspelt(c: BrokenWorld, name: str) -> None:
    _on(c, name, sub=f"system:serviceaccount:{c.namespace}:an-acount-misspelt")


@fault("PR603")
def both_of_another_application(c: BrokenWorld, name: str) -> None:
    _on(c, name, sub=["system:serviceaccount:elsewhere:other", "system:serviceaccount:elsewhere:another"])


@fault("PR604")
def a_subject_without_its_prefix(c: BrokenWorld, name: str) -> None:
    _on(c, name, sub=f"{c.namespace}:{name}")


def _with_key(c: BrokenWorld, name: str, prefix: str) -> None:
    subject = f"system:serviceaccount:{c.namespace}:{name}"
    keys = {f"{prefix}:sub": subject, f"{prefix}:aud": "sts.amazonaws.com"}
    _trusting(c, name, Condition={"StringEquals": keys})


@fault("PR605")
def a_scheme_in_the_key(c: BrokenWorld, name: str) -> None:
    _with_key(c, name, c.issuer)


@fault("PR605")
def a_port_in_the_key(c: BrokenWorld, name: str) -> None:
    _with_key(c, name, c.prefix.replace("/", ":443/", 1))


@fault("PR605")
def a_slash_in_the_key(c: BrokenWorld, name: str) -> None:
    _with_key(c, name, f"{c.prefix}/")


@fault("PR606")
def swapped_claims(c: BrokenWorld, name: str) -> None:
    _on(c, name, sub="sts.amazonaws.com", aud=f"system:serviceaccount:{c.namespace}:{name}")


@fault("PR607")
def the_key_of_a_cluster_before(c: BrokenWorld, name: str) -> None:
    _with_key(c, name, CODES_OF_ISSUER)


@fault("PR607")
def the_provider_of_a_cluster_before(c: BrokenWorld, name: str) -> None:
    _trusting(c, name, Principal={"Federated": f"arn:aws:iam::{c.account}:oidc-provider/{CODES_OF_ISSUER}"})


@fault("PR608")
def the_provider_of_another_account(c: BrokenWorld, name: str) -> None:
    _trusting(c, name, Principal={"Federated": c.provider_arn.replace(c.account, "999988887777")})


@fault("PR609", "PR610")
def a_role_for_ec2(c: BrokenWorld, name: str) -> None:
    principal = {"Service": "ec2.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    c.service_account(name, {ROLE_ARN: c.role(name, {"Version": "2012-10-17", "Statement": [statement]})})
    c.pod(name, name)


@fault("PR609")
def a_principal_of_aws(c: BrokenWorld, name: str) -> None:
    _trusting(c, name, Principal={"AWS": f"arn:aws:iam::{c.account}:root"})


@fault("PR610")
def the_action_for_users(c: BrokenWorld, name: str) -> None:
    _trusting(c, name, Action="sts:AssumeRole")


@fault("PR611")
def an_explicit_deny(c: BrokenWorld, name: str) -> None:
    trust = c.trust(name)
    trust["Statement"].append({**trust["Statement"][0], "Effect": "Deny"})
    c.service_account(name, {ROLE_ARN: c.role(name, trust)})
    c.pod(name, name)


@fault("PR613")
def variables_in_the_old_version(c: BrokenWorld, name: str) -> None:
    document = c.trust(name)
    key = f"{c.prefix}:aud"
    document["Statement"][0]["Condition"]["StringLike"] = {key: f"${{{key}}}"}
    document["Version"] = "2008-10-17"
    c.service_account(name, {ROLE_ARN: c.role(name, document)})
    c.pod(name, name)


@fault("PR614")
def a_condition_on_the_time(c: BrokenWorld, name: str) -> None:
    condition = c.trust(name)["Statement"][0]["Condition"]
    _trusting(c, name, Condition={**condition, "DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}})


@fault("PR616")
def a_slash_behind_the_audience(c: BrokenWorld, name: str) -> None:
    _on(c, name, aud="https://sts.amazonaws.com")


@fault("PR617")
def a_claim_that_is_no_key(c: BrokenWorld, name: str) -> None:
    condition = c.trust(name)["Statement"][0]["Condition"]["StringEquals"]
    keys = {**condition, f"{c.prefix}:kubernetes.io/namespace": c.namespace}
    _trusting(c, name, Condition={"StringEquals": keys})


@fault("PR618")
def another_audience_in_the_policy(c: BrokenWorld, name: str) -> None:
    _on(c, name, aud="amazonaws.com")


# Too open


@fault("PR612")
def forallvalues_on_an_absent_key(c: BrokenWorld, name: str) -> None:
    key = f"{c.prefix}:repository"
    _trusting(c, name, Condition={"ForAllValues:StringEquals": {key: ["mine"]}})


@fault("PR651")
def no_condition_on_the_subject(c: BrokenWorld, name: str) -> None:
    _trusting(c, name, Condition={"StringEquals": {f"{c.prefix}:aud": "sts.amazonaws.com"}})


@fault("PR652")
def a_wildcard_for_the_namespace(c: BrokenWorld, name: str) -> None:
    _on(c, name, operator="StringLike", sub=f"system:serviceaccount:*:{name}")


@fault("PR653")
def several_clusters(c: BrokenWorld, name: str) -> None:
    document = c.trust(name)
    first = document["Statement"][0]
    text = json.dumps(first).replace(c.prefix, CODES_OF_ISSUER)
    document["Statement"].append(json.loads(text))
    c.service_account(name, {ROLE_ARN: c.role(name, document)})
    c.pod(name, name)
