"""Write the sections about codes in docs/doctor.md. Run it after a change of podrole/doctor/report/codes.py."""

from __future__ import annotations

import sys
from pathlib import Path

from podrole.doctor.report.codes import CODES
from podrole.doctor.report.findings import Link

PAGE = Path(__file__).parents[1] / "docs" / "doctor.md"
MARK = "## The codes\n"


def sections() -> str:
    """Return the sections of all codes, link by link."""
    parts: list[str] = []
    for link in Link:
        parts.append(f"\n### {int(link)}: {link.title}\n")
        of_link = (code for code in CODES.values() if code.link is link)
        parts += [
            f"\n#### {one.code}\n\n**{one.title}.** {one.meaning}\n\nFound by: {one.found}\n\nRepair: {one.repair}\n"
            for one in of_link
        ]
    return "".join(parts)


def written() -> str:
    """Return the whole page with its sections generated."""
    before, mark, _ = PAGE.read_text().partition(MARK)
    return f"{before}{mark}{sections()}"


if __name__ == "__main__":
    PAGE.write_text(written())
    sys.exit(0)
