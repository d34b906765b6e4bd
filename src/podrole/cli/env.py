"""``podrole env``: the variables that lead aws, kubectl and the SDKs to the world."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from podrole.cli import shells
from podrole.cli.shells import Change, ShellLanguage
from podrole.cli.tools import tools_directory
from podrole.world import proxy
from podrole.world.state import WorldDirectory

SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""Variables whose earlier values are not kept: they would be in the environment of every program twice."""

_FOREIGN_SECRETS = ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
INTERFERING = (
    *_FOREIGN_SECRETS,
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
)
"""Variables that would lead clients to other credentials, or past AWS_ENDPOINT_URL."""
_OF_ONE_SERVICE = "AWS_ENDPOINT_URL_"


def variables(directory: WorldDirectory) -> dict[str, str]:
    """Return the variables of the running world. Raises NotRunning."""
    world = directory.running()
    key_id, secret = directory.admin_credentials()
    exceptions = _earlier(proxy.EXCEPTIONS)
    return {
        "PODROLE_DIR": str(directory.path),
        "AWS_ENDPOINT_URL": world.aws_tls_url,
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": world.region,
        "AWS_DEFAULT_REGION": world.region,
        "KUBECONFIG": str(directory.kubeconfig),
        **proxy.proxy_variables(
            world.proxy_url, str(directory.authorities), exceptions.get("no_proxy") or exceptions.get("NO_PROXY", "")
        ),
    }


def environment(directory: WorldDirectory) -> dict[str, str]:
    """Return the whole environment of a shell after ``eval "$(podrole env)"``. Raises NotRunning."""
    interfering = set(_interfering(os.environ))
    own = {name: value for name, value in os.environ.items() if name not in interfering}
    path = os.pathsep.join([own.get("PATH", os.defpath), *map(str, _directories_of_tools())])
    return {**own, **_all_variables(directory), "PATH": path}


def run(path: Path, shell: ShellLanguage, *, unset: bool) -> int:
    """Print what gives a shell the world's environment or, with ``unset``, takes it away. Raises NotRunning."""
    if unset:
        if proxy.EARLIER in os.environ:
            print(shells.code(shell, _before(os.environ), forget=True), end="")
        return 0
    directory = WorldDirectory(path)
    changes: Change = {**dict.fromkeys(_interfering(os.environ)), **_all_variables(directory)}
    code = shells.code(shell, changes, behind=_directories_of_tools())
    switched = [*proxy.PROXIES, *proxy.EXCEPTIONS]
    earlier = _earlier(switched)
    hook = shells.hook(
        shell,
        directory.proxy,
        proxy.PROXIES,
        {name: changes[name] for name in proxy.EXCEPTIONS},
        {name: earlier.get(name) for name in switched},
    )
    print(code + hook, end="")
    return 0


def _all_variables(directory: WorldDirectory) -> dict[str, str]:
    world_variables = variables(directory)
    if proxy.EARLIER in os.environ:
        return {**world_variables, proxy.EARLIER: os.environ[proxy.EARLIER]}
    replaced = [
        name for name in (*world_variables, *_interfering(os.environ)) if name not in (*SECRETS, *_FOREIGN_SECRETS)
    ]
    return {**world_variables, proxy.EARLIER: json.dumps(_earlier(replaced))}


def _earlier(names: Iterable[str]) -> dict[str, str]:
    """Return the values of variables before the shell got the environment of a world."""
    source: Mapping[str, str] = proxy.earlier_values(os.environ) if proxy.EARLIER in os.environ else os.environ
    return {name: source[name] for name in names if name in source}


def _before(environment: Mapping[str, str]) -> Change:
    """Return the changes that undo those of ``podrole env``."""
    changed = {
        *("PODROLE_DIR", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "KUBECONFIG", proxy.EARLIER),
        *(*SECRETS, *proxy.PROXIES, *proxy.EXCEPTIONS, *proxy.BUNDLES, *proxy.PREFIXES),
    }
    return {**dict.fromkeys(sorted(changed)), **proxy.earlier_values(environment)}


def _interfering(environment: Mapping[str, str]) -> list[str]:
    return [*INTERFERING, *sorted(name for name in environment if name.startswith(_OF_ONE_SERVICE))]


def _directories_of_tools() -> list[Path]:
    """Return the directories of podrole, aws and kubectl, as far as they are not on PATH."""
    beside = Path(sys.executable).parent
    places = {"podrole": beside, "aws": beside, "kubectl": tools_directory()}
    return list(dict.fromkeys(at for name, at in places.items() if shutil.which(name) is None and (at / name).exists()))
