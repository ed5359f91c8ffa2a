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


def containers() -> dict[str, str]:
    """The id and the start of the container of each service that runs."""
    lines = compose("ps", "--format", "json", OPERATOR="docker").splitlines()
    form = "{{.Id}} {{.State.StartedAt}}"
    return {s["Service"]: docker("inspect", "--format", form, s["ID"]) for s in map(json.loads, lines)}


def test_make_stack_again_recreates_only_what_reads_a_changed_file():
    def recreated() -> set[str]:
        before = containers()
        stack.run("make", "stack", OPERATOR="docker")
        after = containers()
        assert before.keys() == after.keys() and len(after) >= 9
        return {service for service, container in after.items() if before[service] != container}

    assert recreated() == set()
    (stack.FOLDER / "certificates/server.crt").touch()
    assert recreated() == {"nginx"}
    (stack.PROJECT / "docker/docker-proxy/haproxy.cfg").touch()
    assert recreated() == {"docker-proxy"}


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


def test_a_parameter_reaches_its_worker_alone(airflow, expected):
    run = airflow.ask("/dagRuns", "POST", conf={"year": 2013.0, "partial": True})["dag_run_id"]
    assert airflow.wait(run)[run] == "success"
    assert sql(ROWS) == expected


# In the scheduler's container: the operator, and the worker as its container, with a command that is wrong.
WRONG_USAGE = """
from airflow.models import DagBag
task = DagBag().get_dag("etl_ml_pipeline").get_task("extract")
task.command = "extract --year 13"
task.execute({"run_id": "wrong usage"})
"""


def test_wrong_usage_is_not_retried(airflow):
    said = compose("exec", "-T", "airflow-scheduler", "python", "-c", WRONG_USAGE, check=False)
    assert "AirflowFailException: extract ended with exit code 2, wrong usage" in said
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


@pytest.mark.parametrize(
    ("how", "service"),
    [("kill", "airflow-scheduler"), ("restart", "airflow-scheduler"), ("restart", "docker-proxy")],
)
def test_what_stands_between_is_stopped_while_a_container_runs(
    airflow, expected, load_that_waits, how, service
):
    [before] = workers()
    compose(how, service)
    compose("up", "--detach", service, OPERATOR="docker")
    # The try after that finds what the one before could not remove.
    wait_for(lambda: workers() not in ([before], []), "a second container", 400)
    stack.release_lock()
    assert airflow.wait(load_that_waits)[load_that_waits] == "success"
    assert workers() == []
    assert sql(ROWS) == expected


def test_a_task_that_is_marked_failed_stops_its_container_at_once(airflow, load_that_waits):
    [load] = workers()
    look = json.loads(docker("inspect", load))[0]
    assert look["Path"] == "load" and look["Args"] == ["--year", "2013"]
    assert look["Config"]["User"] == "50000:0"
    assert look["HostConfig"]["Memory"] == 512 << 20
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
    ("GET", "/{api}/containers/json?all=1", None, False),
    ("DELETE", "/volumes/x", None, False),
]


def api() -> str:
    """The newest version of the engine's API, as in a path. Docker 29 rejects versions before 1.44."""
    return "v" + docker("version", "--format", "{{.Server.APIVersion}}").strip()


def path_of_create(query: str = f"?name={stack.NAME}-worker-some") -> str:
    return f"/{api()}/containers/create{query}"


def create(image=WORKERS, **host) -> dict:
    host = {"NetworkMode": f"{stack.NAME}_back"} | host
    return {"Image": image, "User": "50000:0", "Cmd": ["extract", "--version"], "HostConfig": host}


def mount(**of) -> dict:
    return create(Mounts=[{"Target": "/x"} | of])


def without(key: str) -> dict:
    return {name: value for name, value in create().items() if name != key}


ALLOWED = {
    "as a worker": create(),
    "with the data dir": mount(Type="bind", Source=str(stack.FOLDER / "data")),
    "with the secrets": mount(Type="volume", Source=f"{stack.NAME}_secrets", ReadOnly=True),
}
REFUSED = {
    "another image": create(stack.AIRFLOW),
    "no image": without("Image"),
    "another spelling": create() | {"image": stack.AIRFLOW},
    "root": create() | {"User": "0"},
    "no user": without("User"),
    "another program": create() | {"Entrypoint": ["/data/program"]},
    "privileged": create(Privileged=True),
    "rights": create(CapAdd=["SYS_ADMIN"]),
    "a key that nobody has thought of": create(Novelty={}),
    "a folder of the host": create(Binds=["/:/host"]),
    "a mount of the host": mount(Type="bind", Source="/"),
    "a folder beside the data dir": mount(Type="bind", Source=str(stack.FOLDER / "data2")),
    "a volume of the stack": mount(Type="volume", Source=f"{stack.NAME}_airflow-db"),
    "a driver of volumes": mount(Type="volume", VolumeOptions={"DriverConfig": {"Name": "local"}}),
    "a pipe": mount(Type="npipe", Source=str(stack.FOLDER / "data")),
    "the host's network": create(NetworkMode="host"),
    "no network": without("HostConfig"),
    "another network": create() | {"NetworkingConfig": {"EndpointsConfig": {"engine": {}}}},
    "a port": create(PortBindings={"80/tcp": [{"HostPort": "80"}]}),
    "another log": create(LogConfig={"Type": "syslog", "Config": {}}),
    "a log elsewhere": create(LogConfig={"Type": None, "Config": {"syslog-address": "tcp://x"}}),
}


