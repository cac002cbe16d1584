"""Keeps a process's settings up with the configuration file and with the other processes.

Only changes are published: what is new in a file, or what a request brings, becomes the next
version of the shared configuration, and every process takes that. A file says something new if it
was changed under the eyes of this process, or if at the start no version of the configuration, and
no file before it, has said the same. Once a version is in force, every file is made to say it, so
that files do not drift apart and a later start finds what was in force.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import msgspec
import structlog

from livetranslate.audio.enhancement.parameters import AudioParameters
from livetranslate.domain.dotted import changed, difference
from livetranslate.domain.errors import (
    BackendUnavailable,
    Conflict,
    Invalid,
    LiveTranslateError,
    Problem,
)
from livetranslate.services.configuration.checks import blocked, not_keys
from livetranslate.services.configuration.file import WatchedFile
from livetranslate.sessions.clock import Clock, SystemClock
from livetranslate.sessions.configuration.base import (
    ConfigurationStore,
    SharedConfiguration,
    digest,
    outdated,
)
from livetranslate.sessions.configuration.following import ConfigurationFollower
from livetranslate.settings import Settings, document
from livetranslate.settings.catalogue import changed_fields
from livetranslate.settings.document import Document
from livetranslate.settings.keys import AUDIO, is_shared
from livetranslate.settings.loading import make_settings

_log = structlog.get_logger(__name__)

LOOK_S = 0.5
"""Seconds between two looks at the file; a change counts once two of them saw the same."""
ATTEMPTS = 20
"""How often a change of the file is tried while others change the configuration too."""

Listener = Callable[[Settings, frozenset[str]], None]
"""Told of new settings and the fields that changed; it must not block or raise."""


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a change.

    Attributes:
        version: The version now in force.
        changed: The keys that changed.
        not_kept: Why it is not in this machine's file, or None if it is.
    """

    version: int
    changed: tuple[str, ...]
    not_kept: str | None


