import random
from typing import Any

import msgspec
import pytest

from livetranslate.domain.errors import InvalidInput, NotFound, UnsupportedLanguage
from livetranslate.domain.session import EndReason, SessionConfig, SessionStatus
from livetranslate.storage.database import Database
from livetranslate.storage.found import SessionFilter, SessionPage
from livetranslate.storage.history import SessionHistory
from livetranslate.storage.records import SqlSessionRecords
from support.events import at, ended, segment, speaker, translation


class Stored:
    """A database with a few sessions, made through the writing side."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.records = SqlSessionRecords(database)
        self.history = SessionHistory(database)

    async def session(
        self, name: str, created: float = 0.0, kind: str = "api", **config: Any
    ) -> str:
        await self.records.create(
            name, kind=kind, config=SessionConfig(**config), created_at=at(created)
        )
        return name

    async def ids(self, **wanted: Any) -> list[str]:
        page = await self.history.sessions(SessionFilter(**wanted))
        return [found.session_id for found in page.sessions]


@pytest.fixture
def stored(database: Database) -> Stored:
    return Stored(database)


async def test_empty_database_has_an_empty_page(stored: Stored) -> None:
    assert await stored.history.sessions() == SessionPage(sessions=[], next_cursor=None)
    assert (await stored.history.search("word")).hits == []


async def test_filters(stored: Stored) -> None:
    await stored.session("a", 1, language="en", target_languages=("fr",))
    await stored.session("b", 2, kind="bot", metadata={"title": "Quarterly 100% Review"})
    await stored.session("c", 3, kind="bot")
    await stored.records.record("b", [segment("b", 0, "guten Morgen", language="de")])
    await stored.records.record("c", [segment("c", 0), translation("c", 0, "buenos días")])
    await stored.records.set_status("c", SessionStatus.ACTIVE, at=at(4))
    assert await stored.ids() == ["c", "b", "a"]
    assert await stored.ids(status=SessionStatus.ACTIVE) == ["c"]
    assert await stored.ids(kind="bot") == ["c", "b"]
    assert await stored.ids(kind="bot", status=SessionStatus.INITIALIZING) == ["b"]
    assert await stored.ids(language="de") == ["b"]
    assert await stored.ids(language="es") == ["c"]
    assert await stored.ids(language="en") == ["c", "a"]
    assert await stored.ids(since=at(2)) == ["c", "b"]
    assert await stored.ids(since=at(2), until=at(3)) == ["b"]
    assert await stored.ids(q="días") == ["c"]
    assert await stored.ids(q="MORGEN") == ["b"]
    assert await stored.ids(q="100% rev") == ["b"]
    assert await stored.ids(q="10_% rev") == []
    with pytest.raises(InvalidInput):
        await stored.ids(q="?!")


async def test_sessions_that_have_not_ended(stored: Stored) -> None:
    for number, name in enumerate(["new", "active", "done", "failed"]):
        await stored.session(name, number)
    for name in ("active", "done"):
        await stored.records.set_status(name, SessionStatus.ACTIVE, at=at(10))
    await stored.records.set_status("done", SessionStatus.COMPLETED, at=at(11))
    await stored.records.set_status("failed", SessionStatus.FAILED, at=at(11))
    assert await stored.history.open_sessions() == {"new": at(0), "active": at(1)}


async def test_pages_give_each_session_once(stored: Stored) -> None:
    names = [f"s{number:02}" for number in range(23)]
    for number, name in enumerate(names):
        await stored.session(name, created=number // 4)
    seen: list[str] = []
    cursor = None
    while True:
        page = await stored.history.sessions(limit=5, cursor=cursor)
        seen += [found.session_id for found in page.sessions]
        cursor = page.next_cursor
        if cursor is None:
            break
        assert len(page.sessions) == 5
    assert seen == sorted(names, reverse=True)


@pytest.mark.parametrize("limit", [0, 201])
async def test_limit_out_of_range(stored: Stored, limit: int) -> None:
    with pytest.raises(InvalidInput, match="1-200"):
        await stored.history.sessions(limit=limit)


@pytest.mark.parametrize("cursor", ["x", "1e9.s", "9" * 40 + ".s", "-"])
async def test_cursor_that_is_none(stored: Stored, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="next_cursor"):
        await stored.history.sessions(cursor=cursor)
    with pytest.raises(InvalidInput, match="next_cursor"):
        await stored.history.search("word", cursor=cursor)


async def test_session_counts_while_it_lives_and_after(stored: Stored) -> None:
    await stored.session("s", target_languages=("es",), glossary={"a": "b"}, metadata={"k": [1]})
    await stored.records.record(
        "s", [segment("s", 0, "one two"), segment("s", 1, "three"), translation("s", 0)]
    )
    live = await stored.history.session("s")
    assert (live.segments, live.words, live.translations) == (2, 3, 1)
    assert (live.duration_s, live.statistics, live.spoken_languages) == (None, None, ["en"])
    assert live.config["glossary"] == {"a": "b"}
    assert live.metadata == {"k": [1]}
    await stored.records.set_status("s", SessionStatus.ACTIVE, at=at(5))
    await stored.records.record("s", [ended("s", 65)])
    await stored.records.set_status(
        "s", SessionStatus.COMPLETED, at=at(65), reason=EndReason.CLIENT_ENDED
    )
    past = await stored.history.session("s")
    assert (past.segments, past.words, past.translations) == (2, 3, 1)
    assert (past.status, past.end_reason, past.duration_s) == ("completed", "client_ended", 60.0)
    assert past.statistics is not None
    assert past.statistics["audio_s"] == 80.0
    [summary] = (await stored.history.sessions()).sessions
    assert summary.words == 3
    msgspec.json.encode(past)


async def test_unknown_session(stored: Stored) -> None:
    with pytest.raises(NotFound, match="nobody"):
        await stored.history.session("nobody")
    with pytest.raises(NotFound, match="nobody"):
        await stored.history.transcript("nobody")


async def test_transcript_is_in_order_with_names_and_all_translations(stored: Stored) -> None:
    await stored.session("s", metadata={"title": "T"})
    await stored.session("other")
    numbers = list(range(8))
    random.Random(1).shuffle(numbers)
    for number in numbers:
        await stored.records.record("s", [segment("s", number, f"word{number}", speaker="A")])
    untimed = msgspec.structs.replace(segment("s", 9), segment_id="untimed", start=float("nan"))
    await stored.records.record("s", [untimed, translation("s", 2, "palabra"), segment("other", 0)])
    await stored.records.record("s", [translation("s", 2, "mot", target="fr")])
    await stored.records.record("s", [speaker("s", 999, "ada", "Ada", 2, 3)])
    transcript = await stored.history.transcript("s")
    texts = [found.text for found in transcript.segments]
    assert texts == [*(f"word{number}" for number in range(8)), "hello world"]
    third = transcript.segments[2]
    assert (third.segment_id, third.start, third.end) == ("s2", 4.0, 6.0)
    assert {target: one.translated_text for target, one in third.translations.items()} == {
        "es": "palabra",
        "fr": "mot",
    }
    assert third.translations["es"].engine == "apertium"
    assert third.words == list(segment("s", 2, "word2").words)
    assert [found.speaker for found in transcript.segments[1:5]] == ["A", "Ada", "Ada", "A"]
    assert transcript.segments[5].translations == {}
    assert transcript.segments[8].start is None
    spanish = transcript.only("es").segments[2]
    assert list(spanish.translations) == ["es"]
    with pytest.raises(UnsupportedLanguage) as caught:
        transcript.only("xx")
    assert caught.value.available == ("en", "es", "fr")


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("quick", "s0"),
        ("QUI", "s0"),
        ("uick", ""),
        ("fox quick", "s0"),
        ("quick dog", ""),
        ("example", "s1"),
        ("example.com", "s1"),
        ("über", "s1"),
        ("ÜBER", "s1"),
        ("uber", ""),
        ("perezoso", "s1 s2"),
        ("foo_bar", "s2"),
        ("don't", "s2"),
        ("O'Neil \" OR 1=1 --", ""),
        ("NOT AND OR", ""),
        ("quick)", "s0"),
        ("你好", "s2"),
        ("हिन्दी", "s2"),
    ],
)
async def test_search(stored: Stored, q: str, found: str) -> None:
    await stored.session("s", metadata={"title": "T"})
    await stored.session("other")
    await stored.records.record(
        "s",
        [
            segment("s", 0, "The quick-brown fox, 3.14"),
            segment("s", 1, "über www.example.com/x?y"),
            segment("s", 2, "foo_bar don't 你好 हिन्दी"),
            translation("s", 1, "el perro perezoso"),
            translation("s", 2, "perezoso de nuevo"),
        ],
    )
    await stored.records.record("other", [segment("other", 0, "quick")])
    page = await stored.history.search(q, session_id="s")
    assert {hit.segment.segment_id for hit in page.hits} == set(found.split())
    assert all(hit.title == "T" and hit.session_id == "s" for hit in page.hits)


async def test_search_goes_newest_first_in_pages_and_forgets_what_is_deleted(
    stored: Stored,
) -> None:
    for name in ("a", "b"):
        await stored.session(name)
        events = [segment(name, number, f"needle {number}") for number in range(5)]
        await stored.records.record(name, [*events, translation(name, 4, "needle")])
    first = await stored.history.search("needle", limit=7)
    assert [hit.session_id for hit in first.hits] == ["b"] * 5 + ["a"] * 2
    assert first.hits[0].segment.translations["es"].translated_text == "needle"
    rest = await stored.history.search("needle", limit=7, cursor=first.next_cursor)
    assert [hit.segment.segment_id for hit in rest.hits] == ["s2", "s1", "s0"]
    assert rest.next_cursor is None
    await stored.records.delete("b")
    left = await stored.history.search("needle")
    assert {hit.session_id for hit in left.hits} == {"a"}
    assert await stored.ids(q="needle") == ["a"]


async def test_search_needs_a_word(stored: Stored) -> None:
    for q in ("", " ", "-!", " ".join(["w"] * 17)):
        with pytest.raises(InvalidInput) as caught:
            await stored.history.search(q)
        assert caught.value.field == "q"
