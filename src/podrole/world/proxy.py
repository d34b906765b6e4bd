"""The proxy that answers for AWS's own names: its rules, and the variables that lead programs to it."""

from __future__ import annotations

import json
import os.path
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from podrole.base.partitions import ENDPOINT_DOMAINS, MADE_UP_DOMAIN, endpoint_domain
from podrole.base.proxy import Rules, Upstream
from podrole.base.serving import LOOPBACK

EARLIER = "PODROLE_EARLIER"
"""The variable in which ``podrole env`` keeps the values that it replaces, as a JSON object."""

OWN_NAMES = (LOOPBACK, "localhost", "::1")
"""The names of the local AWS beside AWS's own."""

PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
EXCEPTIONS = ("NO_PROXY", "no_proxy")
PREFIXES = {
    "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    "AWS_ENDPOINT_URL_S3_CONTROL": f"https://s3-control.{MADE_UP_DOMAIN}",
}
"""SDKs put an account or a word before the host of some calls; before an IP address that makes a name of nothing. S3
Control does it whatever is set, so its endpoint is a name that exists for the proxy only."""

ENGINE = ("DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR")
CREDENTIALS = (".aws", ".kube")
"""Where AWS's tools and kubectl keep credentials in a home directory."""
CREDENTIAL_FILES = ("KUBECONFIG", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE")
BUNDLES = ("AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a world takes from where it is started: the proxy that leads to other hosts, and the files with authorities
    that its clients trust beside those of the system."""

    upstream: Upstream | None = None
    authorities: tuple[str, ...] = ()
    engine: Mapping[str, str] = field(default_factory=dict)
    """The variables that say where a container engine listens."""
    credentials: tuple[str, ...] = ()
    """The files and directories in which the person's tools keep credentials, which pods are not to see."""


def surroundings(environment: Mapping[str, str]) -> Surroundings:
    """Return the surroundings that an environment describes. Raises ValueError for a proxy that is not an HTTP proxy.

    In a shell that uses a world, it is the environment from before: the proxy of a world is not its own upstream.
    """
    earlier: Mapping[str, str] = earlier_values(environment) if EARLIER in environment else environment
    url = earlier.get("https_proxy") or earlier.get("HTTPS_PROXY") or ""
    exceptions = earlier.get("no_proxy") or earlier.get("NO_PROXY") or ""
    bundles = tuple(path for name in BUNDLES if (path := earlier.get(name)))
    engine = {name: environment[name] for name in ENGINE if name in environment}
    upstream = Upstream.of(url, exceptions) if url else None
    return Surroundings(upstream, bundles, engine, credential_files({**environment, **earlier}))


def credential_files(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the files and directories in which a person with this environment keeps credentials."""
    home = environment.get("HOME")
    usual = [f"{home}/{name}" for name in CREDENTIALS] if home else []
    named = [path for name in CREDENTIAL_FILES for path in environment.get(name, "").split(":") if path]
    return tuple(dict.fromkeys(os.path.realpath(path) for path in [*usual, *named]))


def earlier_values(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the values that ``podrole env`` has replaced in an environment; of variables that were set."""
    try:
        values: Any = json.loads(environment.get(EARLIER, "{}"))
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in values.items()} if isinstance(values, dict) else {}


def is_aws_name(host: str) -> bool:
    """Say whether a host name is one of AWS's endpoints."""
    return endpoint_domain(host) is not None


def rules(
    own_port: int, issuer_places: Mapping[str, tuple[str, int]], *, internet: bool, upstream: Upstream | None
) -> Rules:
    """Return the proxy's rules: the local AWS answers for all of AWS's names but the issuers', which have places of
    their own. The proxy is not its own upstream, as it may be in a shell that has used a world on this port."""
    if upstream is not None and upstream.host in OWN_NAMES and upstream.port == own_port:
        upstream = None
    return Rules(is_aws_name, issuer_places, internet=internet, upstream=upstream)


def proxy_variables(proxy: str, bundle: str, exceptions: str = "") -> dict[str, str]:
    """Return the variables that lead programs to the proxy and let them trust it.

    ``exceptions`` are the hosts that are to be reached without a proxy, as in ``NO_PROXY``; those that would let calls
    to AWS past this proxy are left out. Programs read either spelling, some of them only one.
    """
    kept = [each for each in re.split(r"[,\s]+", exceptions) if each and not _exempts_aws(each)]
    not_proxied = ",".join(dict.fromkeys([*OWN_NAMES, *kept]))
    return {
        **PREFIXES,
        **dict.fromkeys(PROXIES, proxy),
        **dict.fromkeys(EXCEPTIONS, not_proxied),
        **dict.fromkeys(BUNDLES, bundle),
    }


def _exempts_aws(entry: str) -> bool:
    name = entry.lower().partition(":")[0].lstrip("*").strip(".")
    # Some programs, Python's requests among them, compare the end of a name, not whole labels.
    return not name or "*" in name or is_aws_name(name) or any(domain.endswith(name) for domain in ENDPOINT_DOMAINS)
