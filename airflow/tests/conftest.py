"""What the tests share: one PostgreSQL and one running Airflow for all of them."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "airflow" / "local"))

from orchestrator import TASKS, WORKERS, Orchestrator  # noqa: E402
from postgres import SUPERUSER, WAREHOUSE, Server, binary  # noqa: E402

SAMPLE = PROJECT / "examples" / "lake" / "01_bronze"
# It must not be found anywhere: see test_secrets.py.
AWS_SECRET = "canary-8f1d0c5e7a"


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("postgres"))
    with server:
        yield server
    server.remove()


@pytest.fixture(scope="session")
def lake(tmp_path_factory) -> Path:
    """A lake of its own with the sample years."""
    lake = tmp_path_factory.mktemp("a lake")
    shutil.copytree(SAMPLE, lake / "01_bronze")
    return lake


@pytest.fixture(scope="session")
def replacements(tmp_path_factory) -> Path:
    """A folder that comes before the workers on Airflow's PATH."""
    return tmp_path_factory.mktemp("replacements")


@pytest.fixture
def replace(replacements):
    """Replaces a worker by a shell script until the test ends: `replace("load", "exit 2")`."""

    def replace(worker: str, script: str) -> None:
        program = replacements / worker
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    yield replace
    for program in replacements.iterdir():
        program.unlink()


@pytest.fixture(scope="session")
def airflow(tmp_path_factory, server, lake, replacements):
    missing = [task for task in TASKS if not (WORKERS / task).exists()]
    assert not missing, f"{', '.join(missing)} are not built: run make test, which builds them"
    before = dict(os.environ)
    settings = {
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
        # Secrets as a deployment may have them, in the environment of the scheduler.
        "AWS_SECRET_ACCESS_KEY": AWS_SECRET,
        "PGPASSWORD": server.password,
        "PATH": f"{replacements}:{WORKERS}:{os.environ['PATH']}",
    }
    with Orchestrator(tmp_path_factory.mktemp("run"), server, lake, **settings) as airflow:
        yield airflow
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def warehouse(server):
    """Answers a query on the warehouse with its rows, as psql prints them, columns split at `|`."""

    def query(sql: str) -> list[list[str]]:
        done = server.psql("-XAtc", sql, database=WAREHOUSE, capture_output=True, text=True)
        return [line.split("|") for line in done.stdout.splitlines()]

    return query


@pytest.fixture
def load_that_waits(airflow, server, warehouse):
    """A run whose load waits for a lock on the table: the run's id, and the process."""
    airflow.wait([airflow.trigger(2013)], within=timedelta(minutes=3))  # the table is there now
    hold = "BEGIN; LOCK TABLE agg_dep_delay_by_date IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(300)"
    place = (
        f"host=127.0.0.1 port={server.port} user={SUPERUSER} dbname={WAREHOUSE} passfile={server.passfile}"
    )
    with subprocess.Popen([binary("psql"), "-Xqc", hold, place], stderr=subprocess.DEVNULL) as holder:
        held = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%' AND wait_event = 'PgSleep'"
        wait_for(lambda: warehouse(held), "the table is locked")
        run_id = airflow.trigger(2013)
        waits = f"SELECT 1 FROM pg_stat_activity WHERE datname = '{WAREHOUSE}' AND wait_event_type = 'Lock'"
        wait_for(lambda: warehouse(waits), "load waits for the lock")
        [load] = workers_running("load")
        yield run_id, load
        release = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'"
        server.psql("-XAtqc", release, stdout=subprocess.DEVNULL)
        holder.wait()
    airflow.wait([run_id], within=timedelta(minutes=3))


def workers_running(*names: str) -> list[psutil.Process]:
    """The workers that Airflow has started, all or those named; `target` may be a link to elsewhere."""
    programs = {str((WORKERS / name).resolve()) for name in names or TASKS}
    found = []
    for process in psutil.process_iter():
        # Any process may end while it is looked at.
        with contextlib.suppress(psutil.Error):
            if process.exe() in programs:
                found.append(process)
    return found


def wait_for(condition, what: str, seconds: float = 180):
    """Waits until `condition()` gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.2)
    pytest.fail(f"waited {seconds} s in vain: {what}")
