"""An image with Python and the aws CLI, made of this machine's own files: nothing is pulled, no registry is needed.

It has the interpreter that runs the tests with its standard library and shared libraries, the installed awscli with
what it depends on, and busybox. It has the descriptions of a few of AWS's services only.
"""

from __future__ import annotations

import importlib.metadata
import io
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from podrole.cluster.node.runtimes.container.engine import Engine

NAME = "amazon/aws-cli"
SERVICES = frozenset(("ec2", "sdb", "sts"))
"""Those that the walkthrough calls from pods, and sdb, which the CLI reads at each start. Of the others the image has
the names, without which the CLI does not start."""
ROOT = "opt/python"
LIBRARY = f"{ROOT}/lib/python{sys.version_info.major}.{sys.version_info.minor}"
_LEFT_OUT = frozenset(
    ("test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "site-packages", "examples", "topics")
)
_LEFT_OUT_FILES = re.compile(r"_tkinter\.|\.opt-\d\.pyc$")
_DATA = re.compile(r"botocore/data/([^/]+)/")
_LIBRARY_LINE = re.compile(r"(?:=> )?(/\S+) \(0x")
CHANGES = (
    'ENTRYPOINT ["/usr/local/bin/aws"]',
    f"ENV PATH=/usr/local/bin:/{ROOT}/bin:/bin",
    f"ENV LD_LIBRARY_PATH=/{ROOT}/lib",
    "WORKDIR /aws",
)


async def make_aws_cli_image(engine: Engine) -> None:
    """Give the engine the image, under the name of Amazon's own."""
    written = io.BytesIO()
    write_root(written)
    content = written.getvalue()
    await engine.call("POST", "/images/create", content=content, fromSrc="-", repo=NAME, changes=list(CHANGES))


def write_root(target: IO[bytes]) -> None:
    """Write the image's file system as a tar archive."""
    programs = [Path(sys.executable).resolve()]
    with tarfile.open(fileobj=target, mode="w") as tar:
        for folder, mode in (("tmp", 0o1777), ("root", 0o700), ("etc", 0o755), ("aws", 0o755)):
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, mode
            tar.addfile(member)
        tar.add(programs[0], f"{ROOT}/bin/python3")
        for source, name in (*_standard_library(), *_packages()):
            if (service := _DATA.search(name)) is not None and service[1] not in SERVICES:
                _add_file(tar, f"{LIBRARY}/{name}", b"", 0o644)
                continue
            tar.add(source, f"{LIBRARY}/{name}", recursive=False)
            if source.suffix == ".so":
                programs.append(source)
        for library in _shared_libraries(programs):
            place = str(library).lstrip("/") if library.name.startswith("ld-") else f"{ROOT}/lib/{library.name}"
            tar.add(library.resolve(), place)
        busybox = shutil.which("busybox")
        assert busybox is not None, "the image's shell is a static busybox, which is not installed"
        tar.add(busybox, "bin/sh")
        _add_file(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644)
        script = f"#!/{ROOT}/bin/python3\nimport sys\nfrom awscli.clidriver import main\nsys.exit(main())\n"
        _add_file(tar, "usr/local/bin/aws", script.encode(), 0o755)


def _standard_library() -> Iterator[tuple[Path, str]]:
    library = Path(sysconfig.get_path("stdlib"))
    for path in library.rglob("*"):
        inside = path.relative_to(library)
        left_out = _LEFT_OUT & set(inside.parts) or _LEFT_OUT_FILES.search(path.name)
        if path.is_file() and not left_out and not inside.parts[0].startswith("config-"):
            yield path, str(inside)


def _packages() -> Iterator[tuple[Path, str]]:
    known: dict[str, importlib.metadata.Distribution] = {}
    _collect("awscli", known)
    for distribution in known.values():
        for file in distribution.files or ():
            path = Path(str(distribution.locate_file(file)))
            if ".." not in file.parts and not _LEFT_OUT & set(file.parts) and path.is_file():
                yield path, f"site-packages/{file}"


def _collect(name: str, known: dict[str, importlib.metadata.Distribution]) -> None:
    """Add an installed distribution and all that it requires."""
    if name not in known:
        known[name] = importlib.metadata.distribution(name)
        for requirement in known[name].requires or ():
            if ";" not in requirement:
                _collect(re.split(r"[^\w.-]", requirement)[0], known)


def _shared_libraries(programs: list[Path]) -> list[Path]:
    said = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False).stdout
    return [Path(each) for each in dict.fromkeys(_LIBRARY_LINE.findall(said)) if not each.endswith(":")]


def _add_file(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    tar.addfile(member, io.BytesIO(content))
