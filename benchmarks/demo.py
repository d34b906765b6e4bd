"""How long the walkthrough takes, installs aside.

Usage: python benchmarks/demo.py [RUNS]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

PODROLE = Path(sys.executable).parent / "podrole"


def walk() -> float:
    done = subprocess.run([PODROLE, "demo", "--json"], capture_output=True, check=True)
    return float(json.loads(done.stdout)["seconds"])


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    walk()  # fetches kubectl where it is missing
    seconds = [walk() for _ in range(runs)]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {runs} runs: median (least, most)")
    print(f"walkthrough, s  {statistics.median(seconds):.1f}  ({min(seconds):.1f}, {max(seconds):.1f})")


if __name__ == "__main__":
    main()
