"""The real Airflow 2.4.3 on this machine: its scheduler with LocalExecutor, no Docker, no web server.

The metadata database is one of a `postgres.Server`. Everything else lies in one folder: Airflow's
home with the logs of the tasks, the data dir and, for the caller to fill, the lake.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from postgres import SUPERUSER, WAREHOUSE, Server, without_libpq

DAG_ID = "etl_ml_pipeline"
TASKS = ["extract", "clean", "aggregate", "detect", "load", "cleanup"]
PROJECT = Path(__file__).resolve().parents[2]
DAGS = PROJECT / "airflow" / "dags"
WORKERS = PROJECT / "target" / "release"
METADATA = "airflow"


@dataclass
class TaskResult:
    """One task of a finished run."""

    task: str
    state: str
    tries: int
    # The worker's summary; empty when it wrote none.
    summary: dict


class Orchestrator:
    """The scheduler, running while the `with` block lasts."""

    def __init__(self, folder: Path, server: Server, lake: Path | str, **settings: str):
        """Works in `folder`, on the lake in another; `settings` are further variables."""
        self.folder = folder.resolve()
        self.server = server
        self.data = self.folder / "data"
        self.log = self.folder / "scheduler.log"
        self.process: subprocess.Popen | None = None
        metadata = f"postgresql+psycopg2://{SUPERUSER}@127.0.0.1:{server.port}/{METADATA}"
        # The password comes from PGPASSFILE, for Airflow and for `load` alike.
        self.environment = (
            server.environment(WAREHOUSE)
            | {
                "AIRFLOW_HOME": str(self.folder / "airflow"),
                "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
                "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
                "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__CORE__PARALLELISM": str(max(2, os.cpu_count() or 2)),
                "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata,
                "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "1",
                "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
                # Only the runs that are triggered here: no catch-up.
                "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
                "DATA_DIR": str(self.data),
                "LAKE_URL": str(lake),
                "PATH": f"{WORKERS}:{os.environ['PATH']}",
            }
            | settings
        )

    def __enter__(self) -> "Orchestrator":
        self.data.mkdir(parents=True, exist_ok=True)
        for database in (METADATA, WAREHOUSE):
            self.server.create_database(database)
        # Airflow reads its settings when it is imported: from here on, not before.
        assert "airflow.models" not in sys.modules, "Airflow was imported too early"
        here = without_libpq(os.environ) | self.environment
        os.environ.clear()
        os.environ.update(here)
        with self.log.open("a") as log:
            self._airflow(log, "db", "upgrade")
            self._airflow(log, "dags", "reserialize")
            self._end_old_runs()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "airflow", "scheduler", "--skip-serve-logs"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        return self

    def __exit__(self, *_error) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def trigger(self, year: int | None = None, **parameters) -> str:
        """Starts a run of the DAG by hand, for a year or for the data interval; returns its id."""
        from airflow.api.common.trigger_dag import trigger_dag
        from airflow.utils import timezone

        now = timezone.utcnow()
        conf = parameters if year is None else {"year": year} | parameters
        run_id = f"by hand, {year or 'the year of the interval'}, {now:%Y-%m-%d %H:%M:%S.%f}"
        # Two runs must not begin in the same microsecond; with the default, not in the same second.
        return trigger_dag(DAG_ID, run_id, conf, now, replace_microseconds=False).run_id

    def state(self, run_id: str) -> str:
        """`queued`, `running`, `success` or `failed`."""
        [run] = self._runs(run_id)
        return str(run.state)

    def results(self, run_id: str) -> list[TaskResult]:
        """The tasks of a run, in the DAG's order."""
        from airflow.models import XCom

        [run] = self._runs(run_id)
        instances = {instance.task_id: instance for instance in run.get_task_instances()}
        results = []
        for task in TASKS:
            instance = instances[task]
            text = XCom.get_one(run_id=run_id, task_id=task, dag_id=DAG_ID)
            summary = json.loads(text) if text else {}
            results.append(TaskResult(task, str(instance.state), instance.prev_attempted_tries, summary))
        return results

    def wait(self, run_ids: list[str], within: timedelta, finished=lambda run_id, state: None) -> None:
        """Waits until every run has ended; calls `finished` for each as it does."""
        left, deadline = list(run_ids), time.monotonic() + within.total_seconds()
        while left:
            if self.process.poll() is not None:
                sys.exit(f"Airflow's scheduler has ended; see {self.log}")
            if time.monotonic() > deadline:
                sys.exit(f"the runs take longer than {within}; see {self.log}")
            time.sleep(0.3)
            for run_id in list(left):
                state = self.state(run_id)
                if state in ("success", "failed"):
                    left.remove(run_id)
                    finished(run_id, state)

    def task_log(self, run_id: str, task: str) -> str:
        """What the task wrote, all tries."""
        folder = (
            self.folder / "airflow" / "logs" / f"dag_id={DAG_ID}" / f"run_id={run_id}" / f"task_id={task}"
        )
        return "".join(file.read_text() for file in sorted(folder.glob("*.log")))

    def _airflow(self, log, *arguments: str) -> None:
        done = subprocess.run([sys.executable, "-m", "airflow", *arguments], stdout=log, stderr=log)
        if done.returncode != 0:
            sys.exit(f"airflow {' '.join(arguments)} failed; see {self.log}")

    def _end_old_runs(self) -> None:
        """Runs that were cut off would go on, beside new ones of the same year."""
        from airflow.api.common.mark_tasks import set_dag_run_state_to_failed
        from airflow.models import DagBag, DagRun

        dag = DagBag(read_dags_from_db=True).get_dag(DAG_ID)
        for state in ("queued", "running"):
            for run in DagRun.find(dag_id=DAG_ID, state=state):
                set_dag_run_state_to_failed(dag=dag, run_id=run.run_id, commit=True)

    def _runs(self, run_id: str):
        from airflow.models import DagRun

        return DagRun.find(dag_id=DAG_ID, run_id=run_id)


def _end_with_parent() -> None:
    """In the child: if this program is killed, the scheduler stops too (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
