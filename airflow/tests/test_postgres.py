"""The private PostgreSQL: whole, or made anew."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT, wait_for
from postgres import Server

SCRIPT = PROJECT / "airflow" / "local" / "postgres.py"


def start(folder: Path) -> subprocess.Popen:
    command = [sys.executable, SCRIPT, "serve", folder]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("until", ["", "PG_VERSION", "global"])
def test_a_cluster_whose_making_was_killed_is_made_anew(tmp_path, until):
    folder = tmp_path / "postgres"
    server = Server(folder)
    made = f"{server.data.name}.unfinished.*/{until}"
    # On a busy machine the kill may come too late, when the cluster is whole: then once more.
    for _ in range(10):
        killed = start(folder)
        wait_for(lambda: server.data.exists() or list(server.data.parent.glob(made)), made)
        killed.kill()
        killed.wait()
        if not server.data.exists():
            break
        server.remove()
    else:
        pytest.fail("no kill came before the cluster was whole")
    try:
        with server:
            answer = server.psql("-XAtc", "SELECT 1", capture_output=True, text=True)
            assert answer.stdout == "1\n"
    finally:
        server.remove()


def test_variables_of_another_server_do_not_matter(tmp_path, monkeypatch):
    for name in ("PGPASSWORD", "PGHOST", "PGSERVICE", "DATABASE_URL"):
        monkeypatch.setenv(name, "another")
    with Server(tmp_path) as server:
        server.create_database("flights")
    server.remove()


def test_a_cluster_in_use_is_told_as_such(tmp_path):
    with Server(tmp_path) as server:
        second = start(tmp_path)
        _, error = second.communicate(timeout=60)
        assert second.returncode == 1
        assert f"the PostgreSQL in {tmp_path} is in use" in error.decode()
    server.remove()
