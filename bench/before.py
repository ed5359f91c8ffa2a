"""Times the workers on a full year beside those of an earlier commit of this repository.

    python bench/before.py COMMIT [--runs N]

`make bench-before COMMIT=…` calls it. The earlier workers are built in a work tree of their own, with a copy
of the build cache, so that only what has changed is compiled. Each worker runs in turn with its earlier self,
now the one first and then the other, each on the files of its own version. Shown are the smallest and the
median wall and CPU seconds of either, and the median of the ratios of the pairs.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from measure import FOLDER, PROJECT, WORKERS, YEAR, Times, postgres, raw_file

NAMES = ["extract", "clean", "aggregate", "detect", "load"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit", help="the earlier commit")
    parser.add_argument("--runs", type=int, default=11, help="how often each worker runs (default 11)")
    arguments = parser.parse_args()
    lake = FOLDER / "lake"
    raw_file(lake)
    with tempfile.TemporaryDirectory(dir=FOLDER) as scratch, postgres(scratch) as database:
        before = build(arguments.commit, Path(scratch))
        measure([before, WORKERS], arguments.runs, lake, Path(scratch), database)


def build(commit: str, scratch: Path) -> Path:
    """Builds the workers of a commit; returns the folder in which they are."""
    tree, target = scratch / "tree", scratch / "target"
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, commit], cwd=PROJECT, check=True)
    try:
        # Not the cache itself: Cargo goes by times, and would then take earlier crates for present ones.
        subprocess.run(["cp", "-a", "--reflink=auto", PROJECT / "target", target], check=True)
        command = ["cargo", "build", "--release", "--workspace", "--bins", "--target-dir", target]
        subprocess.run(command, cwd=tree, check=True)
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=PROJECT, check=True)
    return target / "release"


def measure(versions: list[Path], runs: int, lake: Path, scratch: Path, database: dict[str, str]) -> None:
    """Runs the two versions of each worker and prints the table; the earlier version is the first."""
    lakes = [scratch / f"lake_{which}" for which in (0, 1)]
    data = [scratch / f"data_{which}" for which in (0, 1)]
    for of_lake, of_data in zip(lakes, data):
        (of_lake / "01_bronze").mkdir(parents=True)
        os.link(raw_file(lake), of_lake / "01_bronze" / f"{YEAR}.csv")
        of_data.mkdir()
    print("| worker | before: least | median | now: least | median | ratio | CPU: before | now | ratio |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for name in NAMES:
        times = (Times(), Times())
        for run in range(runs):
            for which in (0, 1) if run % 2 else (1, 0):
                command = [versions[which] / name, "--year", str(YEAR), "--data-dir", data[which]]
                match name:
                    case "extract":
                        # One that finds its file does nothing.
                        (data[which] / f"{YEAR}_01_bronze.csv").unlink(missing_ok=True)
                        command += ["--lake", lakes[which]]
                    case "clean" | "aggregate":
                        command += ["--lake", lakes[which]]
                    case "load":
                        command += ["--table", f"run_{run}_{which}"]
                times[which].run(*command, **database)
        before, now = times
        print(f"| {name} | {wall(before.wall, now.wall)} | {cpu(before.cpu, now.cpu)} |", flush=True)


def wall(before: list[float], now: list[float]) -> str:
    both = (f"{min(of):.3f} | {statistics.median(of):.3f}" for of in (before, now))
    return f"{' | '.join(both)} | {ratio(before, now)}"


def cpu(before: list[float], now: list[float]) -> str:
    return f"{min(before):.3f} | {min(now):.3f} | {ratio(before, now)}"


def ratio(before: list[float], now: list[float]) -> str:
    return f"{statistics.median(n / b for b, n in zip(before, now)):.3f}"


if __name__ == "__main__":
    main()
