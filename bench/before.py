"""Times the workers on a full year beside those of an earlier commit of this repository.

    python bench/before.py COMMIT [--runs N]

`make bench-before COMMIT=…` calls it. The earlier workers are built in a work tree of their own, out of
the same dependencies where the lock file is the same. Each worker runs in turn with its earlier self, now
the one first and then the other, each on the files of its own version. Shown are the smallest wall and CPU
seconds of either, and the median of the ratios of the pairs.
"""

import argparse
import os
import shutil
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
    tree, workers = scratch / "tree", scratch / "workers"
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, commit], cwd=PROJECT, check=True)
    command = ["cargo", "build", "--quiet", "--release", "--workspace", "--bins"]
    try:
        environment = os.environ | {"CARGO_TARGET_DIR": str(PROJECT / "target")}
        subprocess.run(command, cwd=tree, env=environment, check=True)
        workers.mkdir()
        for name in NAMES:
            shutil.copy2(WORKERS / name, workers)
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=PROJECT, check=True)
        # Cargo has put the earlier ones where the present ones were.
        subprocess.run(command, cwd=PROJECT, check=True)
    return workers


def measure(versions: list[Path], runs: int, lake: Path, scratch: Path, database: dict[str, str]) -> None:
    """Runs the two versions of each worker and prints the table; the earlier version is the first."""
    lakes = [scratch / f"lake_{which}" for which in (0, 1)]
    for of_one in lakes:
        (of_one / "01_bronze").mkdir(parents=True)
        os.link(raw_file(lake), of_one / "01_bronze" / f"{YEAR}.csv")
    times = {name: (Times(), Times()) for name in NAMES}
    for run in range(runs):
        # The data dirs are new: an extract that finds its file does nothing.
        data = [scratch / f"data_{which}" for which in (0, 1)]
        for of_one in data:
            shutil.rmtree(of_one, ignore_errors=True)
            of_one.mkdir()
        for name in NAMES:
            for which in (0, 1) if run % 2 else (1, 0):
                command = [versions[which] / name, "--year", str(YEAR), "--data-dir", data[which]]
                if name == "load":
                    command += ["--table", f"run_{run}_{which}"]
                elif name != "detect":
                    command += ["--lake", lakes[which]]
                times[name][which].run(*command, **database)
    print("| worker | wall s, before | now | ratio | CPU s, before | now | ratio |")
    print("|---|---|---|---|---|---|---|")
    for name, (before, now) in times.items():
        print(f"| {name} | {row(before.wall, now.wall)} | {row(before.cpu, now.cpu)} |")
    total = [[sum(of) for of in zip(*(times[name][which].wall for name in NAMES))] for which in (0, 1)]
    cpu = [[sum(of) for of in zip(*(times[name][which].cpu for name in NAMES))] for which in (0, 1)]
    print(f"| **all five** | {row(*total)} | {row(*cpu)} |")


def row(before: list[float], now: list[float]) -> str:
    ratio = statistics.median(n / b for b, n in zip(before, now))
    return f"{min(before):.2f} | {min(now):.2f} | {ratio:.3f}"


if __name__ == "__main__":
    main()
