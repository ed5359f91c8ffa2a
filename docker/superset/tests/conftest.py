"""What the tests share: a warehouse that the workers have filled, a Superset on it, and a browser."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

PROJECT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(PROJECT / "airflow" / "local"))

from api import Api  # noqa: E402
from dashboard import ADMIN, READER, Superset  # noqa: E402
from page import Page, chromium  # noqa: E402
from postgres import WAREHOUSE, Server  # noqa: E402

WORKERS = PROJECT / "target" / "release"
# Few airports with many flights, and many with few.
YEARS = ("2003", "2013")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("postgres"))
    with server:
        server.create_database(WAREHOUSE)
        yield server
    server.remove()


@pytest.fixture(scope="session")
def warehouse(server, tmp_path_factory):
    """The sample years in the warehouse, by the six workers."""
    assert (WORKERS / "load").exists(), "the workers are not built: run make test, which builds them"
    folder = tmp_path_factory.mktemp("lake")
    shutil.copytree(PROJECT / "examples" / "lake" / "01_bronze", folder / "lake" / "01_bronze")
    (folder / "data").mkdir()
    environment = os.environ | server.environment(WAREHOUSE)
    environment |= {"LAKE_URL": str(folder / "lake"), "DATA_DIR": str(folder / "data")}
    for year in YEARS:
        for worker in ("extract", "clean", "aggregate", "detect", "load"):
            subprocess.run([WORKERS / worker, "-qq", "--year", year], env=environment, check=True)
    return server


@pytest.fixture(scope="session")
def superset(server):
    """Made ready before the table is there, as in a new stack."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Superset(server, port) as superset:
        yield superset


def connect(server: Server, database: str, user: str, password: str):
    connection = psycopg2.connect(
        host="127.0.0.1", port=server.port, dbname=database, user=user, password=password
    )
    connection.autocommit = True
    return connection


@pytest.fixture(scope="session")
def ask(superset, warehouse):
    """Answers a query as Superset's user of the warehouse."""
    connection = connect(warehouse, WAREHOUSE, READER, superset.reader_password)

    def ask(query: str) -> list[tuple]:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()

    yield ask
    connection.close()


@pytest.fixture(scope="session")
def api(superset, warehouse) -> Api:
    """The admin, without a browser."""
    return Api(superset.site, ADMIN, superset.password)


@pytest.fixture(scope="session")
def page(superset, warehouse):
    """The dashboard in a browser, logged in."""
    with chromium() as browser:
        page = Page(browser, superset.site)
        page.log_in("admin", superset.password)
        yield page
