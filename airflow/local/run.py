"""The whole job on this machine: the sample years, or your own, through the real Airflow into a PostgreSQL.

`make run` calls it; inputs.py explains YEARS and LAKE. Everything it creates is in the folder .run of the
project (the sample lake, the data dir, the warehouse, Airflow's home, the pictures), except silver and gold
of your own lake, which are written there. It leaves nothing running.
"""

import fcntl
import os
import re
import signal
import sys
from datetime import timedelta

import picture
from inputs import SAMPLE_LAKE, WrongUsage, other_files, parse, put_samples
from orchestrator import PROJECT, Orchestrator, TaskResult
from postgres import WAREHOUSE, Server
from tabulate import tabulate

RUN = PROJECT / ".run"

TEN_LARGEST = """
    SELECT id, mean_dep_delay AS "mean delay, min", scheduled, cancelled, round(score::numeric, 3) AS score,
           reason
    FROM agg_dep_delay_by_date
    WHERE anomaly = 1 AND date_part('year', fl_date) IN ({years})
    ORDER BY score DESC NULLS LAST, abs(mean_dep_delay) DESC NULLS LAST, id
    LIMIT 10
"""


def main() -> int:
    years, lake = parse(os.environ)
    os.chdir(PROJECT)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # In order with what psql writes, also into a file.
    sys.stdout.reconfigure(line_buffering=True)
    RUN.mkdir(exist_ok=True)
    lock = (RUN / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(f"another run is going on in {RUN}: wait for it, or end it")
    if lake:
        say(f"{in_words(years)} of your own lake")
    else:
        years, lake = put_samples(years), str(SAMPLE_LAKE)
        say(f"{in_words(years)} of the sample lake {lake}")
        if more := other_files(years):
            say(f"not processed: {', '.join(more)}; make run YEARS=… processes years of the sample lake")
    with Server(RUN / "postgres") as server:
        say("PostgreSQL is up; starting Airflow")
        # A failing task is tried again at once: somebody is waiting.
        with Orchestrator(RUN, server, lake, AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY="1") as airflow:
            runs = {airflow.trigger(year): year for year in years}
            say(f"Airflow runs the DAG for {in_words(years)}")
            airflow.wait(
                list(runs),
                within=timedelta(hours=1) * len(years),
                finished=lambda run, state: say(f"{runs[run]}: {state}"),
            )
            results = {runs[run]: airflow.results(run) for run in runs}
            failed = [run for run in runs if airflow.state(run) != "success"]
            if failed:
                show_failures(airflow, failed)
                return 1
        missing = [year for year, (extract, *_) in results.items() if extract.state == "skipped"]
        for year in missing:
            say(f"{year}: skipped, the lake has no raw file of this year: add it as 01_bronze/{year}.csv")
            del results[year]
        if not results:
            return 1
        show_tasks(results)
        print("\nThe ten largest anomalies\n")
        options = ["-P", "footer=off", "-P", "pager=off"]
        ten_largest = TEN_LARGEST.format(years=", ".join(map(str, results)))
        server.psql("-Xq", *options, "-c", ten_largest, database=WAREHOUSE)
        print(changes(results))
        page = picture.draw(list(results), RUN / "pictures")
    print(f"Pictures: each airport's year, flagged days marked: {page}")
    print("The table: make psql  (then for instance: SELECT * FROM agg_dep_delay_by_date LIMIT 5;)")
    return 1 if missing else 0


def say(text: str) -> None:
    print(f"run: {text}", file=sys.stderr, flush=True)


def in_words(years: list[int]) -> str:
    return f"{'year' if len(years) == 1 else 'years'} {', '.join(map(str, years))}"


def show_tasks(results: dict[int, list[TaskResult]]) -> None:
    table = [
        (year, result.task, s.get("rows_in"), s.get("rows_out"), s.get("seconds"))
        for year, tasks in results.items()
        for result in tasks
        for s in [result.summary]
    ]
    headers = ["year", "task", "rows in", "rows out", "seconds"]
    print("\n" + tabulate(table, headers, intfmt=",", floatfmt=".3f", missingval="", disable_numparse=[0]))


def changes(results: dict[int, list[TaskResult]]) -> str:
    """What the runs changed in the table, in words."""
    loads = [r.summary for tasks in results.values() for r in tasks if r.task == "load"]
    new, changed, gone, same = (
        sum(s[key] for s in loads) for key in ("inserted", "updated", "deleted", "unchanged")
    )
    if new + changed + gone == 0:
        return f"Nothing changed: all {same:,} rows of these years are as they were.\n"
    return f"The table: {new:,} rows inserted, {changed:,} updated, {gone:,} deleted, {same:,} unchanged.\n"


def show_failures(airflow: Orchestrator, runs: list[str]) -> None:
    """Prints the last error of each failed task; each try has one, and they are mostly the same."""
    for run in runs:
        for result in airflow.results(run):
            if result.state == "failed":
                log = airflow.task_log(run, result.task)
                errors = re.findall(f"{result.task}: error:.*", log)
                print("\n".join([f"{run}: {result.task} failed", *errors[-1:]]), file=sys.stderr)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except WrongUsage as error:
        say(f"error: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        say("stopped")
        sys.exit(130)
