"""`make run` in a project folder of its own: which years it processes, and which files it leaves alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars
import pytest
from conftest import PROJECT, SAMPLE

OWN = "this file is somebody's own\n"
SAMPLE_2013 = "2013.csv.zst"


@pytest.fixture
def project(tmp_path) -> Path:
    """A copy of the project with one sample year, 2013."""
    project = tmp_path / "project"
    shutil.copytree(PROJECT / "airflow" / "local", project / "airflow" / "local")
    shutil.copytree(PROJECT / "airflow" / "dags", project / "airflow" / "dags")
    (project / "examples/lake/01_bronze").mkdir(parents=True)
    shutil.copy2(SAMPLE / SAMPLE_2013, project / "examples/lake/01_bronze")
    shutil.copy2(PROJECT / "Makefile", project)
    (project / ".venv").symlink_to(sys.prefix)
    (project / "target").symlink_to(PROJECT / "target")
    yield project
    # The server's data may be in a folder of root.
    postgres = [project / "airflow/local/postgres.py", "remove", project / ".run/postgres"]
    subprocess.run([sys.executable, *postgres], check=True)


@pytest.fixture
def bronze(project) -> Path:
    """The raw files of the sample lake."""
    bronze = project / ".run/lake/01_bronze"
    bronze.mkdir(parents=True)
    return bronze


def make_run(project: Path, *settings: str) -> subprocess.CompletedProcess:
    # What these two build and install is there.
    there = ["--old-file=workers", "--old-file=environment"]
    environment = {name: value for name, value in os.environ.items() if name not in ("YEARS", "LAKE")}
    return subprocess.run(
        ["make", *there, "run", *settings], cwd=project, env=environment, capture_output=True, text=True
    )


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_own_years_of_an_own_lake(project, tmp_path):
    lake = tmp_path / "my lake"
    (lake / "01_bronze").mkdir(parents=True)
    for name in ("2003.csv.zst", SAMPLE_2013):
        shutil.copy2(SAMPLE / name, lake / "01_bronze")
    before = contents(lake)
    done = make_run(project, "YEARS=2013, 2018", f"LAKE={lake}")
    # One of the two years is missing.
    assert done.returncode != 0
    assert "run: 2018: skipped, the lake has no raw file of this year" in done.stderr
    assert "Airflow runs the DAG for years 2013, 2018" in done.stderr
    assert "rows inserted, 0 updated, 0 deleted, 0 unchanged" in done.stdout
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("2013 ")] == [
        "extract", "clean", "aggregate", "detect", "load", "cleanup",
    ]  # fmt: skip
    after = contents(lake)
    written = {name.split("/")[0] for name in after.keys() - before.keys()}
    assert written == {"02_silver", "03_gold"}
    assert {name: after[name] for name in before} == before
    assert not (project / ".run/lake").exists()
    assert not (project / ".run/pictures/2018.png").exists()


def test_the_samples_and_no_other_file(project, bronze):
    for name in ("2018.csv", "2012.csv.gz", "notes.txt"):
        (bronze / name).write_text(OWN)
    before = contents(bronze)
    done = make_run(project)
    assert done.returncode == 0, done.stderr
    assert "not processed: 2012.csv.gz, 2018.csv, notes.txt; make run YEARS=…" in done.stderr
    assert "The table: 1,095 rows inserted" in done.stdout
    after = contents(bronze)
    assert after.pop(SAMPLE_2013)[0] == (SAMPLE / SAMPLE_2013).read_bytes()
    assert after == before


@pytest.mark.parametrize("name", ["2013.csv", "2013.csv.gz", "2013.CSV", "2013", "year=2013", SAMPLE_2013])
def test_an_own_file_of_a_sample_year_stays(project, bronze, name):
    (bronze / name).write_text(OWN)
    before = contents(bronze)
    done = make_run(project)
    assert done.returncode != 0
    assert f"has your own file {name} of a sample year: run make run YEARS=2013" in done.stderr
    assert contents(bronze) == before


def test_an_own_file_beside_the_sample_stays(project, bronze):
    (bronze / "2013.csv").write_text(OWN)
    shutil.copy2(SAMPLE / SAMPLE_2013, bronze)
    before = contents(bronze)
    for settings in ([], ["YEARS=2013"]):
        done = make_run(project, *settings)
        assert done.returncode != 0
        assert "two files of 2013: your own 2013.csv and the sample 2013.csv.zst" in done.stderr
        assert contents(bronze) == before


def test_an_own_file_of_a_sample_year_is_processed_when_its_year_is_asked_for(project, bronze):
    sample = polars.read_csv(SAMPLE / SAMPLE_2013, infer_schema=False)
    sample.filter(polars.col("ORIGIN") == "JFK").write_csv(bronze / "2013.csv")
    (bronze / "2012.csv").write_text(OWN)
    before = contents(bronze)
    done = make_run(project, "YEARS=2013")
    assert done.returncode == 0, done.stderr
    assert "year 2013 of the sample lake" in done.stderr
    assert "not processed: 2012.csv;" in done.stderr
    assert "The table: 365 rows inserted" in done.stdout
    assert contents(bronze) == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"YEARS": "218"}, "YEARS has '218', which is not a year from 1987 to 2099"),
        ({"YEARS": "2018 2100"}, "YEARS has '2100', which is not a year"),
        ({"YEARS": "2009-2018"}, "YEARS has '2009-2018', which is not a year"),
        ({"LAKE": "/tmp"}, "LAKE is set, but YEARS is not: name the years to process"),
        ({"LAKE": "/nowhere", "YEARS": "2018"}, "LAKE is /nowhere, which has no folder 01_bronze"),
        ({"LAKE": "gs://bucket", "YEARS": "2018"}, "LAKE is an address of another form than s3://bucket"),
        ({"LAKE": "s3://", "YEARS": "2018"}, "LAKE is an address of another form than s3://bucket"),
        ({"LAKE": "s3://me:canary@host/x", "YEARS": "2018"}, "LAKE is an address of another form"),
    ],
)
def test_wrong_values_are_exit_code_2_before_anything_is_built(settings, message):
    """By the Python of the system, which has no package of the project."""
    done = subprocess.run(
        ["python3", PROJECT / "airflow/local/inputs.py"],
        env={"PATH": os.environ["PATH"]} | settings, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(f"run: error: {message}")
    assert "canary" not in done.stderr


@pytest.mark.parametrize(
    ("settings", "years", "lake"),
    [
        ({}, [], ""),
        ({"YEARS": " ", "LAKE": ""}, [], ""),
        ({"YEARS": "2019, 2018 2019"}, [2018, 2019], ""),
        ({"YEARS": "2018", "LAKE": "s3://bucket/a prefix"}, [2018], "s3://bucket/a prefix"),
        ({"YEARS": "2018", "LAKE": "file:///lake"}, [2018], "file:///lake"),
        ({"YEARS": "2018", "LAKE": "examples/lake"}, [2018], str(PROJECT / "examples/lake")),
    ],
)
def test_years_and_lake(settings, years, lake, monkeypatch):
    from inputs import parse

    monkeypatch.chdir(PROJECT)
    assert parse(settings) == (years, lake)
