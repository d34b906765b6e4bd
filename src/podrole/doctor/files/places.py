"""The file and the line of each finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from podrole.doctor.files.edits import edits_of
from podrole.doctor.files.findings import FileFinding
from podrole.doctor.files.reading import ReadFiles
from podrole.doctor.report.findings import About, Finding
from podrole.doctor.sources.items import Origin


def located(findings: Iterable[Finding], files: ReadFiles) -> Iterator[FileFinding]:
    """Yield each finding with the file and the line that it is about."""
    for finding in findings:
        origin, path = _place(finding.about, files)
        line = origin.line(*path)
        yield FileFinding(finding, origin.document.path, line, edits_of(finding.remedy.changes, _origins(files)))


def _place(about: About, files: ReadFiles) -> tuple[Origin, tuple[str | int, ...]]:
    if about.kind == "Role":
        role = files.account.role_file(about.name)
        if role is not None and role.trust is not None:
            return role.trust.origin, about.path if role.trust.inside else ()
    if about.kind == "Provider":
        provider = next(
            (candidate for candidate in files.account.providers if about.name.endswith(candidate.issuer[8:])), None
        )
        if provider is not None:
            return provider.origin, ()
    origin = files.manifests.origins.get((about.kind, about.namespace, about.name))
    if origin is not None:
        return origin, tuple(int(step) if isinstance(step, str) and step.isdigit() else step for step in about.path)
    naming = files.manifests.origin_of_user(about.namespace, about.name)
    if naming is not None:
        return naming, ()
    anything = next(iter(files.manifests.origins.values()), None) or files.account.listed[0].origin
    return anything, ()


def _origins(files: ReadFiles) -> dict[tuple[str, str, str], Origin]:
    """Return where each object that an edit may change was written."""
    roles = {
        ("Role", "", role.name): role.trust.origin
        for role in files.account.listed
        if role.trust is not None and role.trust.inside and role.name
    }
    written = {key: origin for key, origin in files.manifests.origins.items() if not origin.generated}
    return {**written, **roles}
