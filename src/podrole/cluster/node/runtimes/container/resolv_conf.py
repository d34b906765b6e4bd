"""The resolv.conf of a pod, as the kubelet writes it. Pure.

https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from podrole.cluster.core.client import Object

PATH = "/etc/resolv.conf"
DOMAIN = "cluster.local"
_MOST_SERVERS, _MOST_SEARCHED = 3, 32  # the kubelet's limits
_OPTIONS = {"ndots": "5"}


@dataclass(frozen=True, slots=True)
class PodDNS:
    """``server`` answers for the cluster's names and passes other questions on, ``searched`` is this machine's own
    search list."""

    server: str
    searched: Sequence[str] = ()


def resolv_conf(pod: Object, dns: PodDNS) -> str:
    """Return the file of a pod, by its ``dnsPolicy`` and ``dnsConfig``. ``Default`` asks the same server, which passes
    on to those of this machine."""
    spec, namespace = pod["spec"], pod["metadata"]["namespace"]
    policy, config = spec.get("dnsPolicy") or "ClusterFirst", spec.get("dnsConfig") or {}
    servers, searched, options = [dns.server], list(dns.searched), dict[str, str]()
    if policy == "None":
        servers, searched = [], []
    elif policy != "Default":
        searched = [f"{namespace}.svc.{DOMAIN}", f"svc.{DOMAIN}", DOMAIN, *searched]
        options = dict(_OPTIONS)
    servers = list(dict.fromkeys([*servers, *(config.get("nameservers") or ())]))[:_MOST_SERVERS]
    searched = list(dict.fromkeys([*searched, *(config.get("searches") or ())]))[:_MOST_SEARCHED]
    options |= {each["name"]: each.get("value") or "" for each in config.get("options") or () if each.get("name")}
    lines = [f"search {' '.join(searched)}"] if searched else []
    lines += [f"nameserver {server}" for server in servers]
    if options:
        lines.append("options " + " ".join(f"{name}:{value}" if value else name for name, value in options.items()))
    return "".join(f"{line}\n" for line in lines)


def host_searched(text: str) -> tuple[str, ...]:
    """Return the search list of this machine's own resolv.conf, the last one that it names."""
    lists = [line.split()[1:] for line in text.splitlines() if line.split()[:1] in (["search"], ["domain"])]
    return tuple(each for each in (lists[-1] if lists else ()) if each != ".")
