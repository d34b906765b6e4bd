"""Link 3: nothing in the container takes precedence over the identity that was injected.

Each SDK looks for credentials in its own order
(https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html). In all of them static keys in
the environment take precedence over the web identity token; in some a profile or a credentials file does too.
"""

from __future__ import annotations

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.containers import containers_of
from podrole.doctor.links.container.environment import check_environment
from podrole.doctor.links.container.files import check_files, check_token_file
from podrole.doctor.report.findings import Finding, Link, LinkVerdict, unknown, verdict_from
from podrole.doctor.unknown import UnknownFact

LINK = Link.CONTAINER


def check(facts: ChainFacts) -> LinkVerdict | None:
    """Check that an SDK in the pods' containers would use the identity; None if there is no pod."""
    identity = facts.identity
    if identity is None:
        return unknown(LINK, "The service account is not bound to a role.")
    if isinstance(facts.pods, UnknownFact):
        return unknown(LINK, f"The pods could not be read: {facts.pods.what}")
    if not facts.pods:
        return None
    findings: list[Finding] = []
    unread: list[str] = []
    for pod in facts.pods:
        unread += [why.what for why in pod.references.values() if isinstance(why, UnknownFact)]
        for container in containers_of(pod):
            of_container = (*check_environment(facts, identity, container), *check_files(container))
            findings += [finding for finding in of_container if finding not in findings]
        findings += [finding for finding in check_token_file(facts, identity, pod) if finding not in findings]
    names = ", ".join(pod.name for pod in facts.pods[:3])
    verdict = verdict_from(LINK, f"nothing in {names} takes precedence over the identity", findings)
    if unread and not verdict.faults:
        return unknown(LINK, f"Part of the environment could not be read: {unread[0]}", *findings)
    return verdict
