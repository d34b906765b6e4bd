"""A world whose S3 never answers DeleteBucket: run as a program with the arguments of ``podrole up``."""

from __future__ import annotations

import sys
import threading
from typing import Any

from podrole.aws.emulator import services
from podrole.cli import main

_execute = services.execute


def _hang(call: Any, account: str) -> Any:
    if call.operation == "DeleteBucket":
        threading.Event().wait()
    return _execute(call, account)


if __name__ == "__main__":
    services.execute = _hang
    main(["up", *sys.argv[1:]])
