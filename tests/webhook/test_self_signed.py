"""The webhook's own certificates, through years of clock time."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import PolicyBuilder, Store

from podrole.webhook.tls.self_signed import (
    AUTHORITY_DAYS,
    REPLACE_AUTHORITY_DAYS,
    SPREAD_SECONDS,
    Material,
    first_material,
    next_material,
    read_material,
    service_names,
)

NOW = 1_700_000_000.0
DAY = 86_400.0
NAMES = service_names("hook", "system")


def verifies(certificate: bytes, bundle: bytes, at: float, name: str = NAMES[0]) -> bool:
    """Whether an API server that trusts ``bundle`` takes the certificate."""
    store = Store(x509.load_pem_x509_certificates(bundle))
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
    verifier = PolicyBuilder().store(store).time(moment).build_server_verifier(x509.DNSName(name))
    try:
        verifier.verify(x509.load_pem_x509_certificate(certificate), [])
    except x509.verification.VerificationError:
        return False
    return True


def settled(material: Material, now: float, names: Sequence[str] = NAMES) -> Material:
    """The material after every step that is due at this moment."""
    while (following := next_material(material, names, now)) is not None:
        material = following
    return material


def test_the_first_material_is_trusted_by_all_names_of_the_service() -> None:
    material = first_material(NAMES, NOW)
    assert NAMES == ["hook.system.svc", "hook.system", "hook", "hook.system.svc.cluster.local"]
    for name in NAMES:
        assert verifies(material.certificate, material.bundle, NOW, name)
    assert next_material(material, NAMES, NOW) is None


def test_material_survives_the_secret() -> None:
    material = first_material(NAMES, NOW)
    assert read_material(material.data()) == material


def test_a_certificate_is_renewed_a_month_before_it_ends_under_the_same_authority() -> None:
    material = first_material(NAMES, NOW)
    assert next_material(material, NAMES, NOW + 59 * DAY) is None
    renewed = next_material(material, NAMES, NOW + 61 * DAY)
    assert renewed is not None
    assert renewed.bundle == material.bundle
    assert verifies(renewed.certificate, material.bundle, NOW + 149 * DAY)


def test_other_names_need_another_certificate() -> None:
    renewed = next_material(first_material(NAMES, NOW), service_names("hook", "elsewhere"), NOW)
    assert renewed is not None
    assert verifies(renewed.certificate, renewed.bundle, NOW, "hook.elsewhere.svc")


def test_an_authority_is_succeeded_without_a_moment_of_distrust() -> None:
    start = NOW + (AUTHORITY_DAYS - REPLACE_AUTHORITY_DAYS + 1) * DAY
    before = settled(first_material(NAMES, NOW), start - 2 * DAY)

    both = settled(before, start)
    assert both.certificate == before.certificate  # as long as not everybody knows the successor
    assert len(x509.load_pem_x509_certificates(both.bundle)) == 2
    assert verifies(both.certificate, before.bundle, start)
    assert verifies(both.certificate, both.bundle, start)

    after = settled(both, start + SPREAD_SECONDS + 1)
    assert after.certificate != both.certificate
    assert verifies(after.certificate, both.bundle, start)
    successor = x509.load_pem_x509_certificates(after.bundle)[0].public_bytes(Encoding.PEM)
    assert verifies(after.certificate, successor, start)

    old_end = NOW + (AUTHORITY_DAYS + 1) * DAY
    alone = settled(after, old_end)
    assert len(x509.load_pem_x509_certificates(alone.bundle)) == 1
    assert verifies(alone.certificate, alone.bundle, old_end)


def test_thirty_years_pass_month_by_month() -> None:
    material, now = first_material(NAMES, NOW), NOW
    for _ in range(12 * 30):
        now += 30.4 * DAY
        previous = material
        while (following := next_material(material, NAMES, now)) is not None:
            # Who knows only the bundle before a step, or only the one after it, trusts what is served on either side.
            assert verifies(material.certificate, following.bundle, now)
            assert verifies(following.certificate, material.bundle, now)
            material, now = following, now + SPREAD_SECONDS + 1
        assert verifies(previous.certificate, material.bundle, now)


def test_an_expired_authority_is_replaced() -> None:
    late = NOW + (AUTHORITY_DAYS + 1) * DAY
    material = next_material(first_material(NAMES, NOW), NAMES, late)
    assert material is not None
    assert verifies(material.certificate, material.bundle, late)


GOOD = first_material(NAMES, NOW).data()
OTHER = first_material(NAMES, NOW).data()


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {**GOOD, "ca.crt": ""},
        {**GOOD, "ca.crt": "!"},
        {**GOOD, "tls.key": base64.b64encode(b"no key").decode()},
        {**GOOD, "tls.key": OTHER["tls.key"]},
        {**GOOD, "ca.key": OTHER["ca.key"]},
        {key: value for key, value in GOOD.items() if key != "tls.crt"},
        {**GOOD, "tls.crt": None},
    ],
)
def test_a_secret_that_cannot_be_used(data: dict[str, str] | None) -> None:
    assert read_material(data) is None
