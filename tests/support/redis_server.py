"""A real Redis of the tests' own: on a free port and a socket, in a temporary directory."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.ports import free_port

START_S = 20.0


class RedisServer:
    """One server that can be stopped, killed, paused, filled and started again.

    It keeps its port and data over a restart. Commands reach it over its Unix socket, so also one
    in another network namespace. A free port is another process's to take until the server
    listens on it: then another one is tried.

    Args:
        place: An empty directory for its data, socket and log.
        append_only: Whether what it acknowledged outlives its death (an append-only file).
        address: Where it listens.
        port: At which port; a free one of this machine if None.
        prefix: Words before the command, to run it elsewhere (``ip netns exec NAME``).

    Attributes:
        port: Where it listens, from ``start`` on.
    """

    def __init__(
        self,
        place: Path,
        *,
        append_only: bool = False,
        address: str = "127.0.0.1",
        port: int | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        self.port = port or 0
        self._place = place
        self._append_only = append_only
        self._address = address
        self._prefix = list(prefix)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address over TCP."""
        return f"redis://{self._address}:{self.port}/0"

    @property
    def socket_url(self) -> str:
        """Its address over the Unix socket."""
        return f"unix://{self._socket}"

    @property
    def running(self) -> bool:
        """Whether its process is there (paused or not)."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has written."""
        path = self._place / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def _socket(self) -> Path:
        return self._place / "redis.sock"

    def start(self) -> RedisServer:
        """Start it, with the data it had; return once it answers."""
        assert not self.running, "already running"
        for _ in range(5):
            taken = self.port
            self.port = taken or free_port()
            if self._start():
                return self
            self.port = taken
        raise RuntimeError(f"Redis did not start:\n{self.log}")

    def stop(self) -> None:
        """Stop it in peace; its port refuses connections until it is started again."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """``kill -9``."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start it."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen one go on."""
        self._signal(signal.SIGCONT)

    def fill(self) -> None:
        """Let its memory be full: whatever would take more is refused, nothing is evicted."""
        self.command("config", "set", "maxmemory-policy", "noeviction")
        self.command("config", "set", "maxmemory", "1")

    def drain(self) -> None:
        """Let it have room again."""
        self.command("config", "set", "maxmemory", "0")

    async def away(self, seconds: float) -> None:
        """Stop it for a while."""
        await asyncio.to_thread(self.stop)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self.start)

    async def frozen(self, seconds: float) -> None:
        """Pause it for a while."""
        self.pause()
        await asyncio.sleep(seconds)
        self.resume()

    def command(self, *words: str) -> str:
        """The answer to a command, as redis-cli prints it; an error of Redis raises."""
        client = ["redis-cli", "-e", "-s", str(self._socket), *words]
        done = subprocess.run(client, capture_output=True, text=True, timeout=20, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stdout}{done.stderr}".strip())
        return done.stdout.rstrip("\n")

    def flush(self) -> None:
        """Forget everything."""
        self.command("flushall")

    def keys(self) -> set[str]:
        """Every key there is."""
        return set(self.command("--scan").splitlines())

    def forget(self) -> None:
        """Bring back the state of a fresh server, whatever a test did to this one."""
        if not self.running:
            self.start()
        self.resume()
        self.drain()
        self.flush()

    def _start(self) -> bool:
        """Start once; return whether it answers."""
        options = {
            "bind": self._address,
            "port": str(self.port),
            "protected-mode": "no",
            "unixsocket": str(self._socket),
            "dir": str(self._place),
            "logfile": str(self._place / "log"),
            "save": "",
            "appendonly": "yes" if self._append_only else "no",
            "appendfsync": "everysec",
            "daemonize": "no",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen(
            [*self._prefix, "redis-server", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + START_S
        while time.monotonic() < until and self.running:
            try:
                if self.command("ping") == "PONG":
                    return True
            except RuntimeError:  # not yet listening, or loading its data
                time.sleep(0.01)
        self._end(signal.SIGKILL)
        return False

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "not started"
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if not self.running:
            return
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(number)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def redis_server(
    *,
    append_only: bool = False,
    address: str = "127.0.0.1",
    port: int | None = None,
    prefix: Sequence[str] = (),
) -> Generator[RedisServer, None, None]:
    """Run a server of one's own until the block ends."""
    if shutil.which("redis-server") is None:
        raise RuntimeError("no redis-server found; install it: apt install redis-server")
    place = Path(tempfile.mkdtemp(prefix="redis-", dir="/tmp"))
    server = RedisServer(place, append_only=append_only, address=address, port=port, prefix=prefix)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(place, ignore_errors=True)
