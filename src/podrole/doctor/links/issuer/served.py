"""What the issuer's URL and server show beside the documents: the URL's form, the certificates, the content types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from podrole.doctor.links.issuer.check import about
from podrole.doctor.remedies.changes import ByHand, Remedy
from podrole.doctor.report.findings import Finding, Severity
from podrole.iam.provider_url import provider_url_fault

_JSON = ("application/json", "application/jwk-set+json")


def url_form(url: str) -> list[Finding]:
    """Return a finding if IAM takes no provider with this URL, or if the URL is easily written in two ways."""
    host = urlsplit(url).netloc
    fits = provider_url_fault(url) is None
    if fits and host == host.lower():
        return []
    what = "has upper-case letters in its host" if fits else "is not one that IAM takes for a provider"
    return [
        Finding(
            "PR409",
            f"The issuer's URL {what}.",
            about(url),
            Remedy("give the API server another issuer, first in the list, followed by the old one", (_FLAGS,)),
            expected="https://, a host name in lower case, no user name, query or fragment",
            got=repr(url),
            severity=Severity.RISK if fits else Severity.FAULT,
        )
    ]


_FLAGS = ByHand("podrole issuer flags prints the API server's configuration")


def certificates(url: str, chain: Sequence[bytes]) -> list[Finding]:
    """Return a finding if the served certificates (DER, in the server's order) are not a chain from the leaf up."""
    try:
        problems = _problems([x509.load_der_x509_certificate(certificate) for certificate in chain])
    except ValueError:  # OpenSSL reads more than RFC 5280 allows
        problems = ["a certificate cannot be read"]
    if not problems:
        return []
    return [
        Finding(
            "PR410",
            f"The issuer's server sends a wrong chain of certificates: {'; '.join(problems)}.",
            about(url),
            Remedy(
                "configure the server's certificate file",
                (ByHand("write the server's certificate first, then each certificate that signed the one before it"),),
            ),
            expected="each certificate is signed by the next one",
            got=", ".join(f"{place}. {name}" for place, name in enumerate(names_of(chain), 1)),
            severity=Severity.RISK,
        )
    ]


def names_of(chain: Sequence[bytes]) -> list[str]:
    """Return the subjects of certificates (DER)."""
    return [_name_of(certificate) for certificate in chain]


def content_types(url: str, types: Mapping[str, str | None]) -> list[Finding]:
    """Return a finding for each document (by its URL) that is not served as JSON."""
    return [
        Finding(
            "PR411",
            f"{where} is not served as JSON.",
            about(url),
            Remedy("set the Content-Type of the document", (ByHand("Content-Type: application/json"),)),
            expected="application/json",
            got=content_type or "no Content-Type",
            severity=Severity.RISK,
        )
        for where, content_type in types.items()
        if (content_type or "").partition(";")[0].strip().lower() not in _JSON
    ]


def _problems(served: list[x509.Certificate]) -> list[str]:
    """Follow the chain from the leaf, and say what is twice, what does not belong to it, and what is out of place."""
    unique = list(dict.fromkeys(served))
    twice = [certificate for certificate in unique if served.count(certificate) > 1]
    path = [unique[0]]
    others = unique[1:]
    while (above := next((certificate for certificate in others if _signed(path[-1], certificate)), None)) is not None:
        path.append(above)
        others.remove(above)
    problems = [f"{_name(certificate)} is there {served.count(certificate)} times" for certificate in twice]
    problems += [f"{_name(certificate)} does not belong to the chain of {_name(unique[0])}" for certificate in others]
    if path != [certificate for certificate in unique if certificate in path]:
        problems.append("the certificates are in the wrong order")
    return problems


def _signed(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _name_of(certificate_der: bytes) -> str:
    try:
        return _name(x509.load_der_x509_certificate(certificate_der))
    except ValueError:
        return "a certificate that cannot be read"


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or f"serial number {certificate.serial_number:x}"
