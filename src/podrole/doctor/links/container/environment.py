"""Link 3: variables of a container that take precedence over the identity, or send its calls elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from podrole.base.partitions import regions
from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.containers import ContainerFacts
from podrole.doctor.links.container.common import about, listed, present, sentence, unset
from podrole.doctor.remedies.changes import ByHand, Change, Remedy, SetEnvironment
from podrole.doctor.report.findings import Finding, Severity
from podrole.doctor.similarity import nearest
from podrole.webhook.identity.binding import Identity
from podrole.webhook.patch.injection_plan import CREDENTIALS, POD_IDENTITY, REGION, WEB_IDENTITY

STATIC = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
PROFILE = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
OTHER_CONTAINER_CREDENTIALS = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS")
METADATA_DISABLED = "AWS_EC2_METADATA_DISABLED"


def check_environment(facts: ChainFacts, identity: Identity, container: ContainerFacts) -> Iterator[Finding]:
    """Yield what is wrong with a container's environment."""
    yield from _static_keys(container)
    yield from _profile(container)
    yield from _other_credentials(identity, container)
    yield from _node_role(facts, identity, container)
    yield from _region(facts, container)
    yield from _endpoint(identity, container)


# PR301


def _static_keys(container: ContainerFacts) -> Iterator[Finding]:
    variables = present(container, STATIC)
    if any(variable.name != "AWS_SESSION_TOKEN" for variable in variables):
        yield Finding(
            "PR301",
            f"{sentence(container)} has static keys in its environment, and every SDK uses them first.",
            about(container, "env"),
            Remedy("remove the keys, and delete them in IAM if nothing else needs them", unset(container, variables)),
            expected="no " + ", ".join(STATIC),
            got=listed(variables),
        )


# PR302


def _profile(container: ContainerFacts) -> Iterator[Finding]:
    variables = present(container, PROFILE)
    if variables:
        yield Finding(
            "PR302",
            f"{sentence(container)} names a profile: some SDKs use the profile's credentials, others fail if there "
            "is no "
            "such profile.",
            about(container, "env"),
            Remedy("remove the variable", unset(container, variables)),
            expected="no " + " and no ".join(PROFILE),
            got=", ".join(
                f"{variable.name}={variable.value}" if variable.value else variable.name for variable in variables
            ),
        )


# PR303


def _other_credentials(identity: Identity, container: ContainerFacts) -> Iterator[Finding]:
    if identity.method == "sts_web_identity":
        variables = present(container, OTHER_CONTAINER_CREDENTIALS)
        if variables:
            yield Finding(
                "PR303",
                f"{sentence(container)} names a second source of credentials. Which of the two is used depends on the "
                "SDK.",
                about(container, "env"),
                Remedy("remove one of the two", unset(container, variables)),
                expected="no " + " and no ".join(OTHER_CONTAINER_CREDENTIALS),
                got=listed(variables),
                severity=Severity.RISK,
            )
        return
    variables = present(container, WEB_IDENTITY)
    if variables:
        yield Finding(
            "PR303",
            f"{sentence(container)} has its own web identity, which SDKs use before EKS Pod Identity.",
            about(container, "env"),
            Remedy("remove the web identity, so that the association is used", unset(container, variables)),
            expected=f"only {POD_IDENTITY[0]}",
            got=listed(variables),
        )


# PR304


def _node_role(facts: ChainFacts, identity: Identity, container: ContainerFacts) -> Iterator[Finding]:
    exists = bool(container.pod.manifest.get("metadata", {}).get("uid"))
    disabled = container.variables.get(METADATA_DISABLED)
    if not exists or METADATA_DISABLED in facts.environment.node_environment:
        return
    if disabled is not None and (disabled.value or "").lower() == "true":
        return
    if any(name in container.variables for name in (*CREDENTIALS[identity.method], *STATIC)):
        return
    change = SetEnvironment(container.pod.workload, container.name, {METADATA_DISABLED: "true"})
    yield Finding(
        "PR304",
        f"{sentence(container)} has no identity, so an SDK in it uses the node's role if it can reach the instance "
        "metadata.",
        about(container, "env"),
        Remedy("prevent the container from using the node's role", (change,)),
        expected=f"{METADATA_DISABLED}=true, or an identity",
        got="neither",
        severity=Severity.RISK,
    )


# PR305, PR306


def _region(facts: ChainFacts, container: ContainerFacts) -> Iterator[Finding]:
    for variable in present(container, REGION):
        region = variable.value
        if not region or "$(" in region:
            continue
        known = regions()
        arn = facts.binding.role_arn or ""
        of_role = arn.split(":", 2)[1] if arn else ""
        partition = known.get(region)
        if partition is None:
            meant = nearest(region, known)
            got, expected = repr(region), f"a region of AWS ({meant}?)" if meant else "a region of AWS"
            what = f"{sentence(container)} names a region that does not exist."
        elif of_role and partition != of_role:
            meant = None
            got, expected = (
                f"{region}, of partition {partition}",
                f"a region of partition {of_role}, the role's partition",
            )
            what = f"{sentence(container)} names a region of another partition than its role."
        else:
            continue
        right = meant or facts.settings.aws_default_region or facts.environment.region
        usable = right if right in known and known[right] == (of_role or known[right]) else None
        change: Change = ByHand(f"set {variable.name} to the region that the pod uses")
        if usable:
            change = SetEnvironment(container.pod.workload, container.name, {variable.name: usable})
        yield Finding(
            "PR305",
            what,
            about(container, "env"),
            Remedy("set the correct region", (change,)),
            expected=expected,
            got=got,
        )


def _endpoint(identity: Identity, container: ContainerFacts) -> Iterator[Finding]:
    led_away = [variable for variable in present(container, ENDPOINTS) if not _leads_to_sts(variable.value, identity)]
    if led_away:
        yield Finding(
            "PR306",
            f"{sentence(container)} sends its calls to STS to another endpoint than AWS's.",
            about(container, "env"),
            Remedy("remove the variable, unless this endpoint is intended", unset(container, led_away)),
            expected=identity.endpoint_url or "no " + " and no ".join(ENDPOINTS),
            got=", ".join(
                f"{variable.name}={variable.value}" if variable.value else variable.name for variable in led_away
            ),
        )


def _leads_to_sts(url: str | None, identity: Identity) -> bool:
    if not url or url == identity.endpoint_url:
        return True
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:  # not a URL
        return False
    of_region = _STS.fullmatch(host)
    return host.endswith(".vpce.amazonaws.com") or (
        of_region is not None and (of_region["region"] is None or of_region["region"] in regions())
    )


_STS = re.compile(r"sts(?:-fips)?\.(?:(?P<region>[a-z0-9-]+)\.)?amazonaws\.com(?:\.cn)?")
