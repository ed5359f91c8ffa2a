"""The parameters of a run in the real Airflow: what is refused, and what reaches the workers."""

import shutil
from datetime import timedelta

import polars
import pytest
from conftest import SAMPLE

SOON = timedelta(minutes=3)


def run(airflow, year: int | None = None, **parameters):
    """Runs the DAG to its end; the tasks by name, and the id of the run."""
    run_id = airflow.trigger(year, **parameters)
    airflow.wait([run_id], within=SOON)
    return {result.task: result for result in airflow.results(run_id)}, run_id


@pytest.mark.parametrize("year", ["2013; touch ran", "2013", 13, 2013.5, 1986, 2100, True])
def test_rejects_what_is_not_a_year(airflow, year):
    from airflow.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError, match="Invalid input for param year"):
        airflow.trigger(year)


@pytest.mark.parametrize("name", ["partial", "allow_shrink"])
@pytest.mark.parametrize("value", ["false", 1, None])
def test_rejects_a_switch_that_is_neither_true_nor_false(airflow, name, value):
    from airflow.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError, match=f"Invalid input for param {name}"):
        airflow.trigger(2013, **{name: value})


def test_an_unknown_parameter_fails_the_run_at_once(airflow):
    tasks, run_id = run(airflow, yaer=2013, partial=False)
    assert airflow.state(run_id) == "failed"
    assert (tasks["extract"].state, tasks["extract"].tries) == ("failed", 1)
    assert {task.state for name, task in tasks.items() if name != "extract"} == {"upstream_failed"}
    log = airflow.task_log(run_id, "extract")
    assert "unknown parameter yaer" in log
    assert "(year, partial, allow_shrink)" in log
    assert "exec extract" not in log


def test_a_year_with_a_decimal_point_is_the_same_year(airflow):
    tasks, run_id = run(airflow, 2013.0)
    assert [task.state for task in tasks.values()] == ["success"] * 6
    assert tasks["extract"].summary["year"] == 2013
    assert "exec extract --year 2013'" in airflow.task_log(run_id, "extract")


@pytest.fixture
def replace_by_january(lake):
    """`replace_by_january()` leaves only January of the lake's raw file of 2002 until the test ends."""
    whole, part = lake / "01_bronze" / "2002.csv.zst", lake / "01_bronze" / "2002.csv"

    def replace() -> None:
        rows = polars.read_csv(whole, infer_schema=False)
        rows.filter(polars.col("FL_DATE").str.starts_with("2002-01-")).write_csv(part)
        whole.unlink()

    yield replace
    part.unlink()
    shutil.copyfile(SAMPLE / whole.name, whole)


def test_part_of_a_year_replaces_the_year_only_with_both_parameters(airflow, warehouse, replace_by_january):
    days = "SELECT count(DISTINCT fl_date) FROM agg_dep_delay_by_date WHERE date_part('year', fl_date) = 2002"
    tasks, _ = run(airflow, 2002)
    assert tasks["load"].state == "success"
    replace_by_january()
    tasks, _ = run(airflow, 2002)
    assert (tasks["clean"].state, tasks["load"].state) == ("failed", "upstream_failed")
    tasks, _ = run(airflow, 2002, partial=True)
    assert (tasks["clean"].state, tasks["load"].state) == ("success", "failed")
    assert warehouse(days) == [["365"]]
    tasks, _ = run(airflow, 2002, partial=True, allow_shrink=True)
    assert [task.state for task in tasks.values()] == ["success"] * 6
    assert warehouse(days) == [["31"]]
