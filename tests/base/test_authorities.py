"""The bundle of authorities: the world's own, the system's, and those of further files, each once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from cryptography import x509

from podrole.base.authorities import bundle
from podrole.base.certificates import Authority

OWN, OTHER, SYSTEM = (
    Authority.create(name, now=time.time()).certificate_pem for name in ("the world", "other", "system")
)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the system's authorities."""
    path = tmp_path / "system.pem"
    path.write_bytes(b"# the system's\n" + SYSTEM.rstrip())
    monkeypatch.setattr("ssl.get_default_verify_paths", lambda: type("Paths", (), {"cafile": str(path)}))
    return path


def names(content: bytes) -> list[str]:
    found = x509.load_pem_x509_certificates(content)
    return [one.subject.rfc4514_string().removeprefix("CN=") for one in found]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b""])
def test_further_files_follow_the_systems(tmp_path: Path, system: Path, newline: bytes) -> None:
    further = tmp_path / "further.pem"
    further.write_bytes(OTHER.rstrip().replace(b"\n", newline or b"\n") + newline)
    found = names(b"".join(bundle(OWN, [str(further), str(further), str(system)])))
    assert found == names(OWN) + names(SYSTEM) + names(OTHER)


def test_files_without_a_certificate_and_those_with_the_worlds_own_are_left_out(tmp_path: Path, system: Path) -> None:
    empty, earlier = tmp_path / "empty.pem", tmp_path / "earlier.pem"
    empty.write_text("no certificate\n")
    earlier.write_bytes(OTHER + OWN)
    given = [str(empty), str(earlier), str(tmp_path / "missing.pem"), ""]
    assert names(b"".join(bundle(OWN, given))) == names(OWN) + names(SYSTEM)
