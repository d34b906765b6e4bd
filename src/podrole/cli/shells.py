"""Changes of a shell's environment, as code for the shell to evaluate.

The proxy of a world leads nowhere once the world has ended. So interactive shells look before each prompt whether the
world's process runs, and use the proxy only then: they keep their way to other hosts. That look is one line read from a
file and one directory looked up, without starting a program.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

Change = Mapping[str, str | None]
"""Variables with their new values; None unsets."""


class ShellLanguage(StrEnum):
    """The languages that ``podrole env`` speaks."""

    SH = "sh"
    """sh, bash and zsh."""
    FISH = "fish"


def code(shell: ShellLanguage, changes: Change, *, behind: Sequence[Path] = (), forget: bool = False) -> str:
    """Return the code that makes the changes and puts directories behind all others on PATH.

    ``forget`` takes away what ``hook`` has added.
    """
    if shell is ShellLanguage.FISH:
        lines = _lines(shell, changes)
        lines += [f"set -gx --path --append PATH {_quoted_fish(str(place))}" for place in behind]
        lines += ["functions --erase _podrole_proxy"] if forget else []
    else:
        lines = _lines(shell, changes)
        path = ":".join(shlex.quote(str(place)) for place in behind)
        lines += [f'export PATH="$PATH":{path}'] if path else []
        lines += [_FORGET] if forget else []
    return "".join(f"{line}\n" for line in lines)


def hook(shell: ShellLanguage, running: Path, proxies: Sequence[str], with_proxy: Change, without: Change) -> str:
    """Return the code by which an interactive shell uses the proxy only while the world runs.

    ``running`` is the file with the pid of the world and the URL of its proxy, which becomes the value of ``proxies``.
    ``with_proxy`` are the other variables of the proxy, ``without`` the values of all of them without it.
    """
    if shell is ShellLanguage.FISH:
        proxied = [f"set -gx {name} $at[2]" for name in proxies]
        proxied += _lines(shell, with_proxy)
        direct = _lines(shell, without)
        return _FISH_HOOK.format(file=_quoted_fish(str(running)), proxied="\n".join(proxied), direct="\n".join(direct))
    proxied = [f'export {name}="$_podrole_url"' for name in proxies]
    proxied += _lines(shell, with_proxy)
    direct = _lines(shell, without)
    return _SH_HOOK.format(file=shlex.quote(str(running)), proxied="\n".join(proxied), direct="\n".join(direct))


def _lines(shell: ShellLanguage, changes: Change) -> list[str]:
    unset = [name for name, value in changes.items() if value is None]
    values = {name: value for name, value in changes.items() if value is not None}
    if shell is ShellLanguage.FISH:
        lines = [f"set -gx {name} {_quoted_fish(value)}" for name, value in values.items()]
        return [*lines, *([f"set -e {' '.join(unset)}"] if unset else ())]
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    return [*lines, *([f"unset {' '.join(unset)}"] if unset else ())]


def _quoted_fish(text: str) -> str:
    return "'" + re.sub(r"(['\\])", r"\\\1", text) + "'"


# A process that has ended, but whose parent has not asked for its exit code, has no /proc/PID/exe.
# sh reads all of this before it runs any: what only bash or zsh can read is inside eval.
_SH_HOOK = """\
case $- in *i*)
_podrole_proxy() {{
_podrole_code=$?
if {{ read -r _podrole_pid _podrole_url <{file} && [ -e "/proc/$_podrole_pid/exe" ]; }} 2>/dev/null; then
{proxied}
else
{direct}
fi
return $_podrole_code
}}
if [ -n "${{ZSH_VERSION-}}" ]; then
eval 'precmd_functions=(${{precmd_functions:#_podrole_proxy}} _podrole_proxy)'
elif [ -n "${{BASH_VERSION-}}" ]; then
case ${{PROMPT_COMMAND-}} in
*_podrole_proxy*) ;;
*) PROMPT_COMMAND="_podrole_proxy${{PROMPT_COMMAND:+;$PROMPT_COMMAND}}" ;;
esac
fi ;;
esac
"""

_FORGET = """\
if [ -n "${ZSH_VERSION-}" ]; then
eval 'precmd_functions=(${precmd_functions:#_podrole_proxy})'
elif [ -n "${BASH_VERSION-}" ]; then
eval 'PROMPT_COMMAND=${PROMPT_COMMAND/_podrole_proxy;/}; PROMPT_COMMAND=${PROMPT_COMMAND/_podrole_proxy/}'
fi
unset -f _podrole_proxy 2>/dev/null || :"""

_FISH_HOOK = """\
if status is-interactive
function _podrole_proxy --on-event fish_prompt
set -l at (cat {file} 2>/dev/null | string split ' ')
if test (count $at) -eq 2; and test -e /proc/$at[1]/exe
{proxied}
else
{direct}
end
end
end
"""
