"""The DAG as Airflow reads it, without running it."""

import os
import subprocess
import sys
from datetime import timedelta

import pendulum
import pytest
from orchestrator import DAG_ID, DAGS, TASKS

FILE = DAGS / "etl_ml_pipeline.py"


@pytest.fixture(scope="module")
def dag(airflow):
    from airflow.models import DagBag

    bag = DagBag(str(DAGS), include_examples=False)
    assert bag.import_errors == {}
    assert list(bag.dags) == [DAG_ID]
    return bag.dags[DAG_ID]


def test_six_tasks_in_one_chain(dag):
    edges = {(task.task_id, follower) for task in dag.tasks for follower in task.downstream_task_ids}
    assert edges == set(zip(TASKS, TASKS[1:]))
    assert sorted(dag.task_ids) == sorted(TASKS)


def test_a_run_on_1_january_for_the_year_just_ended_from_2009_on(dag):
    first = dag.next_dagrun_info(None)
    assert first.data_interval.start == pendulum.datetime(2009, 1, 1, tz="UTC")
    assert first.run_after == pendulum.datetime(2010, 1, 1, tz="UTC")
    second = dag.next_dagrun_info(first.data_interval)
    assert second.run_after == pendulum.datetime(2011, 1, 1, tz="UTC")
    assert dag.catchup
    assert dag.end_date is None


def test_every_task_is_tried_again_with_growing_pauses_and_ends_at_some_time(dag):
    for task in dag.tasks:
        assert task.retries == 3
        assert task.retry_exponential_backoff
        assert timedelta() < task.execution_timeout <= timedelta(hours=1)


def test_the_ui_explains_the_dag_and_every_task(dag):
    assert "| extract |" in dag.doc_md
    for task in dag.tasks:
        assert len(task.doc_md) > 80, task.task_id


def test_the_file_is_short_enough_to_be_a_table_of_contents():
    assert len(FILE.read_text().splitlines()) < 120


def test_nothing_is_looked_up_when_the_file_is_read(tmp_path):
    # A metadata database that cannot be reached: any look-up of a variable or a connection fails.
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://nobody@127.0.0.1:1/none",
    }
    done = subprocess.run([sys.executable, FILE], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
