"""docker/check.sh: what it prints for each thing that is missing. The answers of docker are synthetic."""

import os
import subprocess

import pytest
from stack import PROJECT

# Answers as Docker 29 does on a machine with 8 GB of memory.
DOCKER = """#!/bin/bash
case $* in
    "compose version --short") {compose} ;;
    "buildx version") {buildx} ;;
    version*) {version} ;;
    info*MemTotal*) echo {memory} ;;
    info*DockerRootDir*) echo "{folder}" ;;
    "image inspect flight-delays/airflow") {image} ;;
    *) echo "docker $*: unexpected" >&2; exit 1 ;;
esac
"""
DF = """#!/bin/bash
echo Filesystem 1024-blocks Used Available Capacity Mounted on
echo /dev/vda 252000000 1 {free} 1% /
"""
GOOD = {
    "compose": "echo 2.40.3+ds1-0ubuntu1~22.04.1",
    "buildx": "echo github.com/docker/buildx 0.30.1",
    "version": "echo 29.1.3",
    "memory": "8196694016",
    "image": "exit 1",
}
DENIED = "permission denied while trying to connect to the Docker daemon socket"
ABSENT = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"


@pytest.fixture
def check(tmp_path):
    """Runs check.sh with these answers, kB of free disk and `docker-compose`: its exit code and its lines."""

    def check(free=30_000_000, standalone=None, **answers):
        (tmp_path / "data").mkdir()
        programs = {"docker": DOCKER.format(folder=tmp_path / "data", **GOOD | answers)}
        programs["df"] = DF.format(free=free)
        programs["docker-compose"] = f"#!/bin/bash\n{standalone or 'exit 1'}\n"
        for name, text in programs.items():
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o755)
        path = f"{tmp_path}:{os.environ['PATH']}"
        done = subprocess.run(
            [PROJECT / "docker/check.sh"], env=os.environ | {"PATH": path}, capture_output=True, text=True
        )
        assert done.stdout == ""
        return done.returncode, done.stderr.splitlines()

    return check


def test_a_machine_with_everything(check):
    assert check() == (0, [])


@pytest.mark.parametrize(
    ("answers", "starts", "names"),
    [
        ({"compose": "exit 1"}, "no docker compose", "sudo apt-get install docker-compose-v2"),
        ({"compose": "echo 2.17.2"}, "docker compose is 2.17.2", "sudo apt-get install docker-compose-v2"),
        ({"compose": "exit 1", "standalone": "echo 1.29.2"}, "docker compose is 1.29.2", "2.20 or newer"),
        ({"buildx": "exit 1"}, "no docker buildx", "sudo apt-get install docker-buildx"),
        ({"version": f"echo '{DENIED}' >&2; exit 1"}, "this user may not use", "sudo usermod --append"),
        ({"version": f"echo '{ABSENT}' >&2; exit 1"}, "no Docker engine", "sudo systemctl start docker"),
        ({"memory": "4105252864"}, "the Docker engine has 4.1 GB of memory", "needs 8 GB"),
        ({"free": 12_000_000}, "", "12.3 GB of free disk, and the first build needs"),
    ],
)
def test_one_thing_is_missing(check, answers, starts, names):
    code, [line] = check(**answers)
    assert code == 1
    assert line.startswith(f"check: {starts}") and names in line


def test_everything_that_is_missing_is_listed(check):
    code, lines = check(compose="exit 1", buildx="exit 1", memory="2000000000", free=1)
    assert (code, len(lines)) == (1, 4)


def test_compose_as_a_program_of_its_own(check):
    assert check(compose="exit 1", standalone="echo v2.26.1") == (0, [])


def test_an_update_needs_no_room_for_a_first_build(check):
    assert check(free=12_000_000, image="exit 0") == (0, [])


def test_without_docker_the_line_installs_all_of_it(tmp_path):
    for name in ("bash", "dirname", "openssl"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    script = ["/bin/bash", PROJECT / "docker/check.sh"]
    done = subprocess.run(script, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "check: no docker: sudo apt-get install docker.io docker-compose-v2 docker-buildx\n"
    )
