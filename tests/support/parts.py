"""One process of the platform, which can be stopped, killed, frozen and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

START_S = 90.0
STOP_S = 40.0
ORPHANS_S = 10.0


class Part:
    """A process that serves HTTP at an address that it keeps.

    Args:
        name: Of its log file and data directory.
        arguments: Of the command ``livetranslate``.
        environment: Its environment beside this process's own.
        folder: Where its log and data go.
        url: Its base address.
        ready: Path that answers once it serves.
        prefix: Words before the command, to run it elsewhere.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        url: str,
        ready: str,
        prefix: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.url = url
        self._command = [*prefix, sys.executable, "-m", "livetranslate", *arguments]
        self._environment = {
            **os.environ,
            "LIVETRANSLATE_DATA": str(folder / name),
            "LOG_LEVEL": "INFO",
            **environment,
        }
        self._folder = folder
        self._log = folder / f"{name}.log"
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether its process is there, maybe frozen."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """What its process exited with, or None while it runs."""
        return None if self._process is None else self._process.poll()

    @property
    def log(self) -> str:
        """What it has written, over all its lives."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> Part:
        """Start it; ``wait`` tells when it serves."""
        assert not self.running, f"{self.name} runs already"
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self

    def wait(self) -> Part:
        """Wait until it serves."""
        until = time.monotonic() + START_S
        while time.monotonic() < until and self.running:
            try:
                self.get(self._ready, timeout_s=2)
                return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{self.name} did not start:\n{self.log}")

    def stop(self) -> None:
        """Stop it in order (SIGTERM)."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """``kill -9``; return once what it started has gone by itself, as it has to."""
        children = [psutil.Process(pid) for pid in self.children()] if self.running else []
        self._end(signal.SIGKILL)
        _, left = psutil.wait_procs(children, timeout=ORPHANS_S)
        for process in left:
            process.kill()
        assert not left, f"what {self.name} started outlived it: {left}"

    def freeze(self) -> None:
        """SIGSTOP to it and to what it started."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal_all(signal.SIGCONT)

    def restart(self) -> None:
        """Stop it in order, start it again and wait until it serves."""
        self.stop()
        self.start().wait()

    def get(self, path: str, *, timeout_s: float = 30) -> Any:
        """The JSON answer to a GET; None for another type."""
        with urllib.request.urlopen(self.url + path, timeout=timeout_s) as answer:
            is_json = "json" in answer.headers.get("content-type", "")
            return json.load(answer) if is_json else None

    def text(self, path: str) -> str:
        """The answer to a GET as text."""
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.read().decode()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON answer to a POST of JSON; raises OSError for what is refused."""
        headers = {"Content-Type": "application/json"}
        data = json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def delete(self, path: str) -> None:
        """DELETE something; raises OSError for what is not done."""
        request = urllib.request.Request(self.url + path, method="DELETE")
        with urllib.request.urlopen(request, timeout=30):
            pass

    def children(self) -> list[int]:
        """Processes that it started (a supervisor's workers), oldest first."""
        found = psutil.Process(self.pid).children(recursive=True)
        return [child.pid for child in found if child.status() != psutil.STATUS_ZOMBIE]

    def usage(self) -> Usage:
        """What it takes, with what it started."""
        processes = [psutil.Process(pid) for pid in (self.pid, *self.children())]
        return Usage(
            memory=sum(each.memory_full_info().pss for each in processes),
            files=sum(each.num_fds() for each in processes),
            threads=sum(each.num_threads() for each in processes),
            processes=len(processes),
        )

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in (self.pid, *self.children()):
            os.kill(pid, number)

    def _end(self, number: signal.Signals) -> None:
        if not self.running:
            return
        assert self._process is not None
        self._process.send_signal(number)
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise RuntimeError(f"{self.name} did not stop in {STOP_S:g} s:\n{self.log}") from None


class Usage:
    """What processes take.

    Attributes:
        memory: Bytes, shared ones counted in parts (PSS).
        files: Open file descriptors.
        threads: Threads.
        processes: Processes.
    """

    def __init__(self, *, memory: int, files: int, threads: int, processes: int) -> None:
        self.memory = memory
        self.files = files
        self.threads = threads
        self.processes = processes

    def __repr__(self) -> str:
        return (
            f"{self.memory / 1e6:.1f} MB, {self.files} files, {self.threads} threads, "
            f"{self.processes} processes"
        )
