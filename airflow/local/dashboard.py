"""Superset without Docker, as it is in the stack, on the PostgreSQL that `make run` filled.

`make dashboard` calls it. Superset's own tables lie in the same PostgreSQL, its passwords beside it.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from orchestrator import PROJECT
from postgres import WAREHOUSE, Server, end_with_parent, without_libpq

SOURCE = PROJECT / "docker" / "superset"
PROGRAMS = PROJECT / ".run" / "superset" / "venv" / "bin"
# The database of Superset's own tables, and its owner.
METADATA = "superset_metadata"
OWNER = "superset"
READER = "superset_reader"
ADMIN = "admin"
PORT = 8088
SECONDS_TO_START = 120


class Superset:
    """A Superset on a server's warehouse, while the `with` block lasts."""

    def __init__(self, server: Server, port: int = PORT):
        self.server = server
        self.port = port
        self.folder = server.folder / "superset"
        self.process: subprocess.Popen | None = None
        # Nobody has to type it: each start has its own.
        self.reader_password = secrets.token_urlsafe(18)

    @property
    def site(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def password(self) -> str:
        """Of the admin."""
        return self._secret("admin-password")

    def _secret(self, name: str) -> str:
        """What was made for this PostgreSQL the first time."""
        file = self.folder / name
        if not file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(32))
        return file.read_text()

    def environment(self, **more: str) -> dict[str, str]:
        """The variables of the stack's service `superset`: it is no superuser."""
        place = f"127.0.0.1:{self.server.port}/{METADATA}"
        return (
            without_libpq(os.environ)
            | {
                "PGHOST": "127.0.0.1",
                "PGPORT": str(self.server.port),
                "PGDATABASE": WAREHOUSE,
                "SUPERSET_CONFIG_PATH": str(SOURCE / "superset_config.py"),
                "SUPERSET_HOME": str(self.folder),
                "SUPERSET_SECRET_KEY": self._secret("secret-key"),
                "SUPERSET_DATABASE_URI": f"postgresql+psycopg2://{OWNER}:{self._secret('metadata-password')}@{place}",
                "SUPERSET_WAREHOUSE_USER": READER,
                "SUPERSET_WAREHOUSE_PASSWORD": self.reader_password,
                "SUPERSET_ADMIN_USER": ADMIN,
                "SUPERSET_ADMIN_PASSWORD": self.password,
                "SUPERSET_ADMIN_EMAIL": f"{ADMIN}@localhost",
                "SUPERSET_WITHOUT_TLS": "1",
                # As the image has it.
                "SUPERSET_ENV": "production",
                "PYTHONDONTWRITEBYTECODE": "1",
            }
            | more
        )

    def bootstrap(self, script: Path = SOURCE / "bootstrap.py", **more: str) -> subprocess.CompletedProcess:
        """Makes what is missing; both streams are kept."""
        self.server.create_database(WAREHOUSE)
        self._create_metadata()
        return subprocess.run(
            [PROGRAMS / "python", script],
            # As in the stack, it makes the warehouse's reader.
            env=self.server.environment(WAREHOUSE) | self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _create_metadata(self) -> None:
        self.server.create_database(METADATA)
        # By its input: an argument of psql is seen by everybody.
        statements = f"""
            SELECT 'CREATE ROLE {OWNER}' WHERE to_regrole('{OWNER}') IS NULL \\gexec
            ALTER ROLE {OWNER} LOGIN PASSWORD '{self._secret("metadata-password")}';
            ALTER DATABASE {METADATA} OWNER TO {OWNER};
            REVOKE CONNECT ON DATABASE {METADATA} FROM PUBLIC;
        """
        self.server.psql("-Xq", "-v", "ON_ERROR_STOP=1", input=statements, text=True)

    def __enter__(self) -> "Superset":
        done = self.bootstrap()
        if done.returncode:
            sys.exit(f"{done.stdout[-4000:]}\nSuperset cannot be made ready: see above")
        with (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [
                    PROGRAMS / "gunicorn",
                    f"--config={SOURCE / 'gunicorn.conf.py'}",
                    f"--bind=127.0.0.1:{self.port}",
                ],
                env=self.environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error) -> None:
        # Not waiting for what browsers keep open.
        for way in (signal.SIGQUIT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, way)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=3)
                return

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                log = (self.folder / "log").read_text().splitlines()[-5:]
                sys.exit("\n".join(["Superset does not start; its log ends with:", *log]))
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.site}/health", timeout=5) as answer:
                return answer.read() == b"OK"
        except (urllib.error.URLError, OSError):
            return False


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", PORT)) == 0:
            sys.exit(f"dashboard: something answers on port {PORT} already: end it first")
    with Server(PROJECT / ".run" / "postgres") as server:
        server.create_database(WAREHOUSE)
        rows = "SELECT to_regclass('agg_dep_delay_by_date')"
        if not server.psql("-XAtc", rows, database=WAREHOUSE, capture_output=True, text=True).stdout.strip():
            sys.exit("dashboard: there is nothing to show yet: make run first")
        print("dashboard: PostgreSQL is up; making Superset ready, half a minute", file=sys.stderr)
        with Superset(server) as superset:
            print(f"\n{superset.site}/superset/dashboard/departure-delays/", flush=True)
            print(f"Log in as {ADMIN} with {superset.password}; end with Ctrl-C", flush=True)
            superset.process.wait()
            sys.exit("dashboard: Superset has ended by itself: see .run/postgres/superset/log")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
