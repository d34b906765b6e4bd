"""Make the virtual environment of a checkout from its lock files, once.

Usage: python3 scripts/bootstrap.py demo|dev|docs

Creates .venv (for docs .venv-docs: Sphinx and awscli need different versions of docutils), installs
requirements/<set>.txt with every hash checked, then the checkout itself. A stamp there holds the hash of what was
installed, so a second run installs nothing. Needs nothing but the standard library.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / (".venv-docs" if sys.argv[1:] == ["docs"] else ".venv")
PYTHON = VENV / "bin" / "python"
SETS = {"demo": ["demo.txt"], "dev": ["dev.txt"], "docs": ["docs.txt"]}
# What holds the packages of a smaller set: a .venv made for dev serves the demo as it is.
COVERED_BY: dict[str, list[str]] = {"demo": ["dev"], "dev": [], "docs": []}


def main(argv: list[str]) -> int:
    if len(argv) != 1 or argv[0] not in SETS:
        print(__doc__, file=sys.stderr)
        return 2
    wanted = argv[0]
    if any(is_installed(name) for name in [wanted, *COVERED_BY[wanted]]):
        return 0
    if not sys.version_info[:2] >= (3, 11):
        print(
            f"podrole needs Python 3.11 or newer, and this is {sys.version.split()[0]}: make PYTHON=python3.11 …",
            file=sys.stderr,
        )
        return 1
    pip = make_environment()
    if pip is None:
        print(
            "This Python can make no virtual environment: neither ensurepip nor pip is there.\n"
            "On Debian: apt-get install python3-venv",
            file=sys.stderr,
        )
        return 1
    print(f"Installing the locked dependencies ({wanted}) into {VENV.name} …", flush=True)
    for name in SETS[wanted]:
        subprocess.run([*pip, "install", "-q", "--require-hashes", "-r", f"requirements/{name}"], cwd=ROOT, check=True)
    subprocess.run([*pip, "install", "-q", "--no-deps", "--no-build-isolation", "-e", "."], cwd=ROOT, check=True)
    repair_first_lines(VENV / "bin", PYTHON)
    if wanted == "dev":  # the tests drive this kubectl and this helm, whatever is on PATH
        print("Fetching kubectl and helm …", flush=True)
        fetch = "from podrole.cli.tools import fetch_kubectl; fetch_kubectl()"
        subprocess.run([str(PYTHON), "-c", fetch], cwd=ROOT, check=True)
    stamp(wanted).write_text(fingerprint(wanted))
    return 0


def make_environment() -> list[str] | None:
    """Create .venv and return the pip command that installs into it; None where this Python brings no pip."""
    common = ["--disable-pip-version-check"]
    if (VENV / "bin" / "pip").exists():
        return [str(PYTHON), "-m", "pip", *common]
    if importlib.util.find_spec("ensurepip"):
        print(f"Creating {VENV.name} …", flush=True)
        venv.create(VENV, with_pip=True, symlinks=True)
        return [str(PYTHON), "-m", "pip", *common]
    if importlib.util.find_spec("pip"):
        venv.create(VENV, with_pip=False, symlinks=True)
        return [sys.executable, "-m", "pip", "--python", str(PYTHON), *common]
    return None


def repair_first_lines(directory: Path, python: Path) -> None:
    """Let scripts start whose ``#!`` line has a space in the path of ``python``.

    The kernel ends the interpreter's name at the first space. pip avoids that for entry points, but not for a package's
    own scripts such as ``aws`` (https://github.com/pypa/pip/issues/13389). This writes what pip writes for those.
    """
    broken = f"#!{python}\n".encode()
    if " " not in str(python):
        return
    for path in directory.iterdir():
        if path.is_file() and not path.is_symlink() and (content := path.read_bytes()).startswith(broken):
            through_sh = f"""#!/bin/sh\n'''exec' "{python}" "$0" "$@"\n' '''\n""".encode()
            path.write_bytes(through_sh + content.removeprefix(broken))


def is_installed(name: str) -> bool:
    return stamp(name).is_file() and stamp(name).read_text() == fingerprint(name)


def stamp(name: str) -> Path:
    return VENV / f".installed-{name}"


def fingerprint(name: str) -> str:
    """Everything an install depends on: the lock files, the project's metadata, the Python that runs it."""
    digest = hashlib.sha256(sys.version.encode())
    for path in [*(ROOT / "requirements" / file for file in SETS[name]), ROOT / "pyproject.toml"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as failed:
        print(f"pip ended with exit code {failed.returncode}: see its message above", file=sys.stderr)
        raise SystemExit(1) from None
