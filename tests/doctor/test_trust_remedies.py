"""Changes of trust policies that the doctor proposes: each trusts the service account, takes the role from no other
caller that had it, and opens it to no other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from podrole.doctor.errors import SourceError
from podrole.doctor.facts.exchange import ExchangeQuestion, HypotheticalDirectory, ask_sts, strangers
from podrole.doctor.remedies.trust_policy import narrowed_trust_policy, repaired_trust_policy
from podrole.doctor.sources.files import FilesAccount
from podrole.iam.arn import oidc_provider_arn
from podrole.iam.directory import OIDCProvider, Role
from podrole.iam.limits import size
from podrole.sts.circumstances import Circumstances
from podrole.sts.web_identity import Granted

Object = dict[str, Any]
ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
OTHER = ISSUER[:-4] + "0000"
PROVIDER = f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"
OTHER_PROVIDER = PROVIDER.replace(ISSUER, OTHER)
ACTION = "sts:AssumeRoleWithWebIdentity"
WEB, JOBS = "system:serviceaccount:shop:web", "system:serviceaccount:shop:jobs"
AT = Circumstances(now=1_800_000_000.0, source_ip="0.0.0.0", region="us-east-1", secure_transport=True)
QUESTION = ExchangeQuestion("arn:aws:iam::111122223333:role/web", f"https://{ISSUER}", WEB, "sts.amazonaws.com", AT)


class Account(FilesAccount):
    """An account with providers for these issuers, which accept two audiences."""

    def __init__(self, *issuers: str, listed: bool = True) -> None:
        super().__init__([], [], (), "111122223333")
        self._issuers = issuers
        self._listed = listed

    def oidc_provider(self, account: str, issuer: str, partition: str = "aws") -> OIDCProvider | None:
        arn = oidc_provider_arn(account, issuer, partition=partition)
        known = issuer.removeprefix("https://") in self._issuers
        return OIDCProvider(arn, issuer, ("sts.amazonaws.com", "vault"), ()) if known else None

    def oidc_providers(self) -> Sequence[OIDCProvider]:
        if not self._listed:
            raise SourceError("denied")
        found = (self.oidc_provider("111122223333", f"https://{one}") for one in self._issuers)
        return [one for one in found if one is not None]


def claims(prefix: str = ISSUER, **changed: Any) -> Object:
    given = {"sub": WEB, "aud": "sts.amazonaws.com", **changed}
    return {f"{prefix}:{name}": value for name, value in given.items() if value is not None}


def allow(condition: Object | None = None, **elements: Any) -> Object:
    return {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": ACTION,
        "Condition": {"StringEquals": claims()} if condition is None else condition,
        **elements,
    }


def role(*statements: Object, version: str = "2012-10-17") -> Role:
    document = json.dumps({"Version": version, "Statement": list(statements)})
    return Role("arn:aws:iam::111122223333:role/web", "AROAWEB", "web", "111122223333", document)


def granted(document: str, account: Account, **asked: str) -> bool:
    question = ExchangeQuestion(**{**{name: getattr(QUESTION, name) for name in QUESTION.__slots__}, **asked})
    changed = Role("arn:aws:iam::111122223333:role/web", "AROAWEB", "web", "111122223333", document)
    return isinstance(ask_sts(question, HypotheticalDirectory(account, None, changed)), Granted)


EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
COGNITO = {
    "Effect": "Allow",
    "Principal": {"Federated": "cognito-identity.amazonaws.com"},
    "Action": ACTION,
    "Condition": {"StringEquals": {"cognito-identity.amazonaws.com:aud": "us-east-1:1"}},
}

# Statements with a fault, and the statements after the repair.
REPAIRS: dict[str, tuple[list[Object], list[Object]]] = {
    "pattern under StringEquals": (
        [allow({"StringEquals": claims(sub="system:serviceaccount:shop:*")})],
        [allow()],
    ),
    "pattern beside a name": (
        [allow({"StringEquals": claims(sub=["system:serviceaccount:shop:*", JOBS])})],
        [allow({"StringEquals": claims(sub=[JOBS, WEB])})],
    ),
    "swapped claims": (
        [allow({"StringEquals": claims(sub="sts.amazonaws.com", aud=WEB)})],
        [allow()],
    ),
    "swapped claims of a service account that exists": (
        [allow({"StringEquals": claims(sub="sts.amazonaws.com", aud=JOBS)})],
        [allow()],
    ),
    "audience of another client": (
        [allow({"StringEquals": claims(aud="vault")})],
        [allow({"StringEquals": claims(aud=["vault", "sts.amazonaws.com"])})],
    ),
    "audience that the provider does not accept": (
        [allow({"StringEquals": claims(aud="nobody")})],
        [allow()],
    ),
    "the provider's ARN as key": ([allow({"StringEquals": claims(PROVIDER)})], [allow()]),
    "the provider's ARN without its account as key": (
        [allow({"StringEquals": claims(f"oidc-provider/{ISSUER}")})],
        [allow()],
    ),
    "service account that exists keeps the role": (
        [allow({"StringEquals": claims(sub=JOBS)})],
        [allow({"StringEquals": claims(sub=[JOBS, WEB])})],
    ),
    "statement of another cluster is kept": (
        [allow({"StringEquals": claims(OTHER)}, Principal={"Federated": OTHER_PROVIDER})],
        [allow({"StringEquals": claims(OTHER)}, Principal={"Federated": OTHER_PROVIDER}), allow()],
    ),
    "statement of Cognito is kept": ([COGNITO], [COGNITO, allow()]),
    "statement of EC2 is kept": ([EC2], [EC2, allow()]),
    "further actions are kept": (
        [allow(Action=["sts:AssumeRole", "sts:TagSession"])],
        [allow(Action=[ACTION, "sts:TagSession"])],
    ),
    "Deny of all but others": (
        [allow(), {**allow({"StringNotEquals": claims(sub=[JOBS], aud=None)}), "Effect": "Deny"}],
        [allow(), {**allow({"StringNotEquals": claims(sub=[JOBS, WEB], aud=None)}), "Effect": "Deny"}],
    ),
    "Deny of the service account": (
        [allow(), {**allow(), "Effect": "Deny"}],
        [allow()],
    ),
}


@pytest.mark.parametrize("fault", REPAIRS)
def test_repair_is_the_smallest_that_is_proven(fault: str) -> None:
    before, after = REPAIRS[fault]
    account = Account(ISSUER, OTHER)
    document = repaired_trust_policy(role(*before), QUESTION, account, frozenset({JOBS}))
    assert document is not None
    assert json.loads(document)["Statement"] == after
    assert granted(document, account)


def test_provider_that_the_account_does_not_have_is_replaced() -> None:
    old = allow({"StringEquals": claims(OTHER)}, Principal={"Federated": OTHER_PROVIDER})
    document = repaired_trust_policy(role(old), QUESTION, Account(ISSUER))
    assert document is not None
    assert json.loads(document)["Statement"] == [allow()]


def test_provider_that_may_exist_is_kept() -> None:
    old = allow({"StringEquals": claims(OTHER)}, Principal={"Federated": OTHER_PROVIDER})
    document = repaired_trust_policy(role(old), QUESTION, Account(ISSUER, listed=False))
    assert document is not None
    assert json.loads(document)["Statement"] == [old, allow()]


def test_deny_that_keeps_others_out_is_removed_only_with_what_lets_them_in() -> None:
    everyone = allow({"StringEquals": claims(sub=None)})
    deny = {"Effect": "Deny", "Principal": {"Federated": PROVIDER}, "Action": ACTION}
    document = repaired_trust_policy(role(everyone, deny), QUESTION, Account(ISSUER))
    assert document is not None
    assert json.loads(document)["Statement"] == [allow()]


def test_document_that_aws_would_not_store_is_not_proposed() -> None:
    many = [f"system:serviceaccount:shop:application-{number:04}" for number in range(35)]
    full = role(allow({"StringEquals": claims(sub=many)}))
    assert 2_000 < size(full.trust_policy) <= 2_048
    assert repaired_trust_policy(full, QUESTION, Account(ISSUER), frozenset(many)) is None


EXCESS: dict[str, list[Object]] = {
    "no condition on sub": [allow({"StringEquals": claims(sub=None)})],
    "every subject": [allow({"StringLike": claims(sub="system:serviceaccount:*:*")})],
    "every namespace": [allow({"StringLike": claims(sub="system:serviceaccount:*:web")}), allow()],
    "an absent key": [allow({"ForAllValues:StringEquals": {f"{ISSUER}:team": ["a"]}})],
}


@pytest.mark.parametrize("excess", EXCESS)
def test_excess_is_narrowed_to_the_service_accounts_that_have_the_role(excess: str) -> None:
    account = Account(ISSUER)
    before = role(EC2, *EXCESS[excess])
    has = frozenset(one for one in (WEB, JOBS) if granted(before.trust_policy, account, subject=one))
    document = narrowed_trust_policy(before, QUESTION, account, has)
    assert document is not None
    assert EC2 in json.loads(document)["Statement"]
    assert all(granted(document, account, subject=one) for one in has)
    assert not any(granted(document, account, subject=one.subject) for one in strangers(QUESTION))


def test_excess_of_a_cluster_that_the_account_knows_is_not_taken_away() -> None:
    other = allow({"StringEquals": claims(OTHER)}, Principal={"Federated": OTHER_PROVIDER})
    everyone = allow({"StringEquals": claims(sub=None)})
    document = narrowed_trust_policy(role(other, everyone), QUESTION, Account(ISSUER, OTHER), frozenset({WEB}))
    assert document is not None
    assert json.loads(document)["Statement"] == [other, allow()]
