"""The last lines of a diagnosis: what to do next."""

from __future__ import annotations

import pytest

from podrole.cli.diagnosis import tree
from podrole.cli.style import Style
from podrole.doctor.chain import Diagnosis
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.report.findings import Link, LinkVerdict, holds, unknown
from podrole.doctor.sources.missing import MissingAccount, MissingCluster
from podrole.doctor.sources.sources import Sources
from podrole.doctor.unknown import UnknownFact

SOURCES = Sources(MissingCluster(UnknownFact("there is none")), MissingAccount(UnknownFact("there is none")))


@pytest.mark.parametrize(
    ("verdicts", "says"),
    [
        ((holds(Link.ISSUER, "it is good"), unknown(Link.TRUST, "it is unknown")), "; every other link holds"),
        ((unknown(Link.ISSUER, "it is unknown"), unknown(Link.TRUST, "it is unknown")), " could not be checked"),
    ],
)
def test_other_links_hold_only_if_one_was_checked(verdicts: tuple[LinkVerdict, ...], says: str) -> None:
    diagnosis = Diagnosis(DoctorTarget("shop", "web"), "web", None, verdicts)
    (line,) = [line for line in tree(diagnosis, SOURCES, Style()).splitlines() if line.startswith("do this next:")]
    assert line.endswith(says)
