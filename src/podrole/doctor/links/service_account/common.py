"""What the checks of a service account share: its name, places in it, and its role annotation."""

from __future__ import annotations

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.remedies.changes import Annotate
from podrole.doctor.report.findings import About

KIND = "ServiceAccount"


def name_of(target: DoctorTarget) -> str:
    return f"service account {target.namespace}/{target.service_account}"


def about(facts: ChainFacts, *path: str) -> About:
    return About(KIND, facts.target.namespace, facts.target.service_account, path)


def annotated(facts: ChainFacts, value: str, **others: str | None) -> Annotate:
    annotations = {facts.rules.role_annotation: value, **others}
    return Annotate(KIND, facts.target.namespace, facts.target.service_account, annotations)
