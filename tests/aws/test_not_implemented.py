"""What is not simulated says so in every protocol: the code NotImplemented, the status 501 and the operation."""

from __future__ import annotations

from typing import Any

import pytest

from support.aws import ACCOUNT, REGION, LocalAWS, refused

CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/c"
pytestmark = pytest.mark.services


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        pytest.param("lambda", "list_capacity_providers", {}, id="rest-json, no address"),
        pytest.param("backup", "list_legal_holds", {}, id="rest-json, no address either"),
        pytest.param("eks", "list_access_entries", {"clusterName": "c"}, id="rest-json, podrole's own"),
        pytest.param("cloudfront", "list_cache_policies", {}, id="rest-xml, no address"),
        pytest.param("rds", "describe_db_recommendations", {}, id="query, no code"),
        pytest.param("ec2", "describe_ipam_pools", {}, id="ec2, no code"),
        pytest.param("iam", "get_human_readable_summary", {"EntityArn": "a" * 20}, id="query, podrole's own"),
        pytest.param(
            "acm",
            "revoke_certificate",
            {"CertificateArn": CERTIFICATE, "RevocationReason": "SUPERSEDED"},
            id="json, no code",
        ),
        pytest.param("cloudwatch", "describe_anomaly_detectors", {}, id="smithy-rpc-v2-cbor, no code"),
    ],
)
def test_what_is_not_simulated_says_so(aws: LocalAWS, service: str, operation: str, arguments: dict[str, Any]) -> None:
    client = aws.client(service)
    code, status, told = refused(getattr(client, operation), **arguments)
    action = client.meta.method_to_api_mapping[operation]
    assert (code, status) == ("NotImplemented", 501)
    assert f":{action}" in told


def test_what_does_not_exist_has_the_error_of_the_service(aws: LocalAWS) -> None:
    code, status, _ = refused(aws.client("lambda").delete_function_concurrency, FunctionName="missing")
    assert (code, status) == ("ResourceNotFoundException", 404)
