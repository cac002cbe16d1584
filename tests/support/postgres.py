"""A real PostgreSQL of the tests' own: made in a temporary directory, ended by its own pid."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
}


def find_binaries() -> Path | None:
    """Return the directory with initdb and postgres, or None."""
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((found for found in candidates if (found / "postgres").exists()), None)


def _plain_user() -> str | None:
    """Return the user to run as, or None for the present one; PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    users = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in users)


class PostgresServer:
    """A server on a socket in ``place``, which can be killed and started again.

    Args:
        binaries: Directory of PostgreSQL's programs.
        place: Directory of its own, which its user may write to.
        user: Who runs it; None for the present user.
        options: Its settings.
    """

    def __init__(
        self, binaries: Path, place: Path, user: str | None, options: Mapping[str, str]
    ) -> None:
        self.binaries = binaries
        self.place = place
        self.port = options.get("port", "5432")
        self._user = user
        self._options = [f"--{name}={value}" for name, value in options.items()]
        self._log = place / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it; returns once it answers."""
        program = [str(self.binaries / "postgres"), "-D", str(self.place / "data")]
        with self._log.open("a") as output:
            self._process = subprocess.Popen(
                [*program, "-k", str(self.place), *self._options],
                stdout=output,
                stderr=output,
                cwd=self.place,
                user=self._user,
            )
        self._wait_until_ready(self._process)

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """End it: at once by default, with SIGKILL without its knowledge."""
        if self._process is None:
            return
        children = psutil.Process(self._process.pid).children()
        self._process.send_signal(how)
        self._process.wait(timeout=20)
        self._process = None
        # Killed, it takes nobody with it; they would hold its memory and keep it from starting.
        psutil.wait_procs(children, timeout=20)

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql+asyncpg://tester@/{name}?host={self.place}&port={self.port}"

    def create(self, name: str, template: str | None = None) -> str:
        """Make a database, maybe a copy of another one; return its URL."""
        self._client("createdb", *(["-T", template] if template else []), name)
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database whoever is connected."""
        self._client("dropdb", "--force", name)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 30
        ask = [str(self.binaries / "pg_isready"), "-q", "-h", str(self.place), "-p", self.port]
        while subprocess.run(ask, check=False).returncode != 0:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {self._log.read_text()}")
            time.sleep(0.05)

    def _client(self, program: str, *arguments: str) -> None:
        common = ["-h", str(self.place), "-p", self.port, "-U", "tester"]
        command = [str(self.binaries / program), *common, *arguments]
        subprocess.run(command, check=True, capture_output=True)


@contextmanager
def postgres_server(**settings: str) -> Generator[PostgresServer, None, None]:
    """Run a server on a socket of its own until the block ends.

    Args:
        settings: The server's own, beside or instead of those that make tests quick.
    """
    binaries = find_binaries()
    if binaries is None:
        raise RuntimeError("no PostgreSQL binaries found; install them: apt install postgresql")
    user = _plain_user()
    place = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    data = place / "data"
    if user:
        shutil.chown(place, user)
    try:
        subprocess.run(
            [str(binaries / "initdb"), "-D", str(data), "-U", "tester", "-A", "trust"]
            + ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=place,
            user=user,
        )
        server = PostgresServer(binaries, place, user, {**_SETTINGS, **settings})
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(place, ignore_errors=True)
