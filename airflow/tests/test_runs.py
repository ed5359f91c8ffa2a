"""The DAG in the real Airflow: scheduler, LocalExecutor, retries, kills."""

from datetime import timedelta

from conftest import SAMPLE, wait_for, workers_running
from orchestrator import DAG_ID, WORKERS

SOON = timedelta(minutes=3)
# nyc_2013: rows of the raw file, and those with a departure delay (examples/README.md).
ROWS_2013 = 336_776
FLOWN_2013 = 328_521
# Three airports, 365 days.
AIRPORT_DAYS_2013 = 1_095


def run(airflow, year: int | None):
    """Runs the DAG to its end; the tasks by name, and the id of the run."""
    run_id = airflow.trigger(year)
    airflow.wait([run_id], within=SOON)
    return {result.task: result for result in airflow.results(run_id)}, run_id


def mark(run_id: str, task: str, state: str) -> None:
    from airflow.models import DagRun

    [dag_run] = DagRun.find(dag_id=DAG_ID, run_id=run_id)
    dag_run.get_task_instance(task).set_state(state)


def test_a_year_from_the_lake_to_the_warehouse(airflow, warehouse, lake):
    tasks, _ = run(airflow, 2013)
    assert [task.state for task in tasks.values()] == ["success"] * 6
    # Each XCom is the worker's summary.
    for name, task in tasks.items():
        assert task.summary["task"] == name
        assert task.summary["year"] == 2013
        assert task.summary["seconds"] >= 0
    rows = {name: (task.summary.get("rows_in"), task.summary.get("rows_out")) for name, task in tasks.items()}
    assert rows["clean"] == (ROWS_2013, FLOWN_2013)
    assert tasks["clean"].summary["cancelled"] == ROWS_2013 - FLOWN_2013
    assert rows["aggregate"] == (FLOWN_2013, AIRPORT_DAYS_2013)
    assert rows["detect"] == rows["load"] == (AIRPORT_DAYS_2013, AIRPORT_DAYS_2013)
    [[count, flagged, by_forest, flown, scheduled]] = warehouse(
        "SELECT count(*), sum(anomaly), sum(anomaly_if), sum(flights), sum(scheduled) "
        "FROM agg_dep_delay_by_date WHERE date_part('year', fl_date) = 2013"
    )
    assert int(count) == AIRPORT_DAYS_2013
    assert (int(flown), int(scheduled)) == (FLOWN_2013, ROWS_2013)
    # The forest: about 1 % of each airport's 365 days, three or four.
    assert 9 <= int(by_forest) <= 12
    assert 0 < int(flagged) < 0.1 * AIRPORT_DAYS_2013
    blizzard = warehouse(
        "SELECT anomaly FROM agg_dep_delay_by_date WHERE fl_date IN ('2013-02-08', '2013-02-09')"
    )
    assert blizzard == [["1"]] * 6
    assert (lake / "02_silver/year/2013/2013_02_silver.parquet").exists()
    assert (lake / "03_gold/agg_dep_delay_by_date/year/2013/2013_03_gold.parquet").exists()
    assert list(airflow.data.iterdir()) == []


def test_a_second_run_changes_no_row(airflow, warehouse):
    run(airflow, 2013)
    everything = "SELECT * FROM agg_dep_delay_by_date ORDER BY id"
    before = warehouse(everything)
    tasks, _ = run(airflow, 2013)
    changed = {key: tasks["load"].summary[key] for key in ("inserted", "updated", "deleted", "unchanged")}
    assert changed == {"inserted": 0, "updated": 0, "deleted": 0, "unchanged": AIRPORT_DAYS_2013}
    # last_update, too
    assert warehouse(everything) == before


def test_a_year_without_a_raw_file_is_skipped(airflow):
    # Without a year of its own a run is for that of its data interval: the last whole year.
    from airflow.utils import timezone

    tasks, run_id = run(airflow, None)
    assert [task.state for task in tasks.values()] == ["skipped"] * 6
    assert f"no 01_bronze/{timezone.utcnow().year - 1}.csv" in airflow.task_log(run_id, "extract")


