"""What can be reached from outside, and where a password is to be seen."""

import gzip
import io
import json
import socket
import subprocess
import tarfile

import pytest
import requests
import stack
from stack import HOST, HTTP, HTTPS, NAME, SITE, WAREHOUSE, compose, docker, run, secrets

PORTS = [
    22,
    80,
    443,
    2375,
    2376,
    3000,
    5000,
    5432,
    5433,
    8014,
    8080,
    8088,
    8333,
    8793,
    8888,
    8974,
    9333,
    18888,
]
# Tries ports of an address; prints those that answer.
SCAN = """
for port in {ports}; do
    timeout 1 bash -c "</dev/tcp/{address}/$port" 2>/dev/null && echo $port
done; true
"""


def addresses(network: str) -> dict[str, str]:
    """Service and address of each container in a network of the stack."""
    containers = json.loads(docker("network", "inspect", f"{NAME}_{network}"))[0]["Containers"]
    return {
        c["Name"].removeprefix(f"{NAME}-").removesuffix("-1"): c["IPv4Address"].split("/")[0]
        for c in containers.values()
    }


def scan(address: str, network: str) -> set[int]:
    """The ports of the address that answer a container of the network, nginx's image."""
    script = SCAN.format(ports=" ".join(map(str, PORTS)), address=address)
    image = ["--entrypoint", "bash", stack.image("nginx"), "-c", script]
    return set(map(int, docker("run", "--rm", "--network", f"{NAME}_{network}", *image).split()))


def test_from_the_front_network_only_nginx_answers(airflow):
    back = addresses("back")
    assert {"airflow-webserver", "airflow-scheduler", "airflow-db", "warehouse", "lake", "nginx"} <= set(back)
    # The scan can see what is there.
    assert scan(back["airflow-webserver"], "back") == {8080}
    assert scan(back["warehouse"], "back") == {5432}
    assert addresses("front").keys() == {"nginx"}
    assert scan(addresses("front")["nginx"], "front") == {80, 443}
    for service, address in back.items():
        assert scan(address, "front") == set(), service


def test_from_another_machine_only_nginx_answers(airflow):
    # The address of this machine on its own network, not the loopback.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        here = probe.getsockname()[0]
    opened = {name: {port["PublishedPort"] for port in ports} for name, ports in published().items()}
    assert opened == {"nginx": {HTTP, HTTPS}, "warehouse": {WAREHOUSE}}
    answers = {port for port in (HTTP, HTTPS, WAREHOUSE, 5432, 8080, 8333, 2375) if reachable(here, port)}
    assert answers & {HTTP, HTTPS, WAREHOUSE, 8080, 8333, 2375} == {HTTP, HTTPS}
    assert reachable("127.0.0.1", WAREHOUSE)


def published() -> dict[str, list[dict]]:
    lines = compose("ps", "--format", "json").splitlines()
    services = [json.loads(line) for line in lines]
    found = {s["Service"]: [p for p in s["Publishers"] or [] if p["PublishedPort"]] for s in services}
    return {service: ports for service, ports in found.items() if ports}


def reachable(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((host, port)) == 0


def test_http_is_sent_on_and_other_names_are_not_answered(airflow):
    http = f"http://127.0.0.1:{HTTP}/home?x=1"
    answer = requests.get(http, headers={"Host": HOST}, allow_redirects=False, timeout=10)
    assert (answer.status_code, answer.headers["Location"]) == (301, f"{SITE}/home?x=1")
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(http, headers={"Host": "other.localhost"}, timeout=10)
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"https://other.localhost:{HTTPS}/", timeout=10, verify=False)


def test_tls_and_the_headers(airflow):
    answer = airflow.session.get(f"{SITE}/login/", timeout=30)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert answer.headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert answer.headers["Server"] == "nginx"
    for cookie in airflow.session.cookies:
        assert cookie.secure
    for version, works in (("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)):
        peer = ["-connect", f"127.0.0.1:{HTTPS}", "-servername", HOST]
        done = subprocess.run(
            ["openssl", "s_client", version, "-cipher", "ALL:@SECLEVEL=0", *peer],
            input="", capture_output=True, text=True,
        )  # fmt: skip
        assert (done.returncode == 0) == works, version


def test_a_wrong_password_is_refused(airflow):
    for password in ("airflow", "admin", ""):
        with pytest.raises(AssertionError, match="refused"):
            stack.Airflow(password)
    lake = compose("run", "--rm", "--no-deps", "-e", "AWS_SECRET_ACCESS_KEY=wrong", "samples", check=False)
    assert "403" in lake or "SignatureDoesNotMatch" in lake


def test_the_lake_does_not_start_without_a_key():
    said = compose("run", "--rm", "--no-deps", "lake", check=False, LAKE_SECRET_KEY="")
    assert "LAKE_SECRET_KEY is empty" in said


def test_no_secret_is_in_a_log_an_image_or_the_pages_of_airflow(airflow):
    run_id = airflow.trigger(2013)
    airflow.wait(run_id)
    places = {"logs of the services": compose("logs", "--no-color")}
    assert "Pool workers" in places["logs of the services"]
    files = "find /opt/airflow/logs -name '*.log' -exec cat {} +"
    places["logs of Airflow"] = compose("exec", "-T", "airflow-scheduler", "bash", "-c", files)
    assert '"task":"load"' in places["logs of Airflow"]
    for image in (stack.WORKERS, stack.AIRFLOW):
        places[f"history of {image}"] = docker("history", "--no-trunc", image)
        places[f"settings of {image}"] = docker("inspect", image)
    places["database of Airflow"] = compose(
        "exec", "-T", "airflow-db", "pg_dump", "-U", "airflow", "--data-only", "airflow"
    )
    assert "load --year" in places["database of Airflow"]
    date = airflow.ask(f"/dagRuns/{run_id}")["logical_date"].replace("+", "%2B")
    pages = ["configuration", "variable/list/", "connection/list/", "home", f"dags/{stack.DAG}/code"]
    pages += [
        f"{page}?dag_id={stack.DAG}&task_id=load&execution_date={date}"
        for page in ("task", "rendered-templates")
    ]
    pages += [f"object/details?dag_id={stack.DAG}"]
    for page in pages:
        places[page] = airflow.session.get(f"{SITE}/{page}", timeout=60).text
    assert "load" in places[pages[6]]
    assert "Your Airflow administrator chose not to expose the configuration" in places["configuration"]
    # s3s-fs, which may stand in for the lake's server, takes its keys no other way.
    processes = run("ps", "axww", "-o", "args").splitlines()
    places["arguments of processes"] = "\n".join(line for line in processes if "s3s-fs " not in line)
    for name, value in secrets().items():
        assert len(value) >= 40
        for place, text in places.items():
            assert value not in text, f"{name} is in: {place}"


def test_no_secret_is_in_a_layer(airflow):
    # .dockerignore lets in only what is listed, and no build has a secret for an argument.
    for image in (stack.WORKERS, stack.AIRFLOW):
        archive = subprocess.run(["docker", "save", image], stdout=subprocess.PIPE, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            for member in filter(tarfile.TarInfo.isfile, files):
                layer = files.extractfile(member).read()
                # Docker 29 saves compressed layers.
                if layer.startswith(b"\x1f\x8b"):
                    layer = gzip.decompress(layer)
                for name, value in secrets().items():
                    assert value.encode() not in layer, name
