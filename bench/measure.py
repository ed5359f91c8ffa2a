"""What both benchmarks need: the times of a command, and a PostgreSQL for `load`.

The program that measures stays small itself: Linux counts the memory of whoever starts a process into its
peak.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
WORKERS = PROJECT / "target" / "release"
PYTHON = PROJECT / ".venv" / "bin" / "python"
FOLDER = PROJECT / ".run" / "bench"
YEAR = 2018
ROWS = 7_213_446


def raw_file(lake: Path) -> Path:
    """The year's raw file in a lake; without one the program ends."""
    bronze = lake / "01_bronze" / f"{YEAR}.csv"
    if not bronze.exists():
        sys.exit(f"no {bronze}: make {bronze.relative_to(PROJECT)} makes it")
    return bronze


class Times:
    """The runs of one command: seconds of wall clock and CPU, peak resident megabytes."""

    def __init__(self):
        self.wall, self.cpu, self.peak = [], [], []

    def run(self, *command: str | Path, **environment: str) -> None:
        os.sync()  # nobody pays for what the command before has written
        start = time.monotonic()
        child = subprocess.Popen(
            list(map(str, command)),
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        error = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        self.wall.append(time.monotonic() - start)
        self.cpu.append(usage.ru_utime + usage.ru_stime)
        self.peak.append(usage.ru_maxrss / 1024)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))} failed: {error.decode()}")

    def row(self) -> str:
        wall, cpu = statistics.median(self.wall), statistics.median(self.cpu)
        return f"{wall:.2f} | {min(self.wall):.2f}–{max(self.wall):.2f} | {cpu:.2f} | {max(self.peak):.0f}"


class postgres:
    """The PostgreSQL of airflow/local/postgres.py; gives the variables to reach it."""

    def __init__(self, scratch: str):
        self.folder = Path(scratch) / "postgres"

    def __enter__(self) -> dict[str, str]:
        script = PROJECT / "airflow" / "local" / "postgres.py"
        self.server = subprocess.Popen(
            [PYTHON, script, "serve", self.folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        about = json.loads(self.server.stdout.readline())
        return {f"PG{key.upper()}": str(value) for key, value in about.items()}

    def __exit__(self, *_error) -> None:
        self.server.stdin.close()
        self.server.wait()
