"""What unblocks comes first; pods are created again at the end, and once."""

from __future__ import annotations

from podrole.doctor.remedies.changes import Annotate, Change, Remedy, Restart, SetTrustPolicy
from podrole.doctor.report.findings import About, Finding, Link, LinkVerdict, Severity, broken, holds
from podrole.doctor.report.order import in_order, with_restarts_last
from podrole.doctor.sources.cluster import Workload

WEB, JOBS = Workload("Deployment", "shop", "web"), Workload("Deployment", "shop", "jobs")
ANNOTATE = Annotate("ServiceAccount", "shop", "web", {"a": "b"})
TRUST = SetTrustPolicy("arn:aws:iam::111122223333:role/web", "{}")


def fault(code: str, *changes: Change, severity: Severity = Severity.FAULT) -> Finding:
    return Finding(code, "", About("Pod", "shop", "web"), Remedy("", changes), severity=severity)


def ordered(*verdicts: LinkVerdict) -> list[tuple[str, tuple[Change, ...]]]:
    changed = with_restarts_last(verdicts)
    found = in_order(one for verdict in changed for one in verdict.faults)
    return [(one.code, one.remedy.changes) for one in found]


def test_pods_are_created_again_after_the_last_repair() -> None:
    found = ordered(
        broken(Link.SERVICE_ACCOUNT, fault("PR103", ANNOTATE, Restart(WEB))),
        broken(Link.TRUST, fault("PR603", TRUST, Restart(WEB), Restart(JOBS))),
    )
    assert found == [("PR103", (ANNOTATE,)), ("PR603", (TRUST, Restart(WEB), Restart(JOBS)))]


def test_pod_that_only_has_to_be_created_again_comes_last() -> None:
    operations = ({"op": "remove", "path": "/spec/volumes/0"},)
    found = ordered(
        broken(Link.INJECTION, fault("PR208", Restart(WEB, operations))),
        broken(Link.TRUST, fault("PR603", TRUST, Restart(WEB))),
    )
    assert found == [("PR603", (TRUST,)), ("PR208", (Restart(WEB, operations),))]


def test_faults_with_one_remedy_keep_one_remedy() -> None:
    found = ordered(
        broken(Link.INJECTION, fault("PR207", Restart(WEB))),
        broken(Link.TRUST, fault("PR602", TRUST, Restart(WEB)), fault("PR603", TRUST, Restart(WEB))),
    )
    assert found == [("PR602", (TRUST,)), ("PR603", (TRUST,)), ("PR207", (Restart(WEB),))]


def test_single_fault_and_risks_keep_their_remedies() -> None:
    risk = fault("PR651", TRUST, Restart(JOBS), severity=Severity.RISK)
    only = broken(Link.SERVICE_ACCOUNT, fault("PR103", ANNOTATE, Restart(WEB)))
    assert ordered(only, holds(Link.TRUST, "", risk)) == [("PR103", (ANNOTATE, Restart(WEB)))]
    assert with_restarts_last((only, holds(Link.TRUST, "", risk)))[1].findings == (risk,)
