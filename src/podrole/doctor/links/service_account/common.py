"""What the checks of a service account share: its name, places in it, and its role annotation."""

from __future__ import annotations

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.remedies.changes import Annotate
from podrole.doctor.report.findings import About

KIND = "ServiceAccount"


def name_of(target: DoctorTarget) -> str:
    """Return the name of a service account, as findings show it."""
    return f"service account {target.namespace}/{target.service_account}"


def about(facts: ChainFacts, *path: str) -> About:
    """Return a place in the service account."""
    return About(KIND, facts.target.namespace, facts.target.service_account, path)


def annotated(facts: ChainFacts, value: str, **others: str | None) -> Annotate:
    """Return the change that sets the role annotation to ``value``, and other annotations."""
    annotations = {facts.rules.role_annotation: value, **others}
    return Annotate(KIND, facts.target.namespace, facts.target.service_account, annotations)
