"""Reading the files that ``podrole check`` is given, and what they name all together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from podrole.doctor.errors import BadFile
from podrole.doctor.sources.documents import FileDocument, find_files, read_documents
from podrole.doctor.sources.files import FilesAccount
from podrole.doctor.sources.items import Item, PassedOver, PolicyFile, ProviderFile, RoleFile
from podrole.doctor.sources.manifests import Manifests
from podrole.doctor.sources.policies import read_policies

ACCOUNT_OF_ARN = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):")
_MARKS = (b"AssumeRole", b"ServiceAccount", b"/role-arn", b"oidc-provider")


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """``namespace`` is used for manifests without one. ``account``, ``issuer`` and ``region`` are usually not in files;
    ``account`` and ``issuer`` are taken from the files if these name only one. ``parameters`` are those of a template.

    With ``hook`` the files are whatever changed: those that have nothing to do with identities are passed over.
    """

    namespace: str = ""
    account: str = ""
    issuer: str = ""
    region: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    hook: bool = False


@dataclass
class ReadFiles:
    """Everything that was read."""

    manifests: Manifests
    account: FilesAccount
    policies: list[PolicyFile]
    issuer: str
    unread: list[str]
    unknown: list[str]
    read: int
    used: set[str] = field(default_factory=set)


def read_files(paths: list[Path], options: CheckOptions) -> ReadFiles:
    """Read files and folders. Raises BadFile if one of the named paths does not exist."""
    documents: list[FileDocument] = []
    unread: list[str] = []
    for path in find_files(paths):
        try:
            documents += read_documents(path)
        except BadFile as fault:
            if options.hook and not _speaks_of_identities(path):
                continue
            unread.append(" ".join(filter(None, (fault.what, fault.next_step))))
    manifests = Manifests(documents, options.namespace)
    unread += manifests.notes
    annotations = list(manifests.annotations())
    account = options.account or only_value(
        match[1] for value in annotations for match in ACCOUNT_OF_ARN.finditer(value)
    )
    items: list[Item] = [
        item for document in documents for item in read_policies(document, account, options.region, options.parameters)
    ]
    roles = [item for item in items if isinstance(item, RoleFile)]
    providers = [item for item in items if isinstance(item, ProviderFile)]
    unknown = [
        f"{role.origin.document.path}:{role.origin.line()}: the trust policy of {role.name or 'a role'} is known only "
        "after deployment."
        for role in roles
        if role.trust is None
    ]
    unknown += [
        f"{item.origin.document.path}:{item.origin.line()}: {item.what} is not read."
        for item in items
        if isinstance(item, PassedOver)
    ]
    audiences = ("sts.amazonaws.com", *annotations)  # every audience that a pod may request
    files_account = FilesAccount(roles, providers, audiences, account)
    issuer = options.issuer or only_value(provider.issuer for provider in providers)
    policies = [item for item in items if isinstance(item, PolicyFile)]
    read = len(items) + len(manifests.origins)
    return ReadFiles(manifests, files_account, policies, issuer, unread, unknown, read)


def _speaks_of_identities(path: Path) -> bool:
    """Say whether a file that cannot be parsed may be about identities of pods."""
    try:
        text = path.read_bytes()
    except OSError:
        return True
    return any(mark in text for mark in _MARKS)


def only_value(values: Iterable[str]) -> str:
    """Return the only value; empty if there are none or several."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else ""
