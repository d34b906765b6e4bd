"""``podrole explain CODE``: what a code of the doctor means, from the catalogue that docs/doctor.md is written from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from podrole.base.errors import PodroleError
from podrole.cli.style import Style, documentation_site, style
from podrole.cli.terminal import complain, say
from podrole.doctor.errors import BadTarget
from podrole.doctor.report.codes import CODES, Code

FAILED = 2
_CODE = re.compile(r"PR[0-9]+", re.IGNORECASE)


def are_codes(words: Sequence[str]) -> bool:
    """Return whether all words look like codes. No request id does: they begin with a hexadecimal digit."""
    return all(_CODE.fullmatch(word) for word in words)


def run(words: Sequence[str], *, as_json: bool) -> int:
    """Print the codes' texts. Returns 0, or 2 if there is no such code."""
    try:
        codes = [_known(code) for code in dict.fromkeys(word.upper() for word in words)]
        look = style(documentation_site())
    except PodroleError as fault:
        complain(fault.diagnostics())
        return FAILED
    if as_json:
        print(json.dumps([_to_dict(code) for code in codes], indent=2))
    else:
        say("\n\n".join("\n".join(_lines(code, look)) for code in codes))
    return 0


def _known(name: str) -> Code:
    if name in CODES:
        return CODES[name]
    alike = [code for code in CODES if code[2] == name[2]]
    raise BadTarget(
        f"{name} is not a code of podrole doctor.",
        expected=f"one of {', '.join(alike)}" if alike else f"a code from {min(CODES)} to {max(CODES)}",
    )


def _lines(code: Code, look: Style) -> Iterator[str]:
    yield f"{look.code(code.code, '1')} {code.title}"
    yield f"  link      {int(code.link)} {code.link.title}"
    yield f"  meaning   {code.meaning}"
    yield f"  found by  {code.found}"
    yield f"  repair    {code.repair}"
    if look.site is not None and not look.hyperlinks:
        yield f"  page      {look.site}/{code.page}"


def _to_dict(code: Code) -> dict[str, Any]:
    return {
        "code": code.code,
        "title": code.title,
        "link": int(code.link),
        "meaning": code.meaning,
        "foundBy": code.found,
        "repair": code.repair,
        "documentation": code.page,
    }
