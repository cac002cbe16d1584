"""The built web app as static files, with one page for all of its addresses."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response

import livetranslate
from livetranslate.domain.errors import NotFound

RESERVED = ("api/", "ws", "socket.io", "metrics", "status", "docs", "openapi.json", "v1/")
"""Beginnings of paths that are never the web app's."""
YEAR = "public, max-age=31536000, immutable"

NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>LiveTranslate</title>
<body style="font:16px/1.5 system-ui;max-width:40em;margin:4em auto;padding:0 1em">
<h1>LiveTranslate is running</h1>
<p>The web app is not built yet. <code>make run</code> builds it; by hand:</p>
<pre>cd web &amp;&amp; npm ci &amp;&amp; npm run build</pre>
<p>Everything else works: <a href="/docs">the API</a>, <a href="/api/health">health</a>, and
<code>livetranslate captions FILE</code> in a terminal.</p></body></html>
"""


def find_web() -> Path | None:
    """Return the directory of the built web app: in a checkout, or inside the package."""
    package = Path(livetranslate.__file__).parent
    for folder in (package.parent.parent / "web" / "dist", package / "web"):
        if (folder / "index.html").is_file():
            return folder
    return None


def unknown_path(path: str) -> NotFound:
    """Return the error for an address under ``/api`` that does not exist."""
    return NotFound(f"there is nothing at {path}; /docs lists what there is")


def add_web(app: FastAPI, folder: Path | None) -> None:
    """Serve the web app for every path that no route has taken; to be added last.

    Args:
        app: The application.
        folder: What ``npm run build`` made, or None for a page that says how to build it.
    """

    @app.get("/{path:path}", include_in_schema=False)
    def page(path: str) -> Response:
        if path.startswith(RESERVED):
            raise unknown_path("/" + path)
        if folder is None:
            if Path(path).suffix:
                raise unknown_path("/" + path)
            return HTMLResponse(NOT_BUILT)
        file = (folder / path).resolve()
        if path and file.is_file() and file.is_relative_to(folder.resolve()):
            cached = YEAR if path.startswith("assets/") else "no-cache"
            return FileResponse(file, headers={"Cache-Control": cached})
        if Path(path).suffix:
            raise unknown_path("/" + path)
        return FileResponse(folder / "index.html", headers={"Cache-Control": "no-cache"})
