"""A real PostgreSQL of the tests' own: made in a temporary directory, ended by its own pid."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class PostgresServer:
    """A running server, reached by a socket in ``place``."""

    binaries: Path
    place: Path

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql+asyncpg://tester@/{name}?host={self.place}"

    def create(self, name: str, template: str | None = None) -> str:
        """Make a database, maybe a copy of another one; return its URL."""
        self._client("createdb", *(["-T", template] if template else []), name)
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database whoever is connected."""
        self._client("dropdb", "--force", name)

    def _client(self, program: str, *arguments: str) -> None:
        common = ["-h", str(self.place), "-U", "tester"]
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
    data, log = place / "data", place / "log"
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
        options = [f"--{name}={value}" for name, value in {**_SETTINGS, **settings}.items()]
        with log.open("w") as output:
            server = subprocess.Popen(
                [str(binaries / "postgres"), "-D", str(data), "-k", str(place), *options],
                stdout=output,
                stderr=output,
                cwd=place,
                user=user,
            )
        try:
            _wait_until_ready(binaries, place, server, log)
            yield PostgresServer(binaries, place)
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait(timeout=20)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _wait_until_ready(
    binaries: Path, place: Path, server: subprocess.Popen[bytes], log: Path
) -> None:
    deadline = time.monotonic() + 30
    ask = [str(binaries / "pg_isready"), "-q", "-h", str(place)]
    while subprocess.run(ask, check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}")
        time.sleep(0.05)
