"""Whether pods can be isolated on this machine: found out by a try, since many settings of a system decide it."""

from __future__ import annotations

import shutil
from pathlib import Path

from podrole.cluster.node.errors import StartProblem
from podrole.cluster.node.runtime import Mount
from podrole.cluster.node.runtimes.process.start import start
from podrole.cluster.node.runtimes.process.view import View

ISOLATED = "podrole runs pods as local processes, isolated by user and mount namespaces"
NOT_ISOLATED = "podrole runs pods as local processes, not isolated from each other or from your files"
_MOUNTED_AT = "/run/podrole-probe/volume"
_SCRIPT = 'test -f "$1/file" && test ! -e "$2/file" && test ! -w "$1/file" && test -c /dev/null'


async def why_not_isolated(directory: Path) -> str | None:
    """Start a program with a volume and a hidden directory; return why that is not possible, None if it is.

    ``directory`` is private to podrole. Raises OSError if it cannot be written.
    """
    place = directory / "probe"
    shutil.rmtree(place, ignore_errors=True)
    secret = place / "secret"
    for name in ("root", "secret", "volume"):
        (place / name).mkdir(parents=True)
    for name in ("secret", "volume"):
        (place / name / "file").touch()
    real = place.resolve()
    view = View(
        place=str(real / "root"),
        mounts=[Mount(_MOUNTED_AT, str(real / "volume"), read_only=True)],
        hidden=[str(real)],
        visible=[],
        directory="/",
    )
    try:
        process = await start(
            ["/bin/sh", "-c", _SCRIPT, "probe", _MOUNTED_AT, str(secret)],
            environment={},
            directory=place,
            mark="probe",
            output=lambda *_: None,
            records=directory,
            guest=True,
            view=view,
        )
        code = await process.wait()
    except StartProblem as problem:
        return problem.what
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return None if code == 0 else "a process in namespaces of its own does not see the files that it should see"
