"""How long a world takes to start, and what it costs when idle.

Usage: python benchmarks/startup.py [RUNS]

Starts ``podrole up`` in a new directory RUNS times (7 by default) and waits until all three parts answer over their own
protocols: the AWS endpoint's health, the API server's /readyz, the webhook's /readyz. Memory is the resident set two
seconds after, when the account is there. The services other than podrole's own are imported by their first call, so
their memory is not in it.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PODROLE = Path(sys.executable).parent / "podrole"
LIMIT_SECONDS = 30


def free_ports(count: int) -> list[int]:
    import socket

    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def answers(port: int, path: str, *, tls: bool) -> bool:
    """Say whether a listener answers 200."""
    try:
        if tls:
            trusting = ssl.create_default_context()
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            connection: http.client.HTTPConnection = http.client.HTTPSConnection("127.0.0.1", port, context=trusting)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False


def start() -> tuple[float, float]:
    """Return the seconds until everything answers, and the megabytes of an idle world."""
    aws, cluster, webhook = free_ports(3)
    with tempfile.TemporaryDirectory() as place:
        ports = ["--aws-port", str(aws), "--cluster-port", str(cluster), "--webhook-port", str(webhook)]
        begin = time.perf_counter()
        process = subprocess.Popen([PODROLE, "up", *ports], cwd=place, stdout=subprocess.DEVNULL)
        try:
            waiting = {(aws, "/_podrole/health", False), (cluster, "/readyz", True), (webhook, "/readyz", True)}
            while waiting:
                waiting -= {each for each in waiting if answers(each[0], each[1], tls=each[2])}
                if time.perf_counter() - begin > LIMIT_SECONDS or process.poll() is not None:
                    raise SystemExit("the world did not start")
                time.sleep(0.002)
            seconds = time.perf_counter() - begin
            time.sleep(2)
            return seconds, resident_megabytes(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def resident_megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError("no VmRSS")


def help_seconds() -> float:
    begin = time.perf_counter()
    subprocess.run([PODROLE, "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    help_seconds()  # compiles what is not compiled yet
    started = [start() for _ in range(runs)]
    figures = {
        "podrole --help, s": [help_seconds() for _ in range(runs)],
        "start until all answer, s": [seconds for seconds, _ in started],
        "resident when idle, MB": [megabytes for _, megabytes in started],
    }
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {runs} runs: median (least, most)")
    for name, values in figures.items():
        print(f"{name:<28} {statistics.median(values):8.2f}  ({min(values):.2f}, {max(values):.2f})")
    print(json.dumps({name: round(statistics.median(values), 3) for name, values in figures.items()}))


if __name__ == "__main__":
    main()
