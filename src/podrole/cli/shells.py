"""Changes of a shell's environment, as code for the shell to evaluate.

The proxy of a world leads nowhere once the world has ended. So interactive shells look before each prompt whether the
world's process runs, and use the proxy only then: they keep their way to other hosts. That look is one line read from a
file and one directory looked up, without starting a program.
"""

from __future__ import annotations

import re
import shlex
import sys
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
    POWERSHELL = "powershell"


def code(shell: ShellLanguage, changes: Change, *, behind: Sequence[Path] = (), forget: bool = False) -> str:
    """Return the code that makes the changes and puts directories behind all others on PATH.

    ``forget`` takes away what ``hook`` has added.
    """
    if shell is ShellLanguage.FISH:
        lines = _lines(shell, changes)
        lines += [f"set -gx --path --append PATH {_quoted_fish(str(place))}" for place in behind]
        lines += ["functions --erase _podrole_proxy"] if forget else []
    elif shell is ShellLanguage.POWERSHELL:
        lines = _lines(shell, changes)
        lines += [f"$env:PATH += [IO.Path]::PathSeparator + {_quoted_powershell(str(place))}" for place in behind]
    else:
        lines = _lines(shell, changes)
        path = ":".join(shlex.quote(str(place)) for place in behind)
        lines += [f'export PATH="$PATH":{path}'] if path else []
        lines += [_FORGET] if forget else []
    return "".join(f"{line}\n" for line in lines)


def hook(shell: ShellLanguage, running: Path, proxies: Sequence[str], with_proxy: Change, without: Change) -> str:
    """Return the code by which an interactive shell uses the proxy only while the world runs.

    ``running`` is the file with the pid of the world and the URL of its proxy, which becomes the value of ``proxies``.
    ``with_proxy`` are the other variables of the proxy, ``without`` the values of all of them without it. PowerShell
    gets no such code: there the variables stay.
    """
    sh_runs, fish_runs = _RUNS[sys.platform == "linux"]
    direct = "\n".join(_lines(shell, without))
    if shell is ShellLanguage.POWERSHELL:
        return ""
    file = str(running)
    if shell is ShellLanguage.FISH:
        proxied = [f"set -gx {name} $at[2]" for name in proxies] + _lines(shell, with_proxy)
        file = _quoted_fish(file)
        return _FISH_HOOK.format(runs=fish_runs, file=file, proxied="\n".join(proxied), direct=direct)
    proxied = [f'export {name}="$_podrole_url"' for name in proxies] + _lines(shell, with_proxy)
    file = shlex.quote(file)
    return _SH_HOOK.format(runs=sh_runs, file=file, proxied="\n".join(proxied), direct=direct)


def _lines(shell: ShellLanguage, changes: Change) -> list[str]:
    unset = [name for name, value in changes.items() if value is None]
    values = {name: value for name, value in changes.items() if value is not None}
    if shell is ShellLanguage.FISH:
        lines = [f"set -gx {name} {_quoted_fish(value)}" for name, value in values.items()]
        return [*lines, *([f"set -e {' '.join(unset)}"] if unset else ())]
    if shell is ShellLanguage.POWERSHELL:
        lines = [f"$env:{name} = {_quoted_powershell(value)}" for name, value in values.items()]
        return [*lines, *(f"Remove-Item Env:{name} -ErrorAction SilentlyContinue" for name in unset)]
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    return [*lines, *([f"unset {' '.join(unset)}"] if unset else ())]


def _quoted_powershell(text: str) -> str:
    """Return a literal string: between single quotes only the quotes themselves mean something, the typographic too."""
    return "'" + re.sub(r"(['\u2018\u2019\u201a\u201b])", r"\1\1", text) + "'"


def _quoted_fish(text: str) -> str:
    return "'" + re.sub(r"(['\\])", r"\\\1", text) + "'"


# A process that has ended, but whose parent has not asked for its exit code, has no /proc/PID/exe.
# Systems other than Linux have no /proc.
_RUNS = {
    True: ('[ -e "/proc/$_podrole_pid/exe" ]', "test -e /proc/$at[1]/exe"),
    False: ('kill -0 "$_podrole_pid"', "kill -0 $at[1] 2>/dev/null"),
}
# sh reads all of this before it runs any: what only bash or zsh can read is inside eval.
_SH_HOOK = """\
case $- in *i*)
_podrole_proxy() {{
_podrole_code=$?
if {{ read -r _podrole_pid _podrole_url <{file} && {runs}; }} 2>/dev/null; then
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
if test (count $at) -eq 2; and {runs}
{proxied}
else
{direct}
end
end
end
"""