def test_a_failing_task_is_tried_again(airflow, replace, tmp_path):
    damaged = tmp_path / "01_bronze" / "2001.csv.zst"
    damaged.parent.mkdir()
    damaged.write_bytes((SAMPLE / damaged.name).read_bytes()[:10_000])
    # Only the first try finds the damaged file.
    first = f'mkdir "{tmp_path}/tried" 2>/dev/null && export LAKE_URL="{tmp_path}"'
    replace("extract", f'{first}; exec "{WORKERS}/extract" "$@"')
    tasks, run_id = run(airflow, 2001)
    assert [task.state for task in tasks.values()] == ["success"] * 6
    assert tasks["extract"].tries == 2
    log = airflow.task_log(run_id, "extract")
    assert "extract: error:" in log
    assert "UP_FOR_RETRY" in log


def test_a_killed_task_leaves_no_process(airflow, load_that_waits):
    from airflow.utils.state import State

    run_id, load = load_that_waits
    # What the UI's "mark failed" does.
    mark(run_id, "load", State.FAILED)
    wait_for(lambda: not load.is_running(), "load ends")
    airflow.wait([run_id], within=SOON)
    assert airflow.state(run_id) == "failed"
    assert workers_running() == []
    assert "Sending Signals.SIGTERM to group" in airflow.task_log(run_id, "load")


def test_after_a_kill_the_year_runs_as_if_nothing_had_happened(airflow):
    tasks, _ = run(airflow, 2013)
    assert [task.state for task in tasks.values()] == ["success"] * 6
    assert list(airflow.data.iterdir()) == []


def test_wrong_usage_is_not_retried(airflow, replace):
    replace("detect", f'exec "{WORKERS}/detect" --contamination 5 "$@"')
    tasks, run_id = run(airflow, 2013)
    assert airflow.state(run_id) == "failed"
    assert (tasks["detect"].state, tasks["detect"].tries) == ("failed", 1)
    log = airflow.task_log(run_id, "detect")
    assert "detect: error:" in log
    assert "detect ended with exit code 2, wrong usage, and is not retried" in log


def clear(run_id: str, task: str) -> None:
    """What "Clear" in the UI does to one task, with "Downstream" switched off."""
    from airflow.models import DagBag, DagRun

    [dag_run] = DagRun.find(dag_id=DAG_ID, run_id=run_id)
    dag = DagBag(read_dags_from_db=True).get_dag(DAG_ID)
    one = dag.partial_subset(f"^{task}$", include_upstream=False, include_downstream=False)
    assert one.clear(start_date=dag_run.execution_date, end_date=dag_run.execution_date) == 1


def test_a_cleared_load_that_fails_makes_the_run_fail(airflow, replace):
    tasks, run_id = run(airflow, 2013)
    assert [task.state for task in tasks.values()] == ["success"] * 6
    begun, go_on = airflow.folder / "begun", airflow.folder / "go on"
    pause = f'touch "{begun}"; until [ -e "{go_on}" ]; do sleep 0.1; done'
    replace("load", f'{pause}; exec "{WORKERS}/load" "$@"')
    clear(run_id, "load")
    wait_for(begun.exists, "load runs again")
    # However load ends, also when Airflow is killed with it: the old success of cleanup no longer counts.
    assert [result.state for result in airflow.results(run_id)] == ["success"] * 4 + ["running", "None"]
    go_on.touch()
    airflow.wait([run_id], within=SOON)
    assert airflow.state(run_id) == "failed"
    states = {result.task: result.state for result in airflow.results(run_id)}
    assert (states["load"], states["cleanup"]) == ("failed", "upstream_failed")


def test_a_cleared_task_restarts_every_task_after_it(airflow):
    _, run_id = run(airflow, 2013)
    clear(run_id, "extract")
    airflow.wait([run_id], within=SOON)
    assert airflow.state(run_id) == "success"
    assert [(task.state, task.tries) for task in airflow.results(run_id)] == [("success", 2)] * 6
    assert list(airflow.data.iterdir()) == []
