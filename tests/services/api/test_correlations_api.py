"""``/api/audio/correlations``, and Google Meet's API by a local double of its protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fastapi import FastAPI

from livetranslate.domain.errors import BackendUnavailable, Forbidden, NotFound, Unauthorized
from livetranslate.domain.session import SessionConfig
from livetranslate.services.api.correlations import correlations_router
from livetranslate.services.google_meet import GoogleMeet, MeetOptions
from livetranslate.services.problems import install
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.naming import SpeakerNaming
from livetranslate.storage.database import Database
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.schema import migrate
from livetranslate.storage.speakers import SqlSpeakers
from support.events import at, segment

S = "session-1-correlations"
CONFERENCE = "conferenceRecords/c1"


class FakeMeet:
    """Google Meet's API as far as it is used, with two entries a page.

    Attributes:
        entries: What was said.
        answers: Statuses that the next calls get, before good ones.
        grants: Whether the token service gives tokens.
        asked: Paths of all calls.
    """

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.grants = True
        self.asked: list[str] = []
        self.tokens = 0
        app = web.Application()
        app.router.add_post("/token", self._token)
        app.router.add_get("/v2/{path:.*}", self._get)
        self.server = TestServer(app)

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if not self.grants or form["refresh_token"] != "refresh" or form["client_secret"] != "s":
            return web.json_response({"error": "invalid_grant"}, status=400)
        assert form["grant_type"] == "refresh_token"
        self.tokens += 1
        return web.json_response({"access_token": f"token-{self.tokens}", "expires_in": 3600})

    async def _get(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        self.asked.append(path)
        if self.answers and (status := self.answers.pop(0)) != 200:
            body = {"error": {"code": status, "message": "no", "status": "X"}}
            return web.json_response(body, status=status, headers={"Retry-After": "1"})
        if request.headers["Authorization"] != f"Bearer token-{self.tokens}":
            return web.json_response({"error": {"code": 401, "message": "old"}}, status=401)
        return web.json_response(self._answer(path, request.query))

    def _answer(self, path: str, query: Any) -> dict[str, Any]:
        if path == "conferenceRecords":
            known = query["filter"] == 'space.meeting_code="abc-mnop-xyz"'
            return {"conferenceRecords": [{"name": CONFERENCE}]} if known else {}
        if path == f"{CONFERENCE}/participants":
            people = [
                {"name": f"{CONFERENCE}/participants/p1", "signedinUser": {"displayName": "Anna"}},
                {"name": f"{CONFERENCE}/participants/p2", "anonymousUser": {"displayName": "Bob"}},
            ]
            return self._page("participants", people, query)
        if path == f"{CONFERENCE}/transcripts":
            return {"transcripts": [{"name": f"{CONFERENCE}/transcripts/t1", "state": "ENDED"}]}
        assert path == f"{CONFERENCE}/transcripts/t1/entries"
        return self._page("transcriptEntries", self.entries, query)

    def _page(self, key: str, all_of: list[dict[str, Any]], query: Any) -> dict[str, Any]:
        first = int(query.get("pageToken", "0"))
        page: dict[str, Any] = {key: all_of[first : first + 2]}
        if first + 2 < len(all_of):
            page["nextPageToken"] = str(first + 2)
        return page

    def say(self, who: str, start_s: float, end_s: float) -> None:
        self.entries.append(
            {
                "name": f"{CONFERENCE}/transcripts/t1/entries/e{len(self.entries)}",
                "participant": f"{CONFERENCE}/participants/{who}",
                "text": "something",
                "languageCode": "en-US",
                "startTime": at(start_s).isoformat().replace("+00:00", "Z"),
                "endTime": at(end_s).isoformat().replace("+00:00", "Z"),
            }
        )

    def options(self) -> MeetOptions:
        base = str(self.server.make_url("")).rstrip("/")
        return MeetOptions(
            client_id="c",
            client_secret="s",
            refresh_token="refresh",
            base_url=base,
            token_url=f"{base}/token",
        )


@pytest.fixture
async def fake() -> AsyncIterator[FakeMeet]:
    made = FakeMeet()
    await made.server.start_server()
    yield made
    await made.server.close()


class Pauses:
    def __init__(self) -> None:
        self.waited: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waited.append(seconds)


async def test_pages_and_an_expired_token_are_nobodys_trouble(fake: FakeMeet) -> None:
    for number in range(5):
        fake.say("p1", number, number + 1)
    meet = GoogleMeet(fake.options())
    assert await meet.conference("abc-mnop-xyz") == CONFERENCE
    fake.tokens += 1  # the one in use is not good any more
    assert [one.display_name for one in await meet.participants(CONFERENCE)] == ["Anna", "Bob"]
    assert len(await meet.entries(CONFERENCE)) == 5
    with pytest.raises(NotFound):
        await meet.conference("zzz")
    await meet.close()


async def test_busy_and_broken_answers_are_waited_out(fake: FakeMeet) -> None:
    pauses = Pauses()
    meet = GoogleMeet(fake.options(), sleep=pauses)
    fake.answers = [429, 503, 500]
    assert len(await meet.participants(CONFERENCE)) == 2
    assert pauses.waited == [1.0, 1.0, 2.0]
    fake.answers = [503] * 4
    with pytest.raises(BackendUnavailable) as error:
        await meet.participants(CONFERENCE)
    assert error.value.retry_after_s == 1.0
    await meet.close()


@pytest.mark.parametrize(
    ("answers", "grants", "kind"),
    [
        ([401, 401], True, Unauthorized),
        ([403], True, Forbidden),
        ([404], True, NotFound),
        ([], False, Unauthorized),
    ],
)
async def test_refusals_say_what_helps(
    fake: FakeMeet, answers: list[int], grants: bool, kind: type[Exception]
) -> None:
    fake.answers, fake.grants = answers, grants
    meet = GoogleMeet(fake.options())
    with pytest.raises(kind):
        await meet.participants(CONFERENCE)
    await meet.close()


class Api:
    def __init__(self, database: Database, fake: FakeMeet) -> None:
        self.log = MemorySessionLog()
        app = FastAPI()
        install(app)
        naming = SpeakerNaming(self.log, SqlSpeakers(database))
        app.include_router(correlations_router(naming, fake.options()))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://test")

    async def post(self, status: int, **body: Any) -> Any:
        response = await self.http.post("/api/audio/correlations", json={"session_id": S, **body})
        assert response.status_code == status, response.text
        return response.json()

    async def get(self, status: int = 200, session_id: str = S) -> Any:
        found = await self.http.get("/api/audio/correlations", params={"session_id": session_id})
        assert found.status_code == status, found.text
        return found.json()


@pytest.fixture
async def api(tmp_path: Path, fake: FakeMeet) -> AsyncIterator[Api]:
    database = Database(DatabaseOptions(url=f"sqlite+aiosqlite:///{tmp_path}/api.db"))
    await migrate(database)
    records = SqlSessionRecords(database)
    await records.create(S, kind="bot", config=SessionConfig(diarization=True), created_at=at(0))
    spoken = [
        msgspec.structs.replace(segment(S, n), speaker_id=f"SPEAKER_0{n % 2}") for n in range(2)
    ]
    await records.record(S, spoken)
    made = Api(database, fake)
    yield made
    await made.http.aclose()
    await database.close()


async def test_manual_names_are_listed_with_their_reason(api: Api) -> None:
    assert (await api.post(200, speaker_id="SPEAKER_00", speaker_name=" Anna "))["accepted"] == 1
    await api.post(200, mappings=[{"speaker_id": "SPEAKER_01", "speaker_name": "Bob"}])
    found = await api.get()
    assert {one["speaker_id"]: one["speaker_name"] for one in found["speakers"]} == {
        "SPEAKER_00": "Anna",
        "SPEAKER_01": "Bob",
    }
    assert found["correlations"][0]["method"] == "manual"
    assert found["correlations"][0]["confidence"] == 1.0


async def test_a_live_session_answers_accepted(api: Api) -> None:
    await api.log.create(S, SessionConfig())
    answer = await api.post(202, speaker_id="SPEAKER_00", speaker_name="Anna")
    assert answer["status"] == "accepted"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "speaker_name"),
        ({"speaker_name": "Anna"}, "speaker_id"),
        ({"speaker_name": 3, "speaker_id": "x"}, "speaker_name"),
        ({"evidence": [{"source": "guess", "speaker_name": "A"}]}, "evidence"),
        ({"evidence": [{"source": "track", "speaker_name": "A", "start": 1}]}, "end"),
        ({"google_meet": {}}, "google_meet.meeting_code"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(
    api: Api, body: dict[str, Any], field: str
) -> None:
    assert (await api.post(400, **body))["field"].startswith(field)
    assert (await api.get())["correlations"] == []


async def test_unknown_sessions_and_texts_that_are_no_json(api: Api) -> None:
    await api.get(404, "session-9-nowhere")
    response = await api.http.post("/api/audio/correlations", content=b"{")
    assert response.status_code == 400


async def test_google_meet_names_the_speakers_by_its_transcripts(api: Api, fake: FakeMeet) -> None:
    first, second = segment(S, 0), segment(S, 1)
    fake.say("p1", first.start + 2.5, first.end + 2.5)
    fake.say("p2", second.start + 2.5, second.end + 2.5)
    fake.say("p3", 0.0, 60.0)
    await api.post(200, google_meet={"meeting_code": "abc-mnop-xyz", "offset_s": 2.5})
    speakers = (await api.get())["speakers"]
    assert [(one["speaker_id"], one["speaker_name"], one["method"]) for one in speakers] == [
        ("SPEAKER_00", "Anna", "meeting_api"),
        ("SPEAKER_01", "Bob", "meeting_api"),
    ]
