"""The hub: fans a session's events out to any number of listeners.

For each session with listeners in this process there is one **feed**: one reader of the session's
log, which encodes each event once and puts it into the outbox of every listener. A listener first
catches up from the log on its own, at the pace of its connection, and joins the feed where it
meets it; so a long history never fills an outbox, and nobody waits for anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from livetranslate.domain.errors import LiveTranslateError, NotFound
from livetranslate.domain.events import SessionEnded
from livetranslate.domain.messages import ErrorMessage
from livetranslate.services.realtime.frames import Frame
from livetranslate.services.realtime.outbox import Outbox
from livetranslate.sessions.log.base import SessionLog

READ_WAIT_S = 30.0
"""How long one read of the log waits for the next event."""
RETRY_S = 0.5
"""Pause before a log that did not answer is read again."""
CATCH_UP_PAGE = 128
"""Events that a replay reads at once."""

LISTENERS_AT_ONCE = 512
"""Listeners that an event goes to before others may run."""

_log = structlog.get_logger(__name__)


class Listener:
    """One connection's interest in one session.

    Attributes:
        session_id: The session.
        position: Newest event put into the outbox, or passed over by wish.
        done: Whether nothing more will come (the session ended, is gone, or nobody listens).
        catching_up: Replays the log until the feed is met.
    """

    __slots__ = ("_on_done", "_outbox", "catching_up", "done", "position", "session_id")

    def __init__(
        self,
        session_id: str,
        outbox: Outbox,
        *,
        position: int,
        on_done: Callable[[str], None] | None = None,
    ) -> None:
        self.session_id = session_id
        self.position = position
        self.done = False
        self._outbox = outbox
        self._on_done = on_done
        self.catching_up: asyncio.Task[None] | None = None

    def push(self, frame: Frame) -> None:
        """Put an event into the outbox unless it was there already."""
        if self.done or frame.event_id <= self.position:
            return
        self.position = frame.event_id
        self._outbox.put(frame)
        if isinstance(frame.message, SessionEnded):
            self.finish()

    async def room(self) -> None:
        """Wait until the outbox takes more of a replay."""
        await self._outbox.room()

    def caught_up(self) -> None:
        """Note that the replay is over."""
        self.catching_up = None

    def fail(self, error: LiveTranslateError) -> None:
        """Tell the connection that the session cannot be listened to any more."""
        if self.done:
            return
        message = ErrorMessage(code=error.code, message=error.message, session_id=self.session_id)
        self._outbox.put(Frame(message))
        self.finish()

    def finish(self) -> None:
        """Note that nothing more will come, and tell the owner once."""
        if self.done:
            return
        self.done = True
        if self._on_done is not None:
            self._on_done(self.session_id)


class _Feed:
    """The one reader of a session's log in this process."""

    def __init__(self, session_id: str, position: int) -> None:
        self.session_id = session_id
        self.position = position
        self.listeners: set[Listener] = set()
        self.task: asyncio.Task[None] | None = None


class Hub:
    """Fan-out of session events to the connections of this process."""

    def __init__(self, log: SessionLog) -> None:
        self._sessions = log
        self._feeds: dict[str, _Feed] = {}

    @property
    def feeds(self) -> int:
        """Number of sessions being read."""
        return len(self._feeds)

    def listen(
        self,
        session_id: str,
        outbox: Outbox,
        *,
        after: int,
        on_done: Callable[[str], None] | None = None,
    ) -> Listener:
        """Put the events of a session behind ``after`` into an outbox from now on.

        Args:
            session_id: The session.
            outbox: Where the events go.
            after: Newest event the connection has; 0 brings the present state first.
            on_done: Called once with the session's id when nothing more will come.

        Returns:
            The listener, to be handed to ``drop`` when the connection leaves.
        """
        listener = Listener(session_id, outbox, position=after, on_done=on_done)
        task = asyncio.create_task(self._catch_up(listener), name=f"catch-up {session_id}")
        listener.catching_up = task
        task.add_done_callback(lambda _: listener.caught_up())
        return listener

    def drop(self, listener: Listener) -> None:
        """End a listener's interest; the last one of a session ends the reading of its log."""
        listener.done = True
        if listener.catching_up is not None:
            listener.catching_up.cancel()
        feed = self._feeds.get(listener.session_id)
        if feed is None:
            return
        feed.listeners.discard(listener)
        if not feed.listeners:
            self._stop(feed)

    async def close(self) -> None:
        """End all reading."""
        tasks: list[asyncio.Task[None]] = []
        for feed in list(self._feeds.values()):
            for listener in list(feed.listeners):
                listener.done = True
            feed.listeners.clear()
            if feed.task is not None:
                tasks.append(feed.task)
            self._stop(feed)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _stop(self, feed: _Feed) -> None:
        if self._feeds.get(feed.session_id) is feed:
            del self._feeds[feed.session_id]
        task, feed.task = feed.task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    async def _catch_up(self, listener: Listener) -> None:
        """Replay the log to a listener until it meets the feed, then join it there."""
        while not listener.done:
            feed = self._feeds.get(listener.session_id)
            met_at = feed.position if feed is not None else None
            if feed is not None and listener.position >= feed.position:
                feed.listeners.add(listener)
                return
            try:
                events = await self._sessions.read_events(
                    listener.session_id, listener.position, limit=CATCH_UP_PAGE
                )
            except NotFound as error:
                listener.fail(error)
                return
            except LiveTranslateError as error:
                _log.debug("replay_failed", session_id=listener.session_id, code=error.code)
                await asyncio.sleep(RETRY_S)
                continue
            for event in events:
                await listener.room()
                listener.push(Frame.of_event(event))
            # A peer that reads fast never makes this wait: let others run between the pages.
            await asyncio.sleep(0)
            if events or listener.done or self._feeds.get(listener.session_id) is not feed:
                continue
            if feed is None:
                self._start(listener)
                return
            if feed.position == met_at:
                # What lies between was superseded and dropped.
                listener.position = feed.position

    def _start(self, listener: Listener) -> None:
        feed = _Feed(listener.session_id, listener.position)
        feed.listeners.add(listener)
        self._feeds[feed.session_id] = feed
        feed.task = asyncio.create_task(self._run(feed), name=f"feed {feed.session_id}")

    async def _run(self, feed: _Feed) -> None:
        while feed.listeners:
            try:
                events = await self._sessions.read_events(
                    feed.session_id, feed.position, wait_s=READ_WAIT_S
                )
                if not events and (await self._sessions.state(feed.session_id)).ended:
                    # Nothing can follow an end that every listener has behind it.
                    for listener in tuple(feed.listeners):
                        listener.finish()
                    break
            except NotFound as error:
                for listener in list(feed.listeners):
                    listener.fail(error)
                break
            except LiveTranslateError as error:
                _log.debug("feed_failed", session_id=feed.session_id, code=error.code)
                await asyncio.sleep(RETRY_S)
                continue
            for event in events:
                frame = Frame.of_event(event)
                feed.position = event.event_id
                for number, listener in enumerate(tuple(feed.listeners), 1):
                    listener.push(frame)
                    if number % LISTENERS_AT_ONCE == 0:
                        await asyncio.sleep(0)
            feed.listeners = {one for one in feed.listeners if not one.done}
        self._stop(feed)
