"""The compose file and the scripts before anything runs."""

import json
import os
import re
import shutil
import subprocess

import pytest
from stack import ENVIRONMENT, NAME, PROJECT, compose, run

FORCED = ["AIRFLOW_DB_PASSWORD", "AIRFLOW_ADMIN_PASSWORD", "AIRFLOW_FERNET_KEY", "AIRFLOW_SECRET_KEY"]
FORCED += ["WAREHOUSE_PASSWORD", "SUPERSET_DB_PASSWORD", "SUPERSET_ADMIN_PASSWORD", "SUPERSET_SECRET_KEY"]
FORCED += ["SUPERSET_WAREHOUSE_PASSWORD"]
# What ends when it has done its work.
ONE_SHOT = {"airflow-init", "superset-init", "prepare", "samples"}


@pytest.fixture
def environment(tmp_path):
    """The variables of a stack that has been set up in a folder of its own."""
    own = {
        "COMPOSE_ENV_FILES": str(tmp_path / ".env"),
        "CERTIFICATES": str(tmp_path / "certificates"),
        "DATA_DIR": "/srv/data",
    }
    run("docker/setup.sh", **own)
    return own


def config(environment: dict, *options: str) -> dict:
    answer = subprocess.run(
        ["docker/compose.sh", *options, "config", "--format", "json"],
        cwd=PROJECT, env=os.environ | ENVIRONMENT | environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert answer.stderr == ""
    return json.loads(answer.stdout)


def test_a_second_set_up_changes_nothing(environment, tmp_path):
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    before = {file: file.read_bytes() for file in files}
    assert len(before) == 3
    run("docker/setup.sh", **environment)
    assert {file: file.read_bytes() for file in files} == before
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    assert (tmp_path / "certificates/server.key").stat().st_mode & 0o077 == 0


def test_an_older_env_gets_the_new_variables_and_keeps_the_rest(environment, tmp_path):
    env = tmp_path / ".env"
    whole = env.read_text()
    env.write_text(re.sub(r"^(AIRFLOW_SECRET_KEY|HTTP_PORT)=.*\n", "", whole, flags=re.M))
    older = env.read_text()
    said = run("docker/setup.sh", **environment)
    assert "new in" in said and "HTTP_PORT AIRFLOW_SECRET_KEY;" in said
    assert env.read_text().startswith(older)
    assert re.search(r"^HTTP_PORT=80\nAIRFLOW_SECRET_KEY=[0-9a-f]{40}$", env.read_text(), re.M)
    assert env.stat().st_mode & 0o077 == 0
    now = env.read_bytes()
    run("docker/setup.sh", **environment)
    assert env.read_bytes() == now


def test_a_path_that_would_be_read_otherwise_is_refused(tmp_path):
    folder = tmp_path / "a$b"
    shutil.copytree(PROJECT / "docker", folder / "docker", ignore=shutil.ignore_patterns("tests"))
    said = run(str(folder / "docker/setup.sh"), check=False, COMPOSE_ENV_FILES=str(folder / ".env"))
    assert "setup: the path of this folder has characters other than" in said
    assert not (folder / ".env").exists()


def test_every_variable_is_in_the_example_and_in_the_readme(environment):
    example = set(re.findall(r"^(\w+)=", (PROJECT / ".env.example").read_text(), re.M))
    file = (PROJECT / "docker-compose.yaml").read_text()
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", file)) - {"COMPOSE_PROJECT_NAME"}
    # COMPOSE_PROFILES is for Compose itself.
    assert used | {"COMPOSE_PROFILES"} == example
    readme = (PROJECT / "README.md").read_text()
    assert {name for name in example if f"`{name}`" not in readme} == set()


@pytest.mark.parametrize("name", FORCED)
def test_nothing_starts_without_a_password(environment, name):
    error = compose("config", check=False, **environment, **{name: ""})
    assert f"required variable {name} is missing a value: run docker/setup.sh" in error


def test_no_image_is_unpinned_and_no_port_but_nginxs_is_open_to_others(environment):
    services = config(environment, "--profile", "*")["services"]
    for name, service in services.items():
        if not service["image"].startswith(f"{NAME}/"):
            assert re.fullmatch(r"[\w./]+:\d+\.\d+(\.\d+)?", service["image"]), service["image"]
            assert "healthcheck" in service or service["restart"] == "no"
        for port in service.get("ports", []):
            assert name == "nginx" or port["host_ip"] == "127.0.0.1"
        if name == "workers":
            continue
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
        assert set(service["networks"]) <= {"back", "engine"} or name == "nginx"
        assert service["restart"] == "unless-stopped" or name in ONE_SHOT
        assert "mem_limit" in service or service["restart"] == "no"


def test_no_two_services_build_the_same_image(environment):
    """Compose 2.40 builds all services at the same time; a second build of an image fails at its export."""
    services = config(environment, "--profile", "*")["services"]
    built = [service["image"] for service in services.values() if "build" in service]
    assert sorted(built) == sorted(set(built))
    # What is built here is in no registry.
    for service in services.values():
        assert "build" in service or service["image"] not in built or service["pull_policy"] == "never"


def test_the_databases_of_airflow_and_superset_are_not_the_warehouse(environment):
    """libpq fills what an address leaves out with the PG* variables, which are for the warehouse."""
    services = config(environment)["services"]
    addresses = {
        "airflow-scheduler": ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "@airflow-db:5432/airflow"),
        "superset": ("SUPERSET_DATABASE_URI", "@superset-db:5432/superset"),
    }
    for service, (variable, address) in addresses.items():
        assert services[service]["environment"][variable].endswith(
            f"{address}?sslmode=disable&sslrootcert=none"
        )


def test_with_s3_and_rds_nothing_of_the_stacks_own_is_left(environment):
    aws = {
        "COMPOSE_PROFILES": "docker",
        "LAKE_URL": "s3://a-bucket/lake",
        "LAKE_ENDPOINT": "",
        "LAKE_ACCESS_KEY": "",
        "LAKE_SECRET_KEY": "",
        "WAREHOUSE_HOST": "db.example.com",
    }
    services = config(environment | aws)["services"]
    assert not {"lake", "samples", "warehouse"} & set(services)
    scheduler = services["airflow-scheduler"]["environment"]
    assert (scheduler["LAKE_URL"], scheduler["AWS_ENDPOINT_URL"]) == ("s3://a-bucket/lake", "")
    assert scheduler["PGHOST"] == "db.example.com"
