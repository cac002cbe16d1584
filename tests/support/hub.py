"""A server on this machine that speaks the hub's protocol, as far as downloads need it.

It serves repositories from memory: their description, their tree, and their files with the headers,
the redirect of large files and the byte ranges of the real one; and it can be told to misbehave.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LARGE_FROM = 100_000
"""Bytes from which a file is kept as a large one (LFS), with a SHA-256."""


@dataclass
class HubState:
    """Content and behaviour of the server.

    Attributes:
        repositories: Files by path, by repository.
        gated: Repositories that want their terms accepted.
        damaged: Paths whose content arrives with a flipped byte.
        cut_once: Paths whose first transfer breaks off in the middle.
        lost: Paths that are answered with 500.
        claimed_sizes: Sizes told instead of the true ones, by path.
        requests: Method, path and Range header of every request.
        endpoint: Address to give to the client.
        cdn: Address that large files are redirected to.
    """

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    damaged: set[str] = field(default_factory=set)
    cut_once: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    claimed_sizes: dict[str, int] = field(default_factory=dict)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    endpoint: str = ""
    cdn: str = ""

    def commit(self, repository: str) -> str:
        content = self.repositories[repository]
        files = sorted((path, zlib.crc32(data)) for path, data in content.items())
        return hashlib.sha1(repr(files).encode()).hexdigest()

    def ranges(self, path: str) -> list[str | None]:
        """Return the Range headers of the transfers of a file, in order."""
        return [
            range_
            for method, requested, range_ in self.requests
            if method == "GET" and requested.startswith("/cdn/") and requested.endswith(path)
        ]


def git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class HubHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: HubState

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.state.requests.append((self.command, path, self.headers.get("Range")))
        routes = (
            (r"/api/models/([^/]+/[^/]+)(?:/revision/[^/]+)?", self._describe),
            (r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", self._tree),
            (r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self._resolve),
            (r"/cdn/([^/]+/[^/]+)/(.+)", self._transfer),
        )
        for pattern, answer in routes:
            match = re.fullmatch(pattern, path)
            if match is None:
                continue
            repository = match.group(1)
            if repository not in self.state.repositories:
                self._send(404, headers={"X-Error-Code": "RepoNotFound"})
            elif repository in self.state.gated:
                self._send(403, headers={"X-Error-Code": "GatedRepo"})
            else:
                answer(*match.groups())
            return
        self._send(404)

    def _describe(self, repository: str) -> None:
        description = {"id": repository, "sha": self.state.commit(repository), "siblings": []}
        self._send(200, json.dumps(description).encode(), {"Content-Type": "application/json"})

    def _tree(self, repository: str, _revision: str) -> None:
        entries: list[dict[str, object]] = []
        for path, content in self.state.repositories[repository].items():
            size = self.state.claimed_sizes.get(path, len(content))
            entry: dict[str, object] = {
                "type": "file",
                "path": path,
                "size": size,
                "oid": git_id(content),
            }
            if len(content) >= LARGE_FROM:
                entry["lfs"] = {"oid": sha256(content), "size": size, "pointerSize": 134}
            entries.append(entry)
        self._send(200, json.dumps(entries).encode(), {"Content-Type": "application/json"})

    def _resolve(self, repository: str, _revision: str, path: str) -> None:
        content = self.state.repositories[repository].get(path)
        if content is None:
            self._send(404, headers={"X-Error-Code": "EntryNotFound"})
            return
        if path in self.state.lost:
            self._send(500)
            return
        commit = {"X-Repo-Commit": self.state.commit(repository)}
        if len(content) >= LARGE_FROM:
            headers = commit | {
                "Location": f"{self.state.cdn}/cdn/{repository}/{path}",
                "X-Linked-Etag": f'"{sha256(content)}"',
                "X-Linked-Size": str(len(content)),
            }
            self._send(302, headers=headers)
        else:
            self._send_file(path, content, commit | {"ETag": f'"{git_id(content)}"'})

    def _transfer(self, repository: str, path: str) -> None:
        content = self.state.repositories[repository][path]
        self._send_file(path, content, {"ETag": f'"{sha256(content)}"'})

    def _send_file(self, path: str, content: bytes, headers: dict[str, str]) -> None:
        if path in self.state.damaged:
            content = content[:-1] + bytes([content[-1] ^ 1])
        status, total, first = 200, len(content), 0
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if wanted is not None:
            status, first = 206, int(wanted.group(1))
            headers = headers | {"Content-Range": f"bytes {first}-{total - 1}/{total}"}
        body = content[first:]
        if self.command == "GET" and path in self.state.cut_once:
            self.state.cut_once.discard(path)
            self._send(status, body, headers, send=len(body) // 2)
            self.close_connection = True
        else:
            self._send(status, body, headers)

    def _send(
        self,
        status: int,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        send: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if send is None else body[:send])


@contextmanager
def running_hub() -> Iterator[HubState]:
    """Serve on a free port; ``endpoint`` of the state says where."""
    state = HubState()
    handler = type("Handler", (HubHandler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    state.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    state.cdn = f"http://localhost:{server.server_address[1]}"  # another host, as in the wild
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
