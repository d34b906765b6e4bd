"""external-dns and cert-manager: records of Route 53."""

from __future__ import annotations

from typing import Any

import pytest

from support.aws import LocalAWS
from support.controllers import Call, Controller, Operand, Refusal, covered, name_of, operands, published, unique

pytestmark = pytest.mark.services

STATIC = published("external_dns", "static")
ABAC = published("external_dns", "abac")
CERT_MANAGER = published("cert_manager")
CHANGE = "route53:ChangeResourceRecordSets"


@pytest.fixture(scope="module", params=[STATIC, ABAC], ids=["static", "abac"])
def external_dns(account: LocalAWS, request: pytest.FixtureRequest) -> Controller:
    return Controller(account, request.param)


@pytest.fixture(scope="module")
def cert_manager(account: LocalAWS) -> Controller:
    return Controller(account, CERT_MANAGER)


def zone(aws: LocalAWS, name: str = "example.com") -> str:
    made = aws.client("route53").create_hosted_zone(Name=name, CallerReference=unique("zone"))
    return str(made["HostedZone"]["Id"].rpartition("/")[2])


def change(zone_id: str, name: str, kind: str = "A", value: str = "192.0.2.1", action: str = "UPSERT") -> Any:
    record = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    return {"HostedZoneId": zone_id, "ChangeBatch": batch}


def test_external_dns_keeps_records(external_dns: Controller) -> None:
    made = zone(external_dns.aws)
    route53 = external_dns.client("route53")
    assert made in [one["Id"].rpartition("/")[2] for one in route53.list_hosted_zones()["HostedZones"]]
    route53.list_tags_for_resources(ResourceType="hostedzone", ResourceIds=[made])
    route53.list_resource_record_sets(HostedZoneId=made)
    for action in ("CREATE", "UPSERT", "DELETE"):
        route53.change_resource_record_sets(**change(made, "shop.example.com", action=action))
        route53.change_resource_record_sets(**change(made, "cname-shop.example.com", "TXT", '"heritage"', action))
    assert not external_dns.is_allowed(Call("route53", "delete_hosted_zone", {"Id": made}))


def test_cert_manager_solves_a_challenge(cert_manager: Controller) -> None:
    made = zone(cert_manager.aws)
    route53 = cert_manager.client("route53")
    assert route53.list_hosted_zones_by_name(DNSName="example.com.")["HostedZones"]
    challenge = change(made, "_acme-challenge.example.com", "TXT", '"key"')
    status = route53.change_resource_record_sets(**challenge)["ChangeInfo"]
    route53.get_change(Id=status["Id"])
    route53.list_resource_record_sets(HostedZoneId=made)
    challenge["ChangeBatch"]["Changes"][0]["Action"] = "DELETE"
    route53.change_resource_record_sets(**challenge)


EXTERNAL_DNS_REFUSALS = [
    Refusal(
        (Operand("0", "ForAllValues:StringLike", f"{CHANGE}NormalizedRecordNames"),),
        lambda aws: Call(
            "route53", "change_resource_record_sets", change(zone(aws, "example.org"), "shop.example.org")
        ),
    ),
    Refusal(
        (Operand("0", "ForAllValues:StringLike", f"{CHANGE}RecordTypes"),),
        lambda aws: Call(
            "route53",
            "change_resource_record_sets",
            change(zone(aws), "shop.example.com", "SRV", "1 10 5269 example.com."),
        ),
    ),
]
CERT_MANAGER_REFUSALS = [
    Refusal(
        (Operand("1", "ForAllValues:StringEquals", f"{CHANGE}RecordTypes"),),
        lambda aws: Call("route53", "change_resource_record_sets", change(zone(aws), "shop.example.com")),
    ),
]
VACUOUS = Operand("0", "ForAllValues:StringLike", f"{CHANGE}Actions")
"""The condition names every action that Route 53 has: no valid call is refused by it."""


def test_every_condition_has_a_case() -> None:
    assert not list(operands(STATIC))
    assert covered(EXTERNAL_DNS_REFUSALS) == set(operands(ABAC)) - {VACUOUS}
    assert covered(CERT_MANAGER_REFUSALS) == set(operands(CERT_MANAGER))


@pytest.mark.parametrize("refusal", EXTERNAL_DNS_REFUSALS, ids=name_of)
def test_condition_of_external_dns(account: LocalAWS, refusal: Refusal) -> None:
    Controller(account, ABAC).check(refusal)


@pytest.mark.parametrize("refusal", CERT_MANAGER_REFUSALS, ids=name_of)
def test_condition_of_cert_manager(cert_manager: Controller, refusal: Refusal) -> None:
    cert_manager.check(refusal)
