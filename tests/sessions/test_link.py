"""The worker link: what its contracts do not say by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from livetranslate.domain.errors import (
    BackendUnavailable,
    ClaimLost,
    InternalError,
    InvalidInput,
    LiveTranslateError,
    SequenceGap,
    UnsupportedLanguage,
    error_types,
)
from livetranslate.domain.session import SessionConfig
from livetranslate.sessions.desk.memory import MemoryDesk
from livetranslate.sessions.errors import ErrorData, error_data, rebuilt
from livetranslate.sessions.link.client import WorkerLink
from livetranslate.sessions.link.frames import MAX_FRAME_BYTES
from livetranslate.sessions.link.methods import METHODS
from livetranslate.sessions.link.server import LogServer
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.work import JobKind
from support.clock import VirtualClock, settle, until
from support.sessions import ended, pcm, text


class Main:
    """A main process: a log and a desk behind a socket."""

    def __init__(self, path: Path) -> None:
        self.log = MemorySessionLog(clock=VirtualClock())
        self.desk = MemoryDesk(clock=VirtualClock())
        self.server = LogServer(self.log, self.desk, path)

    async def connect(self) -> WorkerLink:
        return await WorkerLink.connect(self.server.path)


@pytest.fixture
async def main(tmp_path: Path) -> AsyncIterator[Main]:
    main = Main(tmp_path / "link")
    await main.server.start()
    yield main
    await main.server.close()


async def holder(main: Main, session_id: str) -> str | None:
    return (await main.log.state(session_id)).worker_id


async def test_a_broken_connection_frees_claims_and_jobs_at_once(main: Main):
    link = await main.connect()
    for name in ("a", "b"):
        await main.log.create(name, SessionConfig())
    claims = [await link.log.claim("w1") for _ in range(2)]
    caller = asyncio.create_task(main.desk.submit(JobKind.TRANSCRIBE, b"x"))
    await settle()
    assert await link.desk.take_job("w1", wait_s=0) is not None
    waiting = asyncio.create_task(main.log.claim("w2", wait_s=100))
    await settle()
    await link.close()
    claim = await waiting
    assert claim is not None and claim.session_id == "a"
    assert await holder(main, "b") is None
    with pytest.raises(ClaimLost):
        await main.log.touch(claims[1])
    job = await main.desk.take_job("w2", wait_s=1)
    assert job is not None
    await main.desk.finish_job(job.job_id, b"done")
    assert await caller == b"done"
    assert asyncio.get_running_loop().time() < 1


async def test_what_was_given_back_before_is_not_taken_from_others(main: Main):
    link = await main.connect()
    await main.log.create("a", SessionConfig())
    first = await link.log.claim("w1")
    assert first is not None
    await link.log.release(first)
    assert await main.log.claim("w2") is not None
    await link.close()
    await settle()
    assert await holder(main, "a") == "w2"


async def test_a_connection_forgets_what_is_over(main: Main):
    link = await main.connect()
    lost = asyncio.create_task(link.log.claim("w1", wait_s=10))
    await main.log.create("a", SessionConfig())
    claim = await lost
    assert claim is not None
    await link.log.append_events(claim, [text("a", "x"), ended("a")])
    await main.log.create("b", SessionConfig())
    claim = await link.log.claim("w1")
    assert claim is not None
    await main.log.delete("b")
    with pytest.raises(ClaimLost):
        await link.log.touch(claim)
    (peer,) = vars(main.server)["_peers"]
    assert vars(vars(peer)["_holdings"])["_claims"] == {}
    assert vars(peer)["_calls"] == {}
    await link.close()


async def test_a_claim_whose_caller_went_away_is_given_back(main: Main):
    link = await main.connect()
    await main.log.create("a", SessionConfig())
    claiming = asyncio.create_task(link.log.claim("w1"))
    await until(lambda: not vars(main.log)["_offers"])
    assert not claiming.done()
    claiming.cancel()
    await settle()
    assert await holder(main, "a") is None
    await link.close()


async def test_a_job_whose_taker_went_away_is_no_lost_attempt(main: Main):
    link = await main.connect()
    caller = asyncio.create_task(main.desk.submit(JobKind.TRANSCRIBE, b"x"))
    await settle()
    for _ in range(5):
        taking = asyncio.create_task(link.desk.take_job("w1", wait_s=0))
        await until(lambda: not main.desk.queued)
        taking.cancel()
        await settle()
        assert main.desk.queued == 1
    assert await link.desk.take_job("w1", wait_s=0) is not None
    await link.close()
    job = await main.desk.take_job("w2", wait_s=1)
    assert job is not None
    await main.desk.finish_job(job.job_id, b"done")
    assert await caller == b"done"


async def test_a_worker_that_is_gone_takes_nothing(main: Main):
    link = await main.connect()
    claiming = asyncio.create_task(link.log.claim("w1", wait_s=100))
    taking = asyncio.create_task(link.desk.take_job("w1", wait_s=100))
    await settle()
    await link.close()
    await asyncio.gather(claiming, taking, return_exceptions=True)
    await main.log.create("a", SessionConfig())
    submitted = asyncio.create_task(main.desk.submit(JobKind.TRANSCRIBE, b"x"))
    await settle()
    assert await main.log.claim("w2") is not None
    assert await main.desk.take_job("w2", wait_s=0) is not None
    submitted.cancel()


async def test_a_dead_main_process_is_seen_at_once(main: Main):
    link = await main.connect()
    await main.log.create("a", SessionConfig())
    waiting = asyncio.create_task(link.log.read_entries("a", -1, wait_s=1000))
    await settle()
    await main.server.close()
    await link.wait_gone()
    with pytest.raises(BackendUnavailable):
        await waiting
    with pytest.raises(BackendUnavailable):
        await link.log.state("a")
    with pytest.raises(BackendUnavailable, match="nobody answers"):
        await main.connect()
    assert asyncio.get_running_loop().time() < 1


async def test_long_waits_do_not_hold_up_other_calls(main: Main):
    link = await main.connect()
    await main.log.create("a", SessionConfig())
    waits = [asyncio.create_task(link.log.read_entries("a", -1, wait_s=1000)) for _ in range(200)]
    assert (await link.log.append_audio("a", 0, pcm(0.1))).seq == 0
    entries = await asyncio.gather(*waits)
    assert all(len(found) == 1 for found in entries)
    assert asyncio.get_running_loop().time() < 1
    await link.close()


async def test_large_audio_passes_untouched_both_ways(main: Main):
    link = await main.connect()
    await main.log.create("a", SessionConfig())
    chunks = [bytes([n]) * 2**20 for n in range(3)]
    for seq, chunk in enumerate(chunks):
        await link.log.append_audio("a", seq, chunk)
    entries = await link.log.read_entries("a", -1)
    assert [entry.chunk.pcm for entry in entries] == chunks
    await link.close()


async def test_several_workers_share_the_log(main: Main):
    links = [await main.connect() for _ in range(3)]
    for number in range(30):
        await main.log.create(f"s{number}", SessionConfig())
    claims = await asyncio.gather(*(links[n % 3].log.claim(f"w{n % 3}") for n in range(30)))
    assert sorted(claim.session_id for claim in claims if claim) == sorted(
        f"s{n}" for n in range(30)
    )
    for link in links:
        await link.close()


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        (MAX_FRAME_BYTES + 1).to_bytes(4, "big"),
        b"\x00\x00\x00\x03abc",
        b"\x00\x00\x00\x01\xc1",
    ],
)
async def test_garbage_ends_only_its_own_connection(main: Main, data: bytes):
    link = await main.connect()
    reader, writer = await asyncio.open_unix_connection(str(main.server.path))
    writer.write(data)
    try:
        assert await reader.read() == b""
    except ConnectionResetError:
        pass
    writer.close()
    assert await link.log.sessions() == []
    await link.close()


async def test_wrong_calls_are_answered_with_an_error(main: Main, monkeypatch):
    link = await main.connect()
    monkeypatch.setitem(METHODS, "log.explode", METHODS["log.sessions"])
    with pytest.raises(InternalError):
        await link.call("log.explode")
    with pytest.raises(InvalidInput, match=r"log\.append_audio"):
        await link.call("log.append_audio", "a", "not a number", b"")
    assert await link.log.sessions() == []
    await link.close()


async def test_the_socket_is_private_and_replaces_a_dead_one(tmp_path: Path):
    path = tmp_path / "link"
    first = Main(path)
    await first.server.start()
    second = Main(path)
    await second.server.start()
    assert path.stat().st_mode & 0o077 == 0
    link = await second.connect()
    await second.log.create("a", SessionConfig())
    assert [state.session_id for state in await link.log.sessions()] == ["a"]
    await link.close()
    await second.server.close()
    assert not path.exists()
    await first.server.close()


ERRORS: list[LiveTranslateError] = [
    SequenceGap(expected_seq=3, got_seq=9),
    UnsupportedLanguage("no Klingon", available=("en", "es"), field="config.language"),
    InvalidInput("bad", field="seq", retry_after_s=1.5),
    *(
        kind("text")
        for kind in error_types().values()
        if kind not in (SequenceGap, UnsupportedLanguage)
    ),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_errors_travel_whole(error: LiveTranslateError):
    travelled = msgspec.msgpack.encode(error_data(error))
    again = rebuilt(msgspec.msgpack.decode(travelled, type=ErrorData))
    assert type(again) is type(error)
    assert (str(again), vars(again)) == (str(error), vars(error))
