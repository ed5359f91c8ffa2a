"""One stack for all tests, from nothing; and the rows that it must come to."""

import contextlib
import shutil
import socket
import subprocess

import pytest
import stack
from stack import FOLDER, PROJECT, WORKERS, Airflow, compose, docker, run, sql, wait_for

# What is missing when a command fails. The tests of the files need the first two only.
NEEDS = {
    "docker/compose.sh version --short": "no docker compose, or older than 2 (Ubuntu: docker-compose-v2)",
    "openssl version": "no openssl",
    "docker buildx version": "no docker buildx (Debian, Ubuntu: docker-buildx)",
    "docker info": "no Docker engine answers",
}


def missing(needs: list[str]) -> str | None:
    for command in needs:
        done = subprocess.run(command, shell=True, cwd=PROJECT, capture_output=True, text=True)
        # docker-compose 1 is another program, which cannot read this file.
        if done.returncode or ("compose" in command and done.stdout.startswith("1.")):
            return NEEDS[command]


def pytest_collection_modifyitems(items):
    for_files, for_all = missing(list(NEEDS)[:2]), missing(list(NEEDS))
    for item in items:
        if reason := for_files if "test_0" in item.nodeid else for_all:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_addoption(parser):
    parser.addoption("--keep", action="store_true", help="work on the stack that is there, and leave it")


@pytest.fixture(autouse=True, scope="session")
def localhost():
    """Whatever.localhost is this machine (RFC 6761); not every resolver knows."""
    ask = socket.getaddrinfo

    def answer(host, *arguments, **options):
        return ask("127.0.0.1" if str(host).endswith(".localhost") else host, *arguments, **options)

    socket.getaddrinfo = answer
    yield
    socket.getaddrinfo = ask


@pytest.fixture(scope="session")
def up(request):
    """The stack, made from nothing by the one command."""
    keep = request.config.getoption("--keep")
    if not keep:
        compose("--profile", "*", "down", "--volumes", check=False)
        if FOLDER.exists():
            shutil.rmtree(FOLDER)
        FOLDER.mkdir(parents=True)
        if docker("images", "--quiet", "apache/superset:6.1.0") == "" and not can_pull():
            run("docker/tests/standins/build.sh")
        print(run("make", "stack"))
    yield
    if not keep:
        compose("--profile", "*", "down", "--volumes")


def can_pull() -> bool:
    pull = ["docker", "pull", "--quiet", stack.image("postgres")]
    return subprocess.run(pull, capture_output=True).returncode == 0


@pytest.fixture(scope="session")
def airflow(up) -> Airflow:
    return wait_for(log_in, "somebody can log in")


def log_in() -> Airflow | None:
    with contextlib.suppress(stack.requests.RequestException, TypeError):
        return Airflow()


@pytest.fixture(scope="session")
def expected(up) -> list[str]:
    """The rows of the sample years that the six workers come to on this machine, without Docker."""
    folder = FOLDER / "without-docker"
    programs = folder / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    made = docker("create", WORKERS, "extract").strip()
    docker("cp", f"{made}:/usr/local/bin/.", str(programs))
    docker("rm", made)
    shutil.copytree(PROJECT / "examples/lake/01_bronze", folder / "lake/01_bronze", dirs_exist_ok=True)
    python = str(PROJECT / ".venv/bin/python")
    postgres = [python, str(PROJECT / "airflow/local/postgres.py"), "with", str(folder / "postgres")]
    script = f"""
        set -e
        export PATH={programs}:$PATH LAKE_URL={folder}/lake DATA_DIR={folder}/data
        mkdir -p $DATA_DIR
        for year in {" ".join(map(str, stack.SAMPLE_YEARS))}; do
            for worker in {" ".join(stack.TASKS)}; do $worker -qq --year $year >&2; done
        done
        psql -XAtqc "{stack.ROWS}"
    """
    done = subprocess.run([*postgres, "bash", "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    subprocess.run([python, postgres[1], "remove", str(folder / "postgres")], check=True)
    rows = done.stdout.splitlines()
    assert len(rows) == 85_669
    return rows


@pytest.fixture
def load_that_waits(airflow):
    """A run of 2013 whose load waits for a lock on the table: the run's id. `release_lock()` lets it on."""
    hold = "BEGIN; LOCK TABLE agg_dep_delay_by_date IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)"
    compose("exec", "-d", "warehouse", "psql", "-XqU", "flights", "-c", hold)
    held = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%' AND wait_event = 'PgSleep'"
    wait_for(lambda: sql(held), "the table is locked")
    run_id = airflow.trigger(2013)
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    wait_for(lambda: sql(waiting), "load waits for the lock", 300)
    yield run_id
    stack.release_lock()
