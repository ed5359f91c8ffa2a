"""The stack as the tests have it: the compose file of the user, beside one of the user's own."""

import os
import re
import subprocess
import time
from pathlib import Path

import requests

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / ".run" / "stack"
PICTURES = FOLDER / "pictures"
DAG = "etl_ml_pipeline"
TASKS = ["extract", "clean", "aggregate", "detect", "load", "cleanup"]
SAMPLE_YEARS = [2000, 2001, 2002, 2003, 2013]
NAME = "flight-delays-test"
WORKERS, AIRFLOW = f"{NAME}/workers", f"{NAME}/airflow"
HTTP, HTTPS, WAREHOUSE = 18080, 18443, 15432
HOST = "airflow.localhost"
SITE = f"https://{HOST}:{HTTPS}"
ENVIRONMENT = {
    "COMPOSE_ENV_FILES": str(FOLDER / ".env"),
    "COMPOSE_PROJECT_NAME": NAME,
    "HTTP_PORT": str(HTTP),
    "HTTPS_PORT": str(HTTPS),
    "WAREHOUSE_LOOPBACK_PORT": str(WAREHOUSE),
    "DATA_DIR": str(FOLDER / "data"),
    "CERTIFICATES": str(FOLDER / "certificates"),
    "RETRY_DELAY": "5",
}
# Everything of the table but the time of the change.
ROWS = "SELECT to_jsonb(t) - 'last_update' FROM agg_dep_delay_by_date t ORDER BY id"


def run(*command: str, check: bool = True, **environment: str) -> str:
    """Runs a command in the project; what it wrote, both streams."""
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env=os.environ | ENVIRONMENT | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    assert not check or done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-4000:]}"
    return done.stdout


def docker(*command: str, check: bool = True) -> str:
    return run("docker", *command, check=check)


def compose(*command: str, check: bool = True, **environment: str) -> str:
    return run("docker/compose.sh", *command, check=check, **environment)


def image(name: str) -> str:
    """An image of this name with the tag that docker-compose.yaml pins."""
    [found] = set(re.findall(rf"image: ({name}:\S+)", (PROJECT / "docker-compose.yaml").read_text()))
    return found


def wait_for(condition, what: str, seconds: float = 180):
    """Waits until `condition()` gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.5)
    raise AssertionError(f"waited {seconds} s in vain: {what}")


def setting(name: str) -> str:
    """A value of the stack's .env."""
    [value] = re.findall(f"^{name}=(.*)$", (FOLDER / ".env").read_text(), re.M)
    return value


def secrets() -> dict[str, str]:
    """Every password and key of the stack."""
    names = re.findall(r"^(\w+_(?:PASSWORD|KEY))=", (FOLDER / ".env").read_text(), re.M)
    return {name: setting(name) for name in names}


def sql(query: str, service: str = "warehouse", user: str = "flights") -> list[str]:
    """The rows of a query, as psql prints them."""
    answer = compose("exec", "-T", service, "psql", "-XAtqU", user, "-c", query)
    return answer.splitlines()


def release_lock() -> None:
    """Ends the session that holds the table of `load_that_waits`."""
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'")


def workers() -> list[str]:
    """Ids of the containers of workers, running or not."""
    return docker("ps", "--all", "--quiet", "--no-trunc", "--filter", f"ancestor={WORKERS}").split()


def container(service: str) -> str:
    return compose("ps", "--quiet", "--all", service).strip()


def answers() -> bool:
    """Whether Airflow's web server answers through nginx."""
    certificate = str(FOLDER / "certificates" / "server.crt")
    try:
        return requests.get(f"{SITE}/health", verify=certificate, timeout=10).ok
    except requests.RequestException:
        return False


class Airflow:
    """Airflow's web server as a person reaches it: over TLS, by its name, logged in."""

    def __init__(self, password: str | None = None):
        self.session = requests.Session()
        # Else REQUESTS_CA_BUNDLE would come before the certificate.
        self.session.trust_env = False
        self.session.verify = str(FOLDER / "certificates" / "server.crt")
        page = self.session.get(f"{SITE}/login/", timeout=60)
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)[1]
        user = {
            "username": setting("AIRFLOW_ADMIN_USER"),
            "password": setting("AIRFLOW_ADMIN_PASSWORD") if password is None else password,
        }
        self.session.headers["Referer"] = f"{SITE}/login/"
        answer = self.session.post(f"{SITE}/login/", data=user | {"csrf_token": token}, timeout=60)
        answer.raise_for_status()
        assert "/login" not in answer.url, "the log-in was refused"

    def ask(self, path: str, method: str = "GET", **body) -> dict:
        url = f"{SITE}/api/v1/dags/{DAG}{path}"
        answer = self.session.request(method, url, json=body or None, timeout=60)
        assert answer.ok, f"{method} {url}: {answer.status_code} {answer.text}"
        return answer.json()

    def trigger(self, year: int) -> str:
        return self.ask("/dagRuns", "POST", conf={"year": year})["dag_run_id"]

    def runs(self) -> dict[str, str]:
        """The state of each run."""
        return {run["dag_run_id"]: run["state"] for run in self.ask("/dagRuns?limit=100")["dag_runs"]}

    def wait(self, *runs: str, seconds: float = 600) -> dict[str, str]:
        """Waits until the runs, or all, have ended; their states."""

        def ended():
            states = {run: state for run, state in self.runs().items() if not runs or run in runs}
            return states if not {"queued", "running"} & set(states.values()) else None

        return wait_for(ended, f"the runs {runs or ''} end", seconds)

    def tasks(self, run: str) -> dict[str, dict]:
        instances = self.ask(f"/dagRuns/{run}/taskInstances")["task_instances"]
        return {instance["task_id"]: instance for instance in instances}

    def summary(self, run: str, task: str) -> str:
        return self.ask(f"/dagRuns/{run}/taskInstances/{task}/xcomEntries/return_value")["value"]

    def log(self, run: str, task: str, number: int = 1) -> str:
        url = f"{SITE}/api/v1/dags/{DAG}/dagRuns/{run}/taskInstances/{task}/logs/{number}"
        return self.session.get(url, headers={"Accept": "text/plain"}, timeout=60).text
