"""The version that the cluster advertises: that of Kubernetes whose behaviour it follows, marked as podrole's."""

from __future__ import annotations

import functools
import platform
import sys

import msgspec

from podrole import __version__

MAJOR, MINOR = "1", "36"
GIT_VERSION = f"v{MAJOR}.{MINOR}.2+podrole"


@functools.cache
def version_document() -> bytes:
    """Return ``/version``. Clients compare major and minor; the other fields describe this program."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    info = {
        "major": MAJOR,
        "minor": MINOR,
        "emulationMajor": MAJOR,
        "emulationMinor": MINOR,
        "minCompatibilityMajor": MAJOR,
        "minCompatibilityMinor": str(int(MINOR) - 1),
        "gitVersion": GIT_VERSION,
        "gitCommit": f"podrole-{__version__}",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": f"python{platform.python_version()}",
        "compiler": sys.implementation.name,
        "platform": f"{platform.system().lower()}/{machine}",
    }
    return msgspec.json.format(msgspec.json.encode(info), indent=2)
