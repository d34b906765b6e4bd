"""Certificates for many names: each is made when a client first asks for its name in the TLS handshake (SNI).

One certificate serves a name's parent and all names one label below it, as buckets have names of their own below S3's.
If the parent is not ours (``com``), the certificate is for the name alone.
"""

from __future__ import annotations

import ssl
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence

from podrole.base.certificates import Authority, server_context
from podrole.base.clock import Clock

MOST_CONTEXTS = 256
"""How many certificates are kept; the one that was used least recently is forgotten."""
_MOST_CHARACTERS = 253


def ignore_malformed_names() -> None:
    """Drop what Python says when the name in a handshake is not ASCII, which any client can do as often as it likes.

    The handshake is refused all the same. Python has no other place for it than the hook of the whole process.
    """
    hook = sys.unraisablehook

    def drop(problem: sys.UnraisableHookArgs) -> None:
        if not (isinstance(problem.exc_value, UnicodeDecodeError) and isinstance(problem.object, bytes)):
            hook(problem)

    sys.unraisablehook = drop


class NamedCertificates:
    """The TLS context of a listener with many names.

    ``context`` serves ``own_names`` to clients that name no host or one of these. A name for which ``is_ours`` is true
    gets its certificate. Every other name is refused with the alert ``unrecognized_name``.
    """

    def __init__(
        self, authority: Authority, own_names: Sequence[str], is_ours: Callable[[str], bool], clock: Clock
    ) -> None:
        self._authority = authority
        self._own_names = frozenset(own_names)
        self._is_ours = is_ours
        self._clock = clock
        self._contexts: OrderedDict[str, ssl.SSLContext] = OrderedDict()
        self.context = server_context(authority.issue(own_names, now=clock()))
        self.context.sni_callback = self._choose

    def _choose(self, handshake: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        if name is None or name in self._own_names:
            return None
        name = name.lower().removesuffix(".")
        if not name.isascii() or len(name) > _MOST_CHARACTERS or not self._is_ours(name):
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        handshake.context = self._context_of(name)
        return None

    def _context_of(self, name: str) -> ssl.SSLContext:
        parent = name.partition(".")[2]
        names = [parent, f"*.{parent}"] if self._is_ours(parent) else [name]
        key = names[-1]
        context = self._contexts.pop(key, None)
        if context is None:
            context = server_context(self._authority.issue(names, now=self._clock()))
        self._contexts[key] = context
        if len(self._contexts) > MOST_CONTEXTS:
            self._contexts.popitem(last=False)
        return context
