"""The user data on bare Ubuntu 22.04, in a container: packages, .env, certificate, what Docker is asked for.

Real are Ubuntu's packages, Compose among them, the clone of this repository and its scripts. Stand-ins are
what a container cannot have: the Docker engine (its calls are written down), Secrets Manager, and the
authority of RDS. Not tried are cloud-init itself, the role's credentials, and the services that the machines
start: those are tried by the tests of the stack.
"""

import json
import re
import shutil
import subprocess

import pytest
from ground import FILE

PROJECT = FILE.parents[1]
PASSWORD = "canaryPassword7d1e"
STANDINS = {
    # Compose reports its version and whether it can read the file; all else would need the engine.
    "docker": """#!/bin/bash
if [[ $* == *" config"* || $* == "compose version" ]]; then exec /usr/bin/docker "$@"; fi
echo "$*" >>/tmp/calls
""",
    "aws": """#!/bin/bash
[[ $* == "secretsmanager get-secret-value --secret-id the-secret"* ]] || { echo "aws $*" >&2; exit 1; }
echo '{"username": "flights", "password": "canaryPassword7d1e"}'
""",
    "curl": """#!/bin/bash
[[ $* == *https://truststore.pki.rds.amazonaws.com/*/global-bundle.pem ]] || { echo "curl $*" >&2; exit 1; }
cp certificates/server.crt certificates/warehouse-ca.crt
""",
}
VALUES = {
    "Repository": "/repository",
    "Revision": "main",
    "AirflowHost": "airflow.example.com",
    "SupersetHost": "superset.example.com",
    "AWS::Region": "us-east-1",
    "Lake": "a-bucket",
    "WarehouseHost": "database-ml.example.com",
    "WarehousePassword": "the-secret",
}


def user_data(written, machine: str) -> str:
    """As CloudFormation fills it in."""
    return re.sub(r"\$\{([\w:]+)\}", lambda name: VALUES[name[1]], written.user_data()[machine])


def missing() -> str | None:
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode:
        return "no Docker engine answers"
    if subprocess.run([FILE.parent / "tests/ubuntu.sh"], capture_output=True).returncode:
        return "ubuntu:22.04 can neither be pulled nor made (Debian: apt-get install debootstrap, as root)"


@pytest.fixture(scope="module")
def ubuntu():
    if reason := missing():
        pytest.skip(reason)


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """What is committed of this project, as the branch main of a repository of its own."""
    bare = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", bare], check=True)
    subprocess.run(["git", "-C", bare, "config", "receive.shallowUpdate", "true"], check=True)
    push = ["git", "-C", PROJECT, "push", "--quiet", bare, "HEAD:refs/heads/main"]
    subprocess.run(push, check=True)
    return bare


@pytest.fixture
def run(ubuntu, repository, written, tmp_path):
    """Runs a machine's user data: Docker's calls, the variables of .env, the file of Compose, the output."""

    def run(machine: str) -> tuple[list[str], dict[str, str], dict, str]:
        programs = tmp_path / "programs"
        programs.mkdir()
        for name, text in STANDINS.items():
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        script = tmp_path / "user-data.sh"
        script.write_text(user_data(written, machine))
        show = """
            set -e
            # The repository is another user's there.
            printf '[safe]\\n directory = *\\n' >~/.gitconfig
            bash /tmp/user-data.sh
            cd /opt/flight-delays
            echo =====
            cat /tmp/calls 2>/dev/null || true
            echo =====
            cat .env 2>/dev/null || true
            echo =====
            if [ -e .env ]; then docker compose config --format json; else echo '{}'; fi
        """
        done = subprocess.run(
            ["docker", "run", "--rm", "--interactive", f"--volume={repository}:/repository:ro",
             f"--volume={script}:/tmp/user-data.sh:ro", f"--volume={programs}:/usr/local/sbin:ro",
             "ubuntu:22.04", "bash"],
            input=show, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        output, calls, env, file = done.stdout.split("=====\n")
        variables = dict(re.findall(r"^(\w+)=(.*)$", env, re.M))
        assert len(re.findall(r"^\w+=", env, re.M)) == len(variables), "a variable is there twice"
        return calls.splitlines(), variables, json.loads(file), output + done.stderr

    return run


def test_the_bastion_has_psql_and_no_docker(run):
    calls, variables, _, output = run("BastionHost")
    assert (calls, variables) == ([], {})
    assert "postgresql-client" in output


def test_nginx_leads_to_the_other_machines(run):
    calls, variables, file, _ = run("Nginx")
    assert calls == ["compose up --detach --wait --no-deps --force-recreate nginx"]
    assert variables["SUPERSET_UPSTREAM"] == "superset.flight-delays.internal:8088"
    assert file["services"]["nginx"]["environment"]["AIRFLOW_HOST"] == "airflow.example.com"
    assert (
        file["services"]["nginx"]["environment"]["AIRFLOW_UPSTREAM"] == "airflow.flight-delays.internal:8080"
    )


def test_airflow_is_on_s3_and_rds(run):
    calls, variables, file, output = run("Airflow")
    assert calls == [
        "compose build workers",
        "compose build airflow-init",
        "compose up --detach --wait airflow-webserver airflow-scheduler",
    ]
    assert variables["COMPOSE_PROFILES"] == ""
    services = file["services"]
    assert not {"lake", "warehouse", "samples", "docker-proxy"} & services.keys()
    assert services["airflow-webserver"]["ports"][0]["published"] == "8080"
    worker = services["airflow-scheduler"]["environment"]
    assert (worker["LAKE_URL"], worker["AWS_ENDPOINT_URL"], worker["AWS_REGION"]) == (
        "s3://a-bucket",
        "",
        "us-east-1",
    )
    assert (worker["PGHOST"], worker["PGDATABASE"], worker["PGUSER"], worker["PGSSLMODE"]) == (
        "database-ml.example.com", "ml_results", "flights", "verify-full")  # fmt: skip
    assert variables["WAREHOUSE_PASSWORD"] == PASSWORD
    assert PASSWORD not in output


def test_superset_is_on_rds(run):
    calls, _, file, output = run("Superset")
    assert calls == ["compose build superset-init", "compose up --detach --wait superset"]
    services = file["services"]
    assert not {"lake", "warehouse", "samples", "docker-proxy"} & services.keys()
    assert services["superset"]["ports"][0]["published"] == "8088"
    init = services["superset-init"]["environment"]
    assert (init["PGHOST"], init["PGDATABASE"], init["PGSSLMODE"]) == (
        "database-ml.example.com", "ml_results", "verify-full")  # fmt: skip
    # Nothing that it waits for has to be compiled here.
    waits_for = {"prepare", "superset-db", "superset-init", "warehouse"}
    assert (
        services["superset"]["depends_on"].keys() | services["superset-init"]["depends_on"].keys()
        == waits_for
    )
    assert "build" not in services["prepare"]
    assert PASSWORD not in output
