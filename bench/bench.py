# /// script
# requires-python = ">=3.11"
# dependencies = ["duckdb==2.0.1", "numpy==2.3.5", "polars==2.1.0"]
# ///
"""Times the six workers on a full year beside Python polars and DuckDB doing the same bronze to gold.

`make bench` calls it, which also starts the PostgreSQL that `load` writes to. Every command is a
process of its own, run in turn with the others so that all meet the same machine; shown are the
median wall and CPU seconds and the largest peak memory. Golds are compared before anything is shown.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from measure import FOLDER, ROWS, WORKERS, YEAR, Times, postgres, raw_file

BENCH = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="how often each command runs (default 5)")
    arguments = parser.parse_args()
    lake = FOLDER / "lake"
    bronze = raw_file(lake)
    with tempfile.TemporaryDirectory(dir=FOLDER) as scratch, postgres(scratch) as database:
        measure(arguments.runs, lake, bronze, Path(scratch), database)


def measure(runs: int, lake: Path, bronze: Path, scratch: Path, database: dict[str, str]) -> None:
    data = scratch / "data"
    data.mkdir()
    task = ["--year", str(YEAR), "--data-dir", data]
    names = ["extract", "clean", "aggregate", "detect", "load", "load, nothing changed", "cleanup"]
    times = {name: Times() for name in names}
    peers = {"Python polars": "peer_polars.py", "DuckDB": "peer_duckdb.py"}
    peer_times = {name: Times() for name in peers}
    table = iter(range(runs))
    for _ in range(runs):
        fresh_table = ["--table", f"run_{next(table)}"]
        times["extract"].run(WORKERS / "extract", *task, "--lake", lake)
        times["clean"].run(WORKERS / "clean", *task, "--lake", lake)
        times["aggregate"].run(WORKERS / "aggregate", *task, "--lake", lake)
        times["detect"].run(WORKERS / "detect", *task)
        times["load"].run(WORKERS / "load", *task, *fresh_table, **database)
        times["load, nothing changed"].run(WORKERS / "load", *task, *fresh_table, **database)
        gold = data / f"{YEAR}_03_gold.parquet"
        for name, script in peers.items():
            theirs = scratch / "peer_gold.parquet"
            peer_times[name].run(
                sys.executable, BENCH / script, bronze, scratch / "peer_silver.parquet", theirs
            )
            subprocess.run([sys.executable, BENCH / "compare_gold.py", gold, theirs], check=True)
        times["cleanup"].run(WORKERS / "cleanup", *task)

    versions = f"Python polars {version('polars')}, DuckDB {version('duckdb')}"
    print(
        f"\n{ROWS:,} rows, {bronze.stat().st_size / 1e6:.0f} MB; {os.cpu_count()} cores; {versions}; ", end=""
    )
    print(f"median of {runs} runs\n\n| command | wall s | from–to | CPU s | peak MB |\n|---|---|---|---|---|")
    for name, measured in times.items():
        print(f"| {name} | {measured.row()} |")
    ours = [c + a for c, a in zip(times["clean"].wall, times["aggregate"].wall)]
    cpu = statistics.median(c + a for c, a in zip(times["clean"].cpu, times["aggregate"].cpu))
    peak = max(times["clean"].peak + times["aggregate"].peak)
    print(
        f"| **clean + aggregate** | {statistics.median(ours):.2f} | {min(ours):.2f}–{max(ours):.2f} | ",
        end="",
    )
    print(f"{cpu:.2f} | {peak:.0f} |")
    for name, measured in peer_times.items():
        print(f"| {name}, bronze to gold | {measured.row()} |")
    for name, measured in peer_times.items():
        ratio = statistics.median(a / b for a, b in zip(ours, measured.wall))
        print(f"\nclean + aggregate take {ratio:.2f} times as long as {name} (median of the pairs).")


if __name__ == "__main__":
    main()
