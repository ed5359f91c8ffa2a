"""No password in a log, an XCom, or the rendered view of a task."""

from datetime import timedelta

from conftest import AWS_SECRET
from orchestrator import METADATA


def test_no_secret_is_to_be_seen(airflow, server):
    run_id = airflow.trigger(2013)
    airflow.wait([run_id], within=timedelta(minutes=3))
    assert airflow.state(run_id) == "success"

    # The places are looked at for something that must be there, too: a search that finds nothing
    # because it looks at nothing would pass.
    logs = "".join(file.read_text() for file in airflow.folder.rglob("*.log"))
    tables = ("xcom", "rendered_task_instance_fields", "log", "dag_run", "serialized_dag", "task_instance")
    stored = "".join(
        server.psql(
            "-XAtc", f"SELECT * FROM {table}", database=METADATA, capture_output=True, text=True
        ).stdout
        for table in tables
    )
    # XCom's values are stored as bytes.
    xcom = "SELECT convert_from(value, 'UTF8') FROM xcom"
    stored += server.psql("-XAtc", xcom, database=METADATA, capture_output=True, text=True).stdout
    assert "rows in agg_dep_delay_by_date" in logs or "agg_dep_delay_by_date in database" in logs
    assert "exec load --year 2013" in stored
    assert '"task\\":\\"load' in stored
    for secret in (server.password, AWS_SECRET):
        assert secret not in logs
        assert secret not in stored


def test_a_worker_does_not_see_airflows_own_secrets(load_that_waits):
    _, load = load_that_waits
    environment = load.environ()
    assert "PGPASSFILE" in environment
    assert [name for name in environment if name.startswith("AIRFLOW_")] == []


def test_a_worker_has_no_secret_among_its_arguments(server, load_that_waits):
    _, load = load_that_waits
    assert load.cmdline() == ["load", "--year", "2013"]
