"""Calls of the local AWS and the facts about its accounts, as values: what the stations take without an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from podrole.account.organizations.state import Levels
from podrole.aws.global_keys import OrganizationPlace
from podrole.aws.interfaces import Bucket, Encryption, Resource, SecureParameter
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.catalogue import services
from podrole.aws.protocol.wire import HTTPRequest
from podrole.iam.actions.call import Call, LaunchVolumes
from podrole.iam.directory import PolicyText
from support.calls import REGION, Account

NOW = 1_769_860_800.0  # 2026-01-31T12:00:00Z


def request(**more: Any) -> HTTPRequest:
    return HTTPRequest("POST", "/", **{"query": "", "headers": [], "body": b"", "client": "192.0.2.7", **more})


def call_of(name: str, http: HTTPRequest | None = None, /, **given: Any) -> IdentifiedCall:
    """Return a call of ``service:Operation`` whose input has been read."""
    service, _, operation = name.partition(":")
    found = services()[service]
    return IdentifiedCall("id", http or request(), NOW, found, operation, found.protocol, REGION, input=given)


@dataclass
class FakeFacts(Account):
    """The state of the accounts. ``arns`` are those of resources by kind and name, ``encrypted`` is by ARN, with a
    version behind a blank, ``launches`` by image."""

    resources: Mapping[str, Resource] = field(default_factory=dict)
    within: list[PolicyText] = field(default_factory=list)
    buckets: Mapping[str, Bucket] = field(default_factory=dict)
    objects: frozenset[tuple[str, str]] = frozenset()
    scps: Mapping[str, Levels] = field(default_factory=dict)
    rcps: Mapping[str, Levels] = field(default_factory=dict)
    places: Mapping[str, OrganizationPlace] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    tags_asked: int = 0
    arns: Mapping[str, str] = field(default_factory=dict)
    encrypted: Mapping[str, Encryption] = field(default_factory=dict)
    secure: list[SecureParameter] = field(default_factory=list)
    template: Mapping[str, Any] | None = None
    launches: Mapping[str, LaunchVolumes] = field(default_factory=dict)

    def arn_of(self, call: Call, kind: str, name: str) -> str | None:
        assert isinstance(name, str)
        return self.arns.get(f"{kind} {name}")

    def tags_of(self, call: Call, arn: str) -> Mapping[str, str]:
        self.tags_asked += 1
        return self.tags.get(arn, {})

    def resource(self, arn: str) -> Resource:
        found = self.resources.get(arn) or self.resources.get(
            arn.partition("/")[0]
        )  # an object has its bucket's policy
        return found or Resource()

    def policies_within(self, arn: str) -> list[PolicyText]:
        return self.within

    def bucket(self, name: str) -> Bucket | None:
        assert isinstance(name, str)
        return self.buckets.get(name)

    def encryption(self, arn: str, version: str = "") -> Encryption:
        assert isinstance(arn, str)
        return self.encrypted.get(f"{arn} {version}".rstrip(), Encryption())

    def secure_parameters(self, account: str, region: str) -> list[SecureParameter]:
        return self.secure

    def launch_template(self, call: Call, named: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return self.template

    def launch_volumes(self, call: Call, image: str) -> LaunchVolumes:
        return self.launches.get(image, LaunchVolumes())

    def object_exists(self, bucket: str, key: str) -> bool:
        return (bucket, key) in self.objects

    def control_policies(self, account: str, kind: str) -> Levels | None:
        return (self.scps if kind == "scp" else self.rcps).get(account)

    def organization(self, account: str) -> OrganizationPlace | None:
        return self.places.get(account)

    def stack_templates(self, account: str, region: str, *, stack: str, change_set: str) -> list[str]:
        return []
