"""What is stopped and started again, and what a run in progress loses by it: nothing."""

import time

import pytest
import stack
from stack import ROWS, compose, docker, sql, wait_for


def test_down_and_up_keep_everything(airflow, expected):
    before = airflow.runs()
    compose("down")
    assert (
        docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={stack.NAME}") == ""
    )
    compose("up", "--detach", "--wait")
    again = stack.Airflow()
    assert again.runs() == before
    assert sql(ROWS) == expected
    run = again.trigger(2013)
    assert again.wait(run)[run] == "success"
    assert '"unchanged":1095' in again.summary(run, "load").replace(" ", "")


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_the_scheduler_while_a_task_runs(airflow, expected, load_that_waits, how):
    compose(how, "airflow-scheduler")
    compose("up", "--detach", "airflow-scheduler")
    stack.release_lock()
    assert airflow.wait(load_that_waits)[load_that_waits] == "success"
    assert sql(ROWS) == expected


def test_the_warehouse_while_a_load_runs(airflow, expected, load_that_waits):
    compose("restart", "warehouse")
    assert airflow.wait(load_that_waits)[load_that_waits] == "success"
    assert airflow.tasks(load_that_waits)["load"]["try_number"] >= 2
    assert sql(ROWS) == expected


def test_the_lake_while_a_year_is_fetched(airflow, expected):
    compose("stop", "lake")
    run = airflow.trigger(2013)
    wait_for(lambda: airflow.tasks(run)["extract"]["state"] == "running", "extract runs")
    time.sleep(3)
    compose("start", "lake")
    assert airflow.wait(run)[run] == "success"
    assert sql(ROWS) == expected


@pytest.mark.parametrize("service", ["nginx", "airflow-webserver", "airflow-db"])
def test_any_other_service_while_a_task_runs(airflow, expected, load_that_waits, service):
    compose("restart", service)
    wait_for(stack.answers, f"{service} is back")
    stack.release_lock()
    assert airflow.wait(load_that_waits)[load_that_waits] == "success"
    assert sql(ROWS) == expected
