"""The workers as containers: six a year, none left behind, killed and run again."""

import json
import re
import subprocess
import time
from datetime import datetime, timezone

import pytest
import stack
from stack import ROWS, TASKS, WORKERS, compose, docker, sql, wait_for, workers

# What the stack's own services and these tests find in the containers of workers: see README.md.
ACCEPTED = {"LAKE_ACCESS_KEY", "LAKE_SECRET_KEY"}


@pytest.fixture(scope="module", autouse=True)
def with_docker(airflow):
    compose("up", "--detach", "--wait", OPERATOR="docker")
    yield
    compose("--profile", "docker", "rm", "--stop", "--force", "docker-proxy")
    compose("up", "--detach", "--wait")


def made_since(start: float) -> list[str]:
    """The commands of the workers' containers that have been made since then."""
    now = time.time()
    span = [f"--since={start:.0f}", f"--until={now:.0f}"]
    events = docker(
        "events", *span, "--filter=event=create", f"--filter=image={WORKERS}", "--format={{.Actor.ID}}"
    )
    return events.split()


def test_a_year_is_six_containers_and_none_is_left(airflow, expected):
    start = time.time()
    sql("DELETE FROM agg_dep_delay_by_date WHERE date_part('year', fl_date) = 2013")
    run = airflow.trigger(2013)
    assert airflow.wait(run)[run] == "success"
    assert len(made_since(start)) == len(TASKS)
    assert workers() == []
    assert sql(ROWS) == expected
    for task in TASKS:
        summary = json.loads(airflow.summary(run, task))
        assert (summary["task"], summary["year"]) == (task, 2013)
        assert re.search(rf"\b{task}: ", airflow.log(run, task)), "the log of the worker"


def test_a_year_without_a_raw_file_is_skipped(airflow):
    run = airflow.trigger(1999)
    assert airflow.wait(run)[run] == "success"
    assert {task["state"] for task in airflow.tasks(run).values()} == {"skipped"}
    assert workers() == []


def test_a_killed_container_is_run_again(airflow, expected, load_that_waits):
    [killed] = workers()
    docker("kill", killed)
    wait_for(lambda: workers() not in ([killed], []), "a second container")
    stack.release_lock()
    assert airflow.wait(load_that_waits)[load_that_waits] == "success"
    assert airflow.tasks(load_that_waits)["load"]["try_number"] == 2
    assert workers() == []
    assert sql(ROWS) == expected


def test_a_task_that_is_marked_failed_stops_its_container_at_once(airflow, load_that_waits):
    [load] = workers()
    look = json.loads(docker("inspect", load))[0]
    assert look["Path"] == "load" and look["Args"] == ["--year", "2013"]
    assert look["Config"]["User"] == "50000:0"
    assert look["HostConfig"]["Memory"] == 2 << 30
    assert look["HostConfig"]["Privileged"] is False
    # A worker's container shows no more secrets than README.md owns up to.
    shown = json.dumps(look)
    assert {name for name, value in stack.secrets().items() if value in shown} <= ACCEPTED
    start = datetime.now(timezone.utc)
    airflow.ask(f"/dagRuns/{load_that_waits}", "PATCH", state="failed")
    wait_for(lambda: workers() == [], "the container is gone", 60)
    ended = docker("events", f"--since={start.timestamp():.0f}", f"--until={time.time():.0f}",
                   f"--filter=container={load}", "--filter=event=die",
                   "--format={{.Actor.Attributes.exitCode}}")  # fmt: skip
    # By SIGTERM, which it obeys as process 1; 137 would be SIGKILL after ten seconds.
    assert ended.split() == ["143"]


REQUESTS = [
    ("GET", "/version", None, True),
    ("GET", "/info", None, False),
    ("GET", "/containers/json", None, False),
    ("GET", "/containers/{id}/json", None, True),
    ("GET", "/containers/flight-delays-test-airflow-db-1/json", None, False),
    ("POST", "/containers/{id}/exec", {}, False),
    ("GET", "/images/{worker}/json", None, False),
    ("POST", "/images/create?fromImage=x", {}, False),
    ("POST", "/build", {}, False),
    ("GET", "/volumes", None, False),
    ("GET", "/v1.41/containers/json?all=1", None, False),
    ("DELETE", "/volumes/x", None, False),
]


