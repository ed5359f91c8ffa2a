"""The DAG as Airflow reads it, without running it."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from types import SimpleNamespace

import pendulum
import pytest
from orchestrator import DAG_ID, DAGS, PROJECT, TASKS

FILE = DAGS / "etl_ml_pipeline.py"
COMPOSE = PROJECT / "docker-compose.yaml"
# What the stack gives Airflow for workers as containers.
CONTAINERS = {
    "WORKERS_OPERATOR": "docker",
    "WORKERS_STACK": "flight-delays",
    "WORKERS_DATA_DIR": "/srv/data",
    "WORKERS_POOL": "workers",
    "DATA_DIR": "/data",
    "PGPASSFILE": "/run/secrets/pgpass",
    "AWS_SECRET_ACCESS_KEY": "canary-4c1e9a",
    "AIRFLOW__CORE__FERNET_KEY": "",
}


@pytest.fixture(scope="module")
def dag(airflow):
    return read()


@pytest.fixture
def dag_of_containers(airflow, monkeypatch):
    for name, value in CONTAINERS.items():
        monkeypatch.setenv(name, value)
    return read()


def read():
    from airflow.models import DagBag

    bag = DagBag(str(DAGS), include_examples=False)
    assert bag.import_errors == {}
    assert list(bag.dags) == [DAG_ID]
    return bag.dags[DAG_ID]


@pytest.mark.parametrize("operator", ["dag", "dag_of_containers"])
def test_six_tasks_in_one_chain(operator, request):
    dag = request.getfixturevalue(operator)
    edges = {(task.task_id, follower) for task in dag.tasks for follower in task.downstream_task_ids}
    assert edges == set(zip(TASKS, TASKS[1:]))
    assert sorted(dag.task_ids) == sorted(TASKS)


def test_years_side_by_side_share_a_pool(dag, dag_of_containers):
    assert dag.max_active_runs > 1
    assert {task.pool for task in dag.tasks} == {"default_pool"}
    assert {task.pool for task in dag_of_containers.tasks} == {"workers"}


@pytest.mark.parametrize("operator", ["dag", "dag_of_containers"])
@pytest.mark.parametrize(
    ("parameters", "flags"),
    [
        ({"year": None}, {}),
        ({"year": 2013.0, "partial": True}, {"clean": " --partial"}),
        ({"year": 2013, "allow_shrink": True}, {"load": " --allow-shrink"}),
    ],
)
def test_the_command_of_each_worker(operator, parameters, flags, request):
    dag = request.getfixturevalue(operator)
    context = {
        "params": dag.params.validate() | parameters,
        "data_interval_start": pendulum.datetime(2013, 1, 1),
    }
    for task in dag.tasks:
        expected = f"{task.task_id} --year 2013{flags.get(task.task_id, '')}"
        if operator == "dag":
            rendered = task.render_template(task.bash_command, context)
            assert rendered == f"unset ${{!AIRFLOW_@}}; exec {expected}"
        else:
            assert task.render_template(task.command, context) == expected


def test_a_container_is_the_workers_image_on_the_same_data_dir(dag, dag_of_containers):
    for task in dag_of_containers.tasks:
        assert task.image == "flight-delays/workers"
        assert task.network_mode == "flight-delays_back"
        places = [(mount["Target"], mount["Source"], mount["ReadOnly"]) for mount in task.mounts]
        assert places == [
            ("/data", "/srv/data", False),
            ("/run/secrets", "flight-delays_secrets", True),
        ]
        assert (task.user, task.mem_limit, task.auto_remove) == ("50000:0", "512m", "force")
        assert list(task.skip_on_exit_code) == [99]
        like = dag.get_task(task.task_id)
        assert (task.execution_timeout, task.retries) == (like.execution_timeout, like.retries)


def test_a_container_has_what_it_needs_and_no_secret_of_airflow(dag_of_containers):
    from airflow.serialization.serialized_objects import SerializedDAG

    for task in dag_of_containers.tasks:
        assert task.environment == {}
        assert {"DATA_DIR", "PGPASSFILE", "AWS_SECRET_ACCESS_KEY"} <= task._private_environment.keys()
        assert not [name for name in task._private_environment if name.startswith(("AIRFLOW_", "WORKERS_"))]
    assert "canary-4c1e9a" not in str(SerializedDAG.to_dict(dag_of_containers))


class Engine:
    """Of the Docker engine, what removes a container."""

    def __init__(self):
        self.removed = []

    def remove_container(self, name: str, force: bool) -> None:
        from docker.errors import NotFound

        self.removed.append((name, force))
        raise NotFound("no such container")


@pytest.fixture
def load(dag_of_containers, monkeypatch):
    """The task `load` as a container, with an engine that has no containers; `run(chunks)` runs it."""
    from airflow.providers.docker.operators.docker import DockerOperator

    task = dag_of_containers.get_task("load")
    task.__dict__["hook"] = SimpleNamespace(api_client=Engine())

    def run(chunks: list[str] | Exception | None) -> str:
        def execute(_self, _context):
            if isinstance(chunks, Exception):
                raise chunks
            return chunks

        monkeypatch.setattr(DockerOperator, "execute", execute)
        return task.execute({"run_id": "scheduled__2013-01-01T00:00:00+00:00"})

    task.__dict__["run"] = run
    return task


SUMMARY = '{"task":"load","year":2013}'


@pytest.mark.parametrize(
    "chunks", [[f"load: a line\n{SUMMARY}"], ["load: a", f"{SUMMARY}\nload: b", "load: c"]]
)
def test_the_summary_of_a_container_is_found_wherever_it_arrives(load, chunks):
    assert load.run(chunks) == SUMMARY


@pytest.mark.parametrize("chunks", [None, ["load: a line"]])
def test_a_container_without_a_summary_is_a_failure(load, chunks):
    from airflow.exceptions import AirflowException

    with pytest.raises(AirflowException, match="load printed no summary"):
        load.run(chunks)


@pytest.mark.parametrize(("code", "retried"), [(1, True), (2, False), (22, True), (143, True)])
def test_a_container_with_wrong_usage_is_not_retried(load, code, retried):
    from airflow.exceptions import AirflowException, AirflowFailException
    from airflow.providers.docker.exceptions import DockerContainerFailedException

    # The message of DockerOperator 3.7.5; docker/tests has the real one.
    failed = DockerContainerFailedException(
        f"Docker container failed: {{'Error': None, 'StatusCode': {code}}}", logs=["load: error: a line"]
    )
    with pytest.raises(AirflowException) as raised:
        load.run(failed)
    assert isinstance(raised.value, AirflowFailException) != retried
    assert raised.value is failed or "load ended with exit code 2, wrong usage" in str(raised.value)


def test_a_try_removes_what_an_earlier_one_has_left(load):
    load.run([SUMMARY])
    name = "flight-delays-worker-load-scheduled__2013-01-01T00_00_00_00_00"
    assert load.cli.removed == [(name, True)]
    assert load.container_name == name


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
    for parameter in dag.params:
        assert f"| `{parameter}` |" in dag.doc_md
    names = set(re.findall(r"\bWORKERS_\w+", dag.doc_md))
    assert names and names <= set(re.findall(r"WORKERS_\w+", COMPOSE.read_text()))
    for task in dag.tasks:
        assert len(task.doc_md) > 80, task.task_id


def test_the_file_is_short_enough_to_be_a_table_of_contents():
    assert len(FILE.read_text().splitlines()) < 130


def test_nothing_is_looked_up_when_the_file_is_read(tmp_path):
    # A metadata database that cannot be reached: any look-up of a variable or a connection fails.
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://nobody@127.0.0.1:1/none",
    }
    done = subprocess.run([sys.executable, FILE], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
