"""Build what is published: the source distribution, the wheel, and an SBOM; and check them.

Usage: python scripts/dist.py [DIRECTORY]          (dist by default)

Builds the last commit twice, in two folders with another name and another umask, and compares the files byte by byte.
The time in them is that of the commit (SOURCE_DATE_EPOCH). Then it checks that no file names a folder of this machine,
runs ``twine check``, and writes the SBOM (CycloneDX) of an environment of the wheel and its locked dependencies. The
tools get an environment of their own, which is removed.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("twine>=6", "cyclonedx-bom>=7")


class DistProblem(Exception):
    """What was built is not what may be published."""


def commit_time() -> str:
    """Return the time of the last commit, epoch seconds."""
    return _output("git", "log", "-1", "--format=%ct")


def build(target: Path, umask: int) -> list[Path]:
    """Build the last commit in a folder of its own; return the files, sdist and wheel."""
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix=f"podrole-build-{umask:o}-") as place:
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", place], input=archive, check=True, umask=umask)
        environment = {**os.environ, "SOURCE_DATE_EPOCH": commit_time()}
        command = [sys.executable, "-m", "hatchling", "build", "-d", str(target)]
        subprocess.run(command, cwd=place, env=environment, check=True, umask=umask, stdout=subprocess.DEVNULL)
        found = sorted(target.iterdir())
        for path in found:
            check_content(path, place)
    return found


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of a wheel's or a source distribution's files."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            yield from ((name, wheel.read(name)) for name in wheel.namelist())
        return
    with tarfile.open(path) as source:
        for member in source.getmembers():
            file = source.extractfile(member)
            yield member.name, b"" if file is None else file.read()


def check_content(path: Path, place: str) -> None:
    """Raise DistProblem if a file names a folder of this machine."""
    foreign = [str(ROOT).encode(), place.encode(), str(Path.home()).encode() + b"/"]
    for name, content in contents(path):
        for one in foreign:
            if len(one) > 3 and one in content:
                raise DistProblem(f"{path.name}: {name} names {one.decode()}")


def compare(first: list[Path], second: list[Path]) -> None:
    """Raise DistProblem unless both builds have the same files, byte by byte."""
    if [path.name for path in first] != [path.name for path in second]:
        raise DistProblem(f"two builds made different files: {first}, {second}")
    for one, other in zip(first, second, strict=True):
        if one.read_bytes() != other.read_bytes():
            raise DistProblem(f"two builds of {one.name} differ")


def environment(path: Path) -> Path:
    """Make a virtual environment; return its Python."""
    venv.create(path, with_pip=True, symlinks=True, clear=True)
    return path / "bin" / "python"


def pip(python: Path, *words: str) -> None:
    """Run pip in an environment."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DistProblem(f"pip {' '.join(words[:3])}: {done.stderr.strip()[-400:]}")


def write_sbom(target: Path, wheel: Path, tools: Path, work: Path) -> Path:
    """Write the SBOM of the wheel with all that its extra demo brings, as locked; return it."""
    python = environment(work / "sbom")
    pip(python, "install", "-q", "--require-hashes", "-r", "requirements/demo.txt")
    pip(python, "install", "-q", "--no-deps", str(wheel))
    pip(python, "uninstall", "-q", "-y", "setuptools")
    file = target / f"{wheel.name.partition('-py3')[0]}.cdx.json"
    command = [str(tools.parent / "cyclonedx-py"), "environment", str(python), "--pyproject", "pyproject.toml"]
    command += ["--output-reproducible", "--of", "JSON", "-o", str(file)]
    subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    text = file.read_text()
    for one in (str(work), str(ROOT)):
        text = text.replace(f"file://{one}", "file:").replace(one, ".")
    file.write_text(text)
    return file


def main(arguments: list[str]) -> int:
    target = Path(arguments[0] if arguments else ROOT / "dist").absolute()
    if target.exists() and any(target.iterdir()):
        print(f"{target} is not empty: remove what an earlier build has left", file=sys.stderr)
        return 2
    if _output("git", "status", "--porcelain", "--untracked-files=no"):
        print("note: what is not committed is not in the build", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="podrole-dist-") as folder:
        work = Path(folder)
        try:
            first = build(work / "first", 0o022)
            compare(first, build(work / "second", 0o077))
            target.mkdir(parents=True, exist_ok=True)
            for path in first:
                (target / path.name).write_bytes(path.read_bytes())
            tools = environment(work / "tools")
            pip(tools, "install", "-q", *TOOLS)
            built = sorted(target.iterdir())
            subprocess.run([str(tools), "-m", "twine", "check", "--strict", *map(str, built)], check=True)
            wheel = next(path for path in built if path.suffix == ".whl")
            sbom = write_sbom(target, wheel, tools, work)
        except (DistProblem, subprocess.CalledProcessError) as problem:
            print(f"not fit to be published: {problem}", file=sys.stderr)
            return 1
    for path in (*built, sbom):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{digest}  {path.name}  {path.stat().st_size:,} bytes")
    print("Two builds gave the same files.")
    return 0


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
