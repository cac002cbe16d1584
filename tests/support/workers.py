"""A worker without recognition: it answers each chunk with a segment that names the chunk."""

from __future__ import annotations

from livetranslate.domain.events import SessionEvent
from livetranslate.sessions.log.base import AudioEntry, Checkpoint, Claim, EndEntry, SessionLog
from support.sessions import ended, started, text


async def work(log: SessionLog, worker_id: str = "w1") -> None:
    """Serve one session after another, each to its end; runs until cancelled."""
    while True:
        claim = await log.claim(worker_id, wait_s=3600)
        if claim is not None:
            await serve(log, claim)


async def serve(log: SessionLog, claim: Claim) -> None:
    """Serve a session from its checkpoint to its end."""
    name = claim.session_id
    position = claim.checkpoint.position if claim.checkpoint else -1
    await log.append_events(claim, [started(name)])
    while True:
        entries = await log.read_entries(name, position, wait_s=1)
        await log.touch(claim)
        if not entries:
            continue
        position = entries[-1].position
        events: list[SessionEvent] = [
            text(name, str(entry.chunk.seq), segment=f"s{entry.chunk.seq}", final=True)
            for entry in entries
            if isinstance(entry, AudioEntry)
        ]
        last = entries[-1]
        if isinstance(last, EndEntry):
            events.append(ended(name, last.reason))
        await log.append_events(claim, events, checkpoint=Checkpoint(position, b""))
        if isinstance(last, EndEntry):
            return
