"""A finding in a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from podrole.doctor.files.edits import Edit
from podrole.doctor.report.findings import Finding


@dataclass(frozen=True, slots=True)
class FileFinding:
    """A finding with its place in a file, and the edits of that file that repair it."""

    finding: Finding
    path: Path
    line: int
    edits: tuple[Edit, ...] = ()