def through_the_proxy(method: str, path: str, body: str | None, *headers: str) -> int:
    """The status of a request that is made from the scheduler's container."""
    more = [option for header in headers for option in ("--header", header)]
    send = ["--data", body, "--header", "Content-Type: application/json"] if body is not None else []
    curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", method, *send, *more]
    return int(compose("exec", "-T", "airflow-scheduler", *curl, f"http://docker-proxy:2375{path}"))


@pytest.mark.parametrize(("method", "path", "body", "allowed"), REQUESTS)
def test_the_proxy_lets_through_what_the_operator_asks_for(method, path, body, allowed):
    path = path.format(id=stack.container("nginx"), worker=WORKERS, api=api())
    status = through_the_proxy(method, path, None if body is None else json.dumps(body))
    assert (status == 403) != allowed, status


@pytest.fixture
def created():
    """Asks for a container with this body: the status. It is gone afterwards."""

    def ask(body: str, *headers: str, path: str | None = None) -> int:
        status = through_the_proxy("POST", path or path_of_create(), body, *headers)
        for left in workers():
            docker("rm", left)
        return status

    return ask


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("what", ALLOWED | REFUSED)
def test_the_proxy_lets_only_workers_be_made(created, what, separators):
    body = json.dumps((ALLOWED | REFUSED)[what], separators=separators)
    assert created(body) == (201 if what in ALLOWED else 403)


EXTRAS = [
    '"Privileged" :true',
    '"NetworkMode" :"host"',
    '"Privileged"\n:true',
    '"Privileged"\t:true',
    '"\\u0050rivileged":true',
    '"Bind\u017f":["/:/host"]',
]


@pytest.mark.parametrize("extra", EXTRAS)
def test_no_key_is_spelt_another_way(created, extra):
    body = json.dumps(create()).replace('"HostConfig": {', f'"HostConfig": {{{extra}, ')
    assert created(body) == 403


@pytest.mark.parametrize("query", ["", "?name=warehouse", f"?name={stack.NAME}-warehouse-1", "?platform=x"])
def test_no_container_has_another_name_than_a_workers(created, query):
    assert created(json.dumps(create()), path=path_of_create(query)) == 403


def test_only_a_worker_is_removed_by_name(created):
    assert through_the_proxy("DELETE", f"/containers/{stack.NAME}-warehouse-1?force=True", None) == 403
    assert through_the_proxy("DELETE", f"/containers/{stack.NAME}-worker-x?force=True", None) == 404


BAD = json.dumps(create(Privileged=True) | {"User": "0"})


@pytest.mark.parametrize("length", [20_000, 59_000, 100_000])
@pytest.mark.parametrize("header", [0, 5_000, 12_000])
def test_no_body_is_too_long_to_be_seen(created, length, header):
    # What is bad comes last, where a buffer that the headers have filled does not reach.
    good = json.dumps(create())[:-1] + ","
    body = good + " " * length + BAD[1:]
    headers = [f"X-{number}: {'x' * 1000}" for number in range(header // 1000)]
    assert created(body, *headers) in (400, 403, 413)


def test_no_body_comes_in_pieces(created):
    for body in (json.dumps(create()), BAD):
        assert created(body, "Transfer-Encoding: chunked") == 403


@pytest.mark.parametrize("version", ["", "/v1.23", "/v1.24", "/{api}"])
def test_a_start_brings_no_rights_with_it(version):
    """Engines up to API version 1.23 take a HostConfig with it."""
    host = json.dumps({"Binds": ["/:/host"], "Privileged": True})
    path = f"{version}/containers/{'0' * 64}/start".format(api=api())
    assert through_the_proxy("POST", path, host) == 403
    without = through_the_proxy("POST", path, None)
    # The engine answers that there is no such container, or that this version of its API is too old.
    assert without in ((400, 404) if version in ("/v1.24", "/{api}") else (403,))


def test_nobody_but_the_scheduler_reaches_the_proxy():
    for service in ("airflow-webserver", "nginx"):
        curl = ["curl", "-s", "-m", "5", "http://docker-proxy:2375/version"]
        done = subprocess.run(
            ["docker", "exec", stack.container(service), *curl], capture_output=True, text=True
        )
        assert done.returncode in (6, 7, 28), done