class ConfigurationKeeper:
    """The settings of a running process; also an ``AudioPresets``.

    Args:
        settings: Those it was started with.
        store: The shared configuration.
        look_s: Seconds between two looks at the file.
        clock: Tells the time.

    Attributes:
        settings: As they are configured now.
        started: As they were at the start.
        file: The configuration file.
        ignored: Keys of the file that mean nothing.
        refused: What is wrong with the file; empty if it is in force.
        not_kept: Why the file could not be made to say what is in force, or None.
        waiting: Why the shared configuration cannot be reached, or None.
    """

    def __init__(
        self,
        settings: Settings,
        store: ConfigurationStore,
        *,
        look_s: float = LOOK_S,
        clock: Clock | None = None,
    ) -> None:
        self.settings = self.started = settings
        self.file = WatchedFile(settings.origin.file)
        self.ignored: tuple[str, ...] = ()
        self.refused: tuple[Problem, ...] = ()
        self.not_kept: str | None = None
        self.waiting: str | None = None
        self._store = store
        self._look_s = look_s
        self._clock = clock or SystemClock()
        self._name = f"{socket.gethostname()}-{os.getpid()}"
        self._listeners: list[Listener] = []
        self._said: Document | None = None
        self._own = {path: one for path, one in _values(settings).items() if not is_shared(path)}
        self._in_force: tuple[int, Mapping[str, Any]] = (0, self._own)
        self._unkept: Mapping[str, Any] = {}
        self._follower = ConfigurationFollower(store, lambda _: self._wake.set(), self._lose)
        self._lost = False
        self._wake = asyncio.Event()
        self._changing = asyncio.Lock()
        self._running: asyncio.Task[None] | None = None

    @property
    def shared(self) -> SharedConfiguration:
        """The newest shared configuration known."""
        return self._follower.now

    @property
    def active(self) -> str:
        """Audio preset of sessions that name none; see ``AudioPresets``."""
        return self.settings.audio.active

    def parameters(self, preset: str | None) -> AudioParameters:
        """Return what an audio preset means now; see ``AudioPresets``."""
        return self.settings.audio.parameters(preset)

    def listen(self, listener: Listener) -> None:
        """Have a function called with all settings that come into force from now on."""
        self._listeners.append(listener)

    def problem(self) -> str | None:
        """Return why the file is refused, or None."""
        return "; ".join(f"{one.field}: {one.reason}" for one in self.refused) or None

    async def start(self) -> None:
        """Take the shared configuration and the file, and follow both from then on."""
        await self._follower.start()
        await self.look(at_once=True)
        self._running = asyncio.create_task(self._run(), name="configuration file")

    async def close(self) -> None:
        """Follow no more."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self._follower.close()

    async def look(self, *, at_once: bool = False) -> None:
        """Take what is new in the shared configuration and in the file."""
        async with self._changing:
            self._wake.clear()
            if self._lost:
                await self._restore()
            self._refresh()
            await self._take_file(at_once=at_once)
            await self._keep()

    async def change(self, changes: Mapping[str, Any], *, version: int | None = None) -> Changed:
        """Make a change, for every process at once.

        Args:
            changes: By dotted path; None takes a value out.
            version: The version that the change was made to; None takes the newest.

        Raises:
            Invalid: Every reason why it cannot be; nothing has changed.
            Conflict: The configuration was changed meanwhile, or the file is refused.
            BackendUnavailable: The shared configuration cannot be reached.
        """
        async with self._changing:
            await self._take_file(at_once=True)
            if self.refused:
                raise Conflict(
                    f"{self.file.path} is refused, so nothing can be kept in it; mend it first: "
                    f"{self.problem()}",
                    field=str(self.file.path),
                )
            now = await self._newest()
            if version is not None and version != now.version:
                raise Conflict(outdated(version), field="version")
            before = {**self._own, **now.values}
            after = changed(before, changes)
            self._check(after, [*not_keys(changes), *blocked(changes, self.settings)])
            await self._publish(now, _part(after, shared=True), source="request")
            self._own = _part(after, shared=False)
            self._refresh()
            await self._keep(create=True)
            return Changed(
                version=self.shared.version,
                changed=tuple(sorted(difference(before, after))),
                not_kept=self.not_kept,
            )

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._look_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - one bad look must not end the looking
                _log.exception("configuration not looked at")

    def _lose(self) -> None:
        self._lost = True
        self._wake.set()

    async def _restore(self) -> None:
        """Give the shared configuration back to a store that has lost it."""
        now = self.shared
        again = msgspec.structs.replace(now, version=now.version + 1)
        with suppress(BackendUnavailable):
            with suppress(Conflict):  # another process was quicker
                await self._store.publish(again, expected=0)
                _log.warning("configuration_restored", version=again.version)
            self._lost = False
            await self._newest()

    async def _newest(self) -> SharedConfiguration:
        self._follower.take(await self._store.read(self.shared.version))
        return self.shared

    async def _publish(
        self, now: SharedConfiguration, values: dict[str, Any], *, source: str
    ) -> None:
        if values == now.values:
            return
        said = () if self._said is None else (digest(_part(self._said.values, shared=True)),)
        new = now.follow(values, by=f"{source} on {self._name}", at=self._clock.utc(), known=said)
        await self._store.publish(new, expected=now.version)
        self._follower.take(new)

    def _refresh(self) -> None:
        """Put in force what is configured now, for all and for this machine."""
        now = self.shared
        if (now.version, self._own) == self._in_force:
            return
        self._in_force = (now.version, self._own)
        values = now.values if now.version else _part(_values(self.settings), shared=True)
        try:
            settings = make_settings(self.settings.origin, {**self._own, **values})
        except Invalid as error:
            # Checked by whoever set it; so this process is another version, or set up otherwise.
            _log.error("configuration_refused", version=now.version, reason=error.message)
            return
        fields = set(changed_fields(settings, self.settings))
        if settings.audio != self.settings.audio:
            fields.add(AUDIO)
        self.settings = settings
        if fields:
            _log.info("settings_changed", version=now.version, fields=sorted(fields))
            for listener in self._listeners:
                listener(settings, frozenset(fields))

    async def _take_file(self, *, at_once: bool = False) -> None:
        """Take what is new in the file, or note why that cannot be."""
        if self.refused and not self.file.exists:
            self.refused = ()
        try:
            said = self.file.look(at_once=at_once)
            if said is not None:
                await self._take_document(said)
                self.refused, self.waiting = (), None
        except Invalid as error:
            self.refused = error.problems
            _log.error("configuration_file_refused", reason=error.message)
        except LiveTranslateError as error:
            if self.waiting is None:
                _log.warning("configuration_waits", reason=error.message)
            self.waiting = error.message
            self.file.look_again()

    async def _take_document(self, said: Document) -> None:
        told, own = _part(said.values, shared=True), _part(said.values, shared=False)
        for _ in range(ATTEMPTS):
            now = await self._newest()
            values = changed(now.values, self._news(told, now))
            self._check({**own, **values}, said.problems)
            before, self._said = self._said, said
            try:
                await self._publish(now, values, source="file")
            except LiveTranslateError as error:
                self._said = before
                if isinstance(error, Conflict):
                    continue
                raise
            self._own, self.ignored, self._unkept = own, said.ignored, {}
            self._refresh()
            return
        raise Conflict("others change the configuration all the time")

    def _news(self, told: Mapping[str, Any], now: SharedConfiguration) -> dict[str, Any]:
        """Return what a file changes of the shared configuration."""
        if self._said is not None:
            return difference(_part(self._said.values, shared=True), told)
        if digest(dict(told)) in now.known:
            return {}
        return {path: one for path, one in told.items() if now.values.get(path) != one}

    def _check(self, values: Mapping[str, Any], found: Iterable[Problem]) -> None:
        """Raise Invalid with everything that is wrong with values, and what was found before."""
        make_settings(self.settings.origin, values, found)

    async def _keep(self, *, create: bool = False) -> None:
        """Make the file say what is in force, unless it is refused or just being written."""
        said = self._said or Document()
        shared = self.shared.values if self.shared.version else _part(said.values, shared=True)
        missing = difference(said.values, {**self._own, **shared})
        if not missing:
            self.not_kept = None
        if not missing or missing == self._unkept or self.refused or not self.file.settled:
            return
        if not (create or self.file.exists):
            return
        try:
            await asyncio.to_thread(document.write, self.file.path, missing)
            # The next look takes it, with what others may have written into it meanwhile.
            self._said = Document(values={**self._own, **shared}, ignored=said.ignored)
            self.not_kept, self._unkept = None, {}
        except LiveTranslateError as error:
            self.not_kept, self._unkept = error.message, missing
            _log.warning("configuration_not_kept", reason=error.message)


def _part(values: Mapping[str, Any], *, shared: bool) -> dict[str, Any]:
    """Return the values of the whole installation, or those of this machine alone."""
    return {path: one for path, one in values.items() if is_shared(path) is shared}


def _values(settings: Settings) -> dict[str, Any]:
    """Return what the file said that settings were made from."""
    return dict(settings.origin.values)
