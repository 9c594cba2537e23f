"""A PostgreSQL server that is made for tests, stopped and started by them, and thrown away."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

#: Tried with all that an address has to escape.
PASSWORD = "p@ss/w:rd %"
USER = "ann"


class Cluster:
    """One server, with the user ``ann``, who owns everything."""

    def __init__(self, programs: Path, where: Path) -> None:
        self._programs, self.where = programs, where
        # its programs refuse to run as root
        self._owner = "postgres" if os.geteuid() == 0 else None
        if self._owner:
            shutil.chown(where, self._owner)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        given = where / "password"
        given.write_text(PASSWORD)
        given.chmod(0o644)
        made = self.run("initdb", "-D", str(where / "data"), "-U", USER, "-A", "scram-sha-256", "--pwfile", str(given))
        assert made.returncode == 0, made.stderr
        given.unlink()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self._programs / name), *arguments]
        env = os.environ | {"PGPASSWORD": PASSWORD}
        return subprocess.run(command, user=self._owner, cwd="/", capture_output=True, text=True, env=env)

    @property
    def here(self) -> tuple[str, ...]:
        """How its programs reach it."""
        return ("-h", "127.0.0.1", "-p", str(self.port), "-U", USER)

    def start(self) -> None:
        settings = ["listen_addresses=127.0.0.1", f"port={self.port}", f"unix_socket_directories={self.where}"]
        command = [str(self._programs / "postgres"), "-D", str(self.where / "data"), "-c", "fsync=off"]
        command += [part for setting in settings for part in ("-c", setting)]
        with (self.where.parent / f"{self.where.name}.log").open("ab") as log:
            self._process = subprocess.Popen(command, user=self._owner, cwd="/", stderr=log, stdout=log)
        end = time.monotonic() + 60
        while self.run("pg_isready", *self.here).returncode != 0:
            assert self._process.poll() is None and time.monotonic() < end, "PostgreSQL does not start"
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends all sessions, as a restart of the service does; SIGQUIT is a crash."""
        if self._process is None:
            return
        self._process.send_signal(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=30)
        self._process.kill()
        self._process = None

    def create(self, database: str) -> str:
        """Make an empty database; return its address."""
        made = self.run("createdb", *self.here, database)
        assert made.returncode == 0, made.stderr
        return self.address(database)

    def address(self, database: str, *, port: int | None = None) -> str:
        return f"postgresql://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{port or self.port}/{quote(database)}"

    def ask(self, database: str, statement: str) -> list[str]:
        """What a statement answers, a line for each row."""
        done = self.run("psql", *self.here, "-d", database, "-Atc", statement)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


def drop_connections() -> None:
    """End the connections of this process to all servers, as a new process has none."""
    from activessl.ledger import server

    for engine in server._engines.values():
        engine.dispose()
    server._engines.clear()


@contextmanager
def cluster() -> Iterator[Cluster | None]:
    """A running server; None where PostgreSQL is not installed."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin")) or [
        Path(found).parent for found in [shutil.which("initdb")] if found
    ]
    if not programs:
        yield None
        return
    where = Path(tempfile.mkdtemp(prefix="activessl-postgres-"))
    made = Cluster(programs[-1], where)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(where, ignore_errors=True)
        where.with_name(f"{where.name}.log").unlink(missing_ok=True)
