"""A warehouse as RDS is: outside the stack, on a port of its own, over TLS with a verified certificate."""

import json
import sys

import pytest
import stack
from stack import FOLDER, HTTPS, NAME, PROJECT, compose, docker, run, setting, wait_for

sys.path.insert(0, str(PROJECT / "docker" / "superset" / "tests"))

from page import Page, chromium

HOST, PORT = "tls-warehouse", 6432
CONTAINER = f"{NAME}-{HOST}"
SETTINGS = {
    "COMPOSE_PROFILES": "lake",
    "WAREHOUSE_HOST": HOST,
    "WAREHOUSE_PORT": str(PORT),
    "WAREHOUSE_SSLMODE": "verify-full",
    "WAREHOUSE_SSLROOTCERT": "/run/secrets/warehouse-ca.crt",
}
# Nobody gets in over the network without TLS.
HBA = "local all all trust\nhostssl all all all scram-sha-256\n"
START = f"""
install --owner=postgres --mode=0600 /tls/server.key /server.key
exec docker-entrypoint.sh postgres -c port={PORT} -c hba_file=/tls/pg_hba.conf \
    -c ssl=on -c ssl_cert_file=/tls/server.crt -c ssl_key_file=/server.key
"""
CERTIFICATES = f"""
ec="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc"
openssl req -x509 $ec -subj "/CN=An authority" -keyout ca.key -out ca.crt
openssl req $ec -subj /CN={HOST} -keyout server.key -out server.csr
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt \
    -extfile <(echo subjectAltName=DNS:{HOST})
chmod 644 server.crt
"""


@pytest.fixture(scope="module", autouse=True)
def tls_warehouse(up):
    """The stack on that warehouse, started by `make stack`; afterwards it is on its own again."""
    folder = FOLDER / "tls"
    folder.mkdir(exist_ok=True)
    (folder / "pg_hba.conf").write_text(HBA)
    run("bash", "-euc", f"cd {folder}\n{CERTIFICATES}")
    authority = FOLDER / "certificates" / "warehouse-ca.crt"
    authority.write_bytes((folder / "ca.crt").read_bytes())
    docker("rm", "--force", "--volumes", CONTAINER, check=False)
    flights = {"USER": "flights", "DB": "flights", "PASSWORD": setting("WAREHOUSE_PASSWORD")}
    docker(
        "run", "--detach", f"--name={CONTAINER}", f"--network={NAME}_back", f"--network-alias={HOST}",
        f"--volume={folder}:/tls:ro", *(f"--env=POSTGRES_{name}={value}" for name, value in flights.items()),
        "--entrypoint=bash", stack.image("postgres"), "-euc", START,
    )  # fmt: skip
    ready = ["exec", CONTAINER, "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(PORT)]
    wait_for(lambda: docker(*ready, "-U", "flights", check=False) == "", "the warehouse is ready")
    run("make", "stack", **SETTINGS)
    yield
    authority.unlink()
    docker("rm", "--force", "--volumes", CONTAINER)
    compose("up", "--detach", "--wait")


def in_the_warehouse(query: str) -> list[str]:
    psql = ["psql", "-XAtqU", "flights", "-p", str(PORT), "-c", query]
    return docker("exec", CONTAINER, *psql).splitlines()


def test_airflow_loads_a_year():
    airflow = stack.Airflow()
    run_id = airflow.trigger(2013)
    assert airflow.wait(run_id)[run_id] == "success"
    assert in_the_warehouse("SELECT count(*) FROM agg_dep_delay_by_date") == ["1095"]


def test_superset_reads_it():
    with chromium() as browser:
        page = Page(browser, f"https://superset.localhost:{HTTPS}")
        page.log_in(setting("SUPERSET_ADMIN_USER"), setting("SUPERSET_ADMIN_PASSWORD"))
        status, answer = page.sql_lab("SELECT count(*) AS n FROM agg_dep_delay_by_date")
    assert status == 200, answer
    assert json.loads(answer)["data"] == [{"n": 1095}]
    assert stack.sql("SELECT count(*) > 0 FROM dashboards", "superset-db", "superset") == ["t"]
