"""The end of `make test`: what was skipped, why, and the line that counts."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT

CARGO = """\
test judged::tests::full_year ... ignored, make chaos: minutes
test crashes ... ignored, make chaos: minutes
SKIPPED: tls_from_a_server: no PostgreSQL with TLS (Debian: apt-get install postgresql)
SKIPPED: tls::names: only root may mount a disk
SKIPPED: tls::names: only root may mount a disk
test tls_from_a_server ... ok
test tls::names ... ok
test works ... ok
test result: ok. 3 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s
"""
PYTEST = """\
import pytest

def test_passes(): pass

@pytest.mark.parametrize("number", range(3))
def test_browser(number):
    pytest.skip("no Chromium (Debian: apt-get install chromium chromium-driver)")

@pytest.mark.skip(reason="no docker compose (Debian, Ubuntu: docker-compose-v2)")
def test_compose(): pass
"""
SKIPPED = """\
Skipped:
    3 of airflow: no Chromium (Debian: apt-get install chromium chromium-driver)
    1 of airflow: no docker compose (Debian, Ubuntu: docker-compose-v2)
    2 of rust: make chaos: minutes
    1 of rust: no PostgreSQL with TLS (Debian: apt-get install postgresql)
    1 of rust: only root may mount a disk
To run more of them: sudo apt-get install chromium chromium-driver docker-compose-v2 postgresql

2 passed, 0 failed, 8 skipped
"""


@pytest.fixture
def project(tmp_path) -> Path:
    """A project with one suite in Rust and one in Python, and nothing else."""
    shutil.copytree(PROJECT / ".ci", tmp_path / ".ci")
    (tmp_path / "airflow/tests").mkdir(parents=True)
    (tmp_path / "airflow/tests/test_some.py").write_text(PYTEST)
    (tmp_path / "rust").write_text(CARGO)
    # `python -m pytest docker/superset/tests` finds nothing to do.
    python = f'[ "$3" = docker/superset/tests ] || exec "{sys.executable}" "$@"'
    programs = {".venv/bin/python": python, "bin/cargo": "cat rust", "crates/build.sh": "exit 0"}
    programs |= {f"{folder}/run.sh": "exit 0" for folder in ("notebooks", "infra/tests", "docker/tests")}
    for name, script in programs.items():
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    return tmp_path


def test_what_was_skipped_and_why_comes_before_the_last_line(project):
    path = f"{project / 'bin'}:/usr/bin:/bin"
    done = subprocess.run([project / ".ci/test"], env={"PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(SKIPPED)


def test_nothing_skipped_is_not_mentioned(tmp_path):
    (tmp_path / "rust").write_text("test works ... ok\n")
    done = subprocess.run([sys.executable, PROJECT / ".ci/skipped.py", tmp_path], capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