NETWORK = {"NetworkMode": f"{stack.NAME}_back"}


def create(image=WORKERS, **host) -> tuple:
    return {"Image": image, "User": "50000:0", "Cmd": ["extract", "--version"], "HostConfig": NETWORK | host}


CONTAINERS = {
    "as a worker": (create(), True),
    "another image": (create("flight-delays/airflow"), False),
    "privileged": (create(Privileged=True), False),
    "a folder of the host": (create(Binds=["/:/host"]), False),
    "a mount of the host": (create(Mounts=[{"Type": "bind", "Source": "/", "Target": "/host"}]), False),
    "a volume of the stack": (
        create(Mounts=[{"Type": "volume", "Source": "flight-delays-test_airflow-db", "Target": "/x"}]),
        False,
    ),
    "the host's network": (create(NetworkMode="host"), False),
    "rights": (create(CapAdd=["SYS_ADMIN"]), False),
    "root": (create() | {"User": "0"}, False),
    "no user": ({k: v for k, v in create().items() if k != "User"}, False),
    "another program": (create() | {"Entrypoint": ["/data/program"]}, False),
    "the kernel's settings": (create(ReadonlyPaths=[], MaskedPaths=[]), False),
    "another network": (create() | {"NetworkingConfig": {"EndpointsConfig": {"engine": {}}}}, False),
    "another spelling": ({"Image": WORKERS, "image": "flight-delays/airflow"}, False),
}


def through_the_proxy(method: str, path: str, body: str | None) -> int:
    """The status of a request that is made from the scheduler's container."""
    send = ["--data", body, "--header", "Content-Type: application/json"] if body is not None else []
    curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", method, *send]
    return int(compose("exec", "-T", "airflow-scheduler", *curl, f"http://docker-proxy:2375{path}"))


@pytest.mark.parametrize(("method", "path", "body", "allowed"), REQUESTS)
def test_the_proxy_lets_through_what_the_operator_asks_for(method, path, body, allowed):
    path = path.format(id=stack.container("nginx"), worker=WORKERS)
    status = through_the_proxy(method, path, None if body is None else json.dumps(body))
    assert (status == 403) != allowed, status


@pytest.mark.parametrize("what", CONTAINERS)
def test_the_proxy_lets_only_workers_be_made(what):
    body, allowed = CONTAINERS[what]
    for separators in ((",", ":"), (", ", ": ")):
        status = through_the_proxy("POST", "/containers/create", json.dumps(body, separators=separators))
        assert status == (201 if allowed else 403)
    for left in workers():
        docker("rm", left)


def test_no_name_is_spelt_with_escapes():
    body = json.dumps(create()).replace('"HostConfig": {', '"HostConfig": {"\\u0050rivileged": true')
    assert through_the_proxy("POST", "/containers/create", body) == 403


@pytest.mark.parametrize(
    "extra", ['"Privileged" :true', '"Privileged"\n:true', '"Privileged"\t:true', '"Bind\u017f":["/:/host"]']
)
def test_no_name_is_spelt_another_way(extra):
    body = json.dumps(create()).replace('"HostConfig": {', f'"HostConfig": {{{extra}')
    assert through_the_proxy("POST", "/containers/create", body) == 403


def test_no_container_gets_the_name_of_a_service():
    assert through_the_proxy("POST", "/containers/create?name=warehouse", json.dumps(create())) == 403


def test_no_body_is_too_long_to_be_seen():
    body = json.dumps(create() | {"Labels": {"x": "x" * 100_000}} | {"image": "flight-delays/airflow"})
    assert through_the_proxy("POST", "/containers/create", body) in (400, 403, 413)


def test_nobody_but_the_scheduler_reaches_the_proxy():
    for service in ("airflow-webserver", "nginx"):
        curl = ["curl", "-s", "-m", "5", "http://docker-proxy:2375/version"]
        done = subprocess.run(
            ["docker", "exec", stack.container(service), *curl], capture_output=True, text=True
        )
        assert done.returncode in (6, 7, 28), done
