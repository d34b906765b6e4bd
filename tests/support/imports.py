"""Print what each module below a directory imports, as JSON. Run as a program.

A process of its own, because CPython 3.11 sometimes fails to build a syntax tree while other threads run ("AST
constructor recursion depth mismatch").
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path


def imports_below(directory: Path) -> Mapping[str, Sequence[str]]:
    """Return the full names that each module imports, by the module's path below the directory."""
    command = [sys.executable, __file__, str(directory)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _imported_by(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{name.name}" for name in node.names)


if __name__ == "__main__":
    root = Path(sys.argv[1])
    print(json.dumps({path.relative_to(root).as_posix(): [*_imported_by(path)] for path in root.rglob("*.py")}))
