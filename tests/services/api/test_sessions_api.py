from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from livetranslate.domain.session import SessionConfig
from livetranslate.services.api.sessions import sessions_router
from livetranslate.services.problems import install
from livetranslate.storage.database import Database
from livetranslate.storage.history import SessionHistory
from livetranslate.storage.live import LiveHistory
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.schema import migrate
from support.events import at, segment, translation

A, B = "session-1-aaaaaa", "session-2-bbbbbb"


class Api:
    def __init__(self, database: Database) -> None:
        self.removed: list[str] = []
        self.records = SqlSessionRecords(database)
        app = FastAPI()
        install(app)
        history = SessionHistory(database)
        live = LiveHistory(history, self._version)
        app.include_router(sessions_router(history, live, self._remove))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://test")

    async def _version(self, session_id: str) -> None:
        return None

    async def _remove(self, session_id: str) -> None:
        self.removed.append(session_id)
        await self.records.delete(session_id)

    async def get(self, path: str, status: int = 200, /, **parameters: str) -> httpx.Response:
        response = await self.http.get(path, params=parameters)
        assert response.status_code == status, response.text
        return response


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    database = Database(DatabaseOptions(url=f"sqlite+aiosqlite:///{tmp_path}/api.db"))
    await migrate(database)
    api = Api(database)
    for number, name in enumerate((A, B)):
        config = SessionConfig(target_languages=("es",), metadata={"title": f"Talk {number}"})
        await api.records.create(name, kind="browser", config=config, created_at=at(number))
        await api.records.record(name, [segment(name, 0), translation(name, 0)])
    yield api
    await api.http.aclose()
    await database.close()


async def test_list_filter_and_pages(api: Api) -> None:
    first = (await api.get("/api/sessions", limit="1")).json()
    assert [one["session_id"] for one in first["sessions"]] == [B]
    assert first["sessions"][0]["segments"] == 1
    rest = (await api.get("/api/sessions", limit="1", cursor=first["next_cursor"])).json()
    assert [one["session_id"] for one in rest["sessions"]] == [A]
    assert rest["next_cursor"] is None
    for parameters, count in (
        ({"status": "initializing"}, 2),
        ({"status": "failed"}, 0),
        ({"kind": "bot"}, 0),
        ({"language": "es"}, 2),
        ({"q": "talk 0"}, 1),
        ({"q": "mundo"}, 2),
        ({"since": "2026-03-01T12:00:01Z"}, 1),
        ({"until": "2026-03-01T12:00:01"}, 1),
        ({"since": "2026-03-02"}, 0),
    ):
        page = (await api.get("/api/sessions", **parameters)).json()
        assert len(page["sessions"]) == count, parameters


async def test_one_session(api: Api) -> None:
    body = (await api.get(f"/api/sessions/{A}")).json()
    assert (body["title"], body["status"], body["translations"]) == ("Talk 0", "initializing", 1)
    assert body["created_at"].endswith("Z")


async def test_transcript_in_each_format(api: Api) -> None:
    path = f"/api/sessions/{A}/transcript"
    body = (await api.get(path)).json()
    [only] = body["segments"]
    assert (only["text"], only["start"], only["segment_id"]) == ("hello world", 0.0, "s0")
    assert only["translations"]["es"]["translated_text"] == "hola mundo"
    assert only["words"][0]["word"] == "hello"
    assert (await api.get(path, format="txt", language="es")).text == "hola mundo\n"
    srt = await api.get(path, format="srt")
    assert "00:00:00,000 --> 00:00:02,000" in srt.text
    assert srt.headers["content-disposition"].endswith(f'"{A}.srt"')
    vtt = await api.get(path, format="vtt")
    assert vtt.headers["content-type"].startswith("text/vtt")
    assert vtt.text.startswith("WEBVTT")
    assert (await api.get(path, format="md")).text.startswith("# Talk 0")


async def test_transcript_in_two_languages(api: Api) -> None:
    path = f"/api/sessions/{A}/transcript"
    both = await api.get(path, format="txt", language="es", bilingual="true")
    assert both.text.splitlines() == ["hello world", "hola mundo"]
    refused = (await api.get(path, 400, format="srt", bilingual="true")).json()
    assert refused["field"] == "language"


async def test_search(api: Api) -> None:
    body = (await api.get("/api/search", q="mun")).json()
    assert [hit["session_id"] for hit in body["hits"]] == [B, A]
    body = (await api.get("/api/search", q="hello", session_id=A)).json()
    assert [hit["segment"]["text"] for hit in body["hits"]] == ["hello world"]


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/api/sessions?limit=0", 422, "limit"),
        ("/api/sessions?status=odd", 422, "status"),
        ("/api/sessions?since=yesterday", 422, "since"),
        ("/api/sessions?cursor=odd", 400, "cursor"),
        ("/api/sessions?q=%00", 400, "q"),
        ("/api/sessions?kind=%00", 400, "kind"),
        ("/api/sessions/nobody", 404, "session_id"),
        ("/api/sessions/%00", 400, "session_id"),
        ("/api/sessions/nobody/transcript", 404, "session_id"),
        (f"/api/sessions/{A}/transcript?format=doc", 422, "format"),
        (f"/api/sessions/{A}/transcript?language=de", 422, "language"),
        ("/api/search", 422, "q"),
        ("/api/search?q=!", 400, "q"),
        ("/api/search?q=a&cursor=99999999999999999999", 400, "cursor"),
        ("/api/search?q=a&session_id=a%20b", 400, "session_id"),
    ],
)
async def test_what_is_wrong_is_named(api: Api, path: str, status: int, field: str) -> None:
    response = await api.http.get(path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["field"] == field


async def test_removal_leaves_the_other(api: Api) -> None:
    response = await api.http.delete(f"/api/sessions/{A}")
    assert (response.status_code, response.content) == (204, b"")
    assert api.removed == [A]
    await api.get(f"/api/sessions/{A}", 404)
    assert (await api.http.delete(f"/api/sessions/{A}")).status_code == 404
    assert (await api.get("/api/search", q="hello")).json()["hits"][0]["session_id"] == B


async def test_database_away_is_503_with_retry_after() -> None:
    away = Api(Database(DatabaseOptions(url="sqlite+aiosqlite:////nowhere/at/all.db")))
    response = await away.get("/api/sessions", 503)
    assert response.json()["code"] == "backend_unavailable"
    assert int(response.headers["retry-after"]) >= 1
    await away.http.aclose()
