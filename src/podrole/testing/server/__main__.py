"""``python -m podrole.testing.server``: a world that ends with the process that started it.

The test process writes one request a line to standard input and reads one answer a line from standard output, both
JSON (podrole.testing.server.requests). The first line holds the world's settings. When standard input ends, or the
parent process is another one, the world is stopped and its directory removed.
"""

from __future__ import annotations

import gc
import os
import signal
import sys


def main() -> None:
    """Serve until standard input ends, then end this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the test process decides
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that prints must not disturb the answers
    gc.disable()  # until the world is up: to look for cycles in what is imported is a quarter of the start
    from podrole.testing.server.serving import serve

    serve(answers)
    sys.stderr.flush()
    os._exit(0)  # threads of services that were cut off would keep it


if __name__ == "__main__":
    main()
