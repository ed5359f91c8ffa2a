"""crates/build.sh with the real cargo on two tiny crates: what a person sees while it compiles."""

import contextlib
import fcntl
import os
import pty
import shutil
import signal
import struct
import subprocess
import termios
from pathlib import Path

import pytest
from conftest import PROJECT, wait_for

FIRST = "the first build compiles all dependencies: about 10 to 15 minutes"
MANIFEST = '[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2024"\n'
# Run in the folder of its crate.
PAUSE = """
fn main() {
    while !std::path::Path::new("../../go on").exists() {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}
"""


@pytest.fixture
def project(tmp_path) -> Path:
    """A workspace of a program `extract` and a library, whose build script waits for the file `go on`."""
    files = {
        "Cargo.toml": '[workspace]\nmembers = ["crates/*"]\nresolver = "3"\n',
        "crates/extract/Cargo.toml": MANIFEST.format(name="extract")
        + '[dependencies]\nslow = { path = "../slow" }\n',
        "crates/extract/src/main.rs": "fn main() { slow::work(); }\n",
        "crates/slow/Cargo.toml": MANIFEST.format(name="slow"),
        "crates/slow/src/lib.rs": "pub fn work() {}\n",
        "crates/slow/build.rs": PAUSE,
    }
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    shutil.copy(PROJECT / "crates/build.sh", tmp_path / "crates")
    return tmp_path


def build(project: Path, stderr) -> subprocess.Popen:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARGO_TERM")}
    environment.pop("CARGO_TARGET_DIR", None)
    # Cargo shows no bar in CI.
    environment.pop("CI", None)
    environment["TERM"] = "xterm"
    command = [project / "crates/build.sh", "build", "--release", "--workspace", "--bins"]
    return subprocess.Popen(command, env=environment, stderr=stderr, text=True, start_new_session=True)


def finish(project: Path) -> tuple[int, str]:
    """A build into a file, without a pause."""
    (project / "go on").touch()
    process = build(project, subprocess.PIPE)
    error = process.communicate(timeout=120)[1]
    return process.returncode, error


def test_a_log_gets_a_line_every_20_seconds(project):
    process = build(project, subprocess.PIPE)
    assert FIRST in process.stderr.readline()
    assert process.stderr.readline().startswith(
        "build: 1 of 4 units compiled (crates and their build scripts), 2"
    )
    (project / "go on").touch()
    assert process.communicate(timeout=120)[1] == ""
    assert process.returncode == 0
    # What is built already is no first build.
    assert finish(project) == (0, "")


def test_a_terminal_gets_the_progress_bar_of_cargo(project):
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    process = build(project, end)
    os.close(end)
    shown = ""
    while "1/4: slow(build)" not in shown:
        shown += os.read(terminal, 1000).decode()
    assert FIRST in shown
    (project / "go on").touch()
    # Reading fails when no process has the terminal open any more.
    with contextlib.suppress(OSError):
        while os.read(terminal, 1000):
            pass
    assert process.wait(timeout=60) == 0


def test_an_error_is_shown_and_fails(project):
    (project / "crates/extract/src/main.rs").write_text("fn main() { slow::rest(); }\n")
    code, error = finish(project)
    assert code == 101
    assert "cannot find function `rest` in crate `slow`" in error
    assert "Compiling" not in error and "Building" not in error


def test_a_stopped_build_leaves_no_cargo(project):
    process = build(project, subprocess.PIPE)
    process.stderr.readline()
    wait_for(lambda: list(project.glob("target/release/build/slow-*/build-script-build")), "cargo compiles")
    process.send_signal(signal.SIGTERM)
    # The end of its stderr: no process has it open any more.
    process.communicate(timeout=60)
    assert process.returncode == 143
    (project / "go on").touch()


def test_without_cargo_it_says_how_to_get_it(project):
    command = ["/bin/bash", project / "crates/build.sh", "build"]
    done = subprocess.run(command, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    if shutil.which("cargo", path="/usr/bin:/bin"):
        pytest.skip("cargo is in /usr/bin")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "build: no cargo: install Rust 1.92 or newer, see https://rustup.rs\n"


@pytest.mark.parametrize("file", ["Makefile", ".ci/test", "docker/workers/Dockerfile"])
def test_every_build_shows_its_progress(file):
    text = (PROJECT / file).read_text()
    assert "crates/build.sh" in text
    assert "cargo build" not in text
