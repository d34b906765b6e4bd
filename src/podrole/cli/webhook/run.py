"""``podrole webhook``: the same program as in the container image."""

from __future__ import annotations

from collections.abc import Sequence

from podrole.webhook.__main__ import HELP, help_text, main

USAGE = """podrole webhook [flags]             run the webhook
podrole webhook scan [flags]        list running pods that lack the identity they are bound to
podrole webhook manifests [flags]   print the manifests that install the webhook, for kubectl apply -f -
"""


def run(arguments: Sequence[str]) -> int:
    """Run the webhook until a signal stops it; return the exit code."""
    if HELP.intersection(arguments):
        print(f"{USAGE}\n{help_text()}", end="")
        return 0
    return main(arguments)
