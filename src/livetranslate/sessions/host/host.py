"""The session host: runs one claimed session in a worker, from its log back into its log.

Entries come in, steps go to the model, segments and translations go out as events, and with each
write goes the checkpoint that would let another host go on from exactly there. What is to be told
waits in one outbox: a write takes all of it together with the state it belongs to, so that no
checkpoint is ever ahead of the events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic

import msgspec
import numpy as np
import structlog

from livetranslate.asr.decoders import StepDecoder, make_decoder
from livetranslate.asr.manager import ModelLease, ModelManager
from livetranslate.asr.streaming import StreamingOptions, StreamingRecogniser
from livetranslate.asr.voice import as_float
from livetranslate.audio.enhancement.enhancer import Pcm
from livetranslate.audio.enhancement.parameters import STAGES, AudioParameters
from livetranslate.audio.enhancement.presets import AudioPresets, NamedPresets
from livetranslate.audio.levels import rms_dbfs
from livetranslate.domain.audio import AudioChunk, seconds
from livetranslate.domain.errors import (
    InternalError,
    InvalidInput,
    LiveTranslateError,
    UnsupportedLanguage,
)
from livetranslate.domain.events import AudioInForce, SessionEvent, TranslationResult
from livetranslate.domain.session import ConfigUpdate, EndReason, SessionConfig, SessionStatistics
from livetranslate.domain.speech import Segment
from livetranslate.sessions.host.enhancing import SessionEnhancement, stages_of
from livetranslate.sessions.host.labels import labels_told
from livetranslate.sessions.host.pace import Pace
from livetranslate.sessions.host.progress import HostState, Ledger, read_state
from livetranslate.sessions.host.speaking import SessionSpeakers, SpeakersState
from livetranslate.sessions.host.tally import Tally
from livetranslate.sessions.host.telling import Teller
from livetranslate.sessions.host.translating import SessionTranslation, TranslationFactory
from livetranslate.sessions.log.base import (
    AudioEntry,
    Checkpoint,
    Claim,
    EndEntry,
    EvidenceEntry,
    LogEntry,
    SessionLog,
    UpdateEntry,
)
from livetranslate.speakers.light.embedding import LightEmbedding
from livetranslate.speakers.voices import VoiceEmbedding

_log = structlog.get_logger(__name__)

READ_WAIT_S = 5.0
"""Seconds that one read of the log waits for entries."""

READ_LIMIT = 32
"""Entries of one read; what waits beyond stays in the log."""

MAX_FAILURES = 3
"""Decodings in a row that may fail before the session is given up."""

REPORT_EVERY = 10
"""Entries after which a host says how far it has got, if there is nothing else to say."""

_state_encoder = msgspec.msgpack.Encoder()


class SessionHost:
    """Runs one session; ``run`` returns when it has ended.

    Args:
        claim: The worker's right to the session.
        log: Where it is written.
        models: Where the model comes from.
        translation: Makes the translation of the session's segments.
        options: How audio is cut into steps.
        now: UTC time.
        presets: Says what is done to the audio before it is recognised.
        voices: Tells voices apart, in sessions that ask for it; the light embedding by default.
    """

    def __init__(
        self,
        claim: Claim,
        log: SessionLog,
        models: ModelManager,
        translation: TranslationFactory,
        *,
        options: StreamingOptions,
        now: Callable[[], datetime],
        presets: AudioPresets | None = None,
        voices: VoiceEmbedding | None = None,
    ) -> None:
        state = read_state(claim.checkpoint)
        self._claim = claim
        self._log = log
        self._models = models
        self._options = options
        self._resumed = state
        self._config: SessionConfig = state.config if state else claim.config
        self._tell = Teller(claim.session_id, now)
        self._tally = Tally(state.statistics if state else SessionStatistics())
        self._position = claim.checkpoint.position if claim.checkpoint else -1
        self._taken = state.taken if state else -1
        self._ledger = Ledger(self._position)
        self._pace = Pace()
        self._presets = presets or NamedPresets()
        self._enhancement = SessionEnhancement(
            self._presets,
            state.enhancement if state else None,
            start=state.recogniser.start if state else 0,
        )
        self._told = state.audio if state else None
        self._heard = self._enhancement.heard
        self._speakers = SessionSpeakers(
            (voices or LightEmbedding()) if self._config.diarization else None,
            state.speakers if state else SpeakersState(),
        )
        self._began = self._heard
        self._reported = self._position
        self._outbox: list[SessionEvent] = []
        self._writing = asyncio.Lock()
        self._failures = 0
        self._recogniser: StreamingRecogniser | None = None
        self._translation: SessionTranslation = translation(
            claim.session_id, self._config, self._translated
        )

    @property
    def session_id(self) -> str:
        """The session."""
        return self._claim.session_id

    @property
    def claim(self) -> Claim:
        """The worker's right to the session."""
        return self._claim

    @property
    def buffered_s(self) -> float:
        """Seconds of audio in the session's buffer."""
        return self._recogniser.buffered_s if self._recogniser else 0.0

    @property
    def lag_s(self) -> float:
        """Seconds that the session is behind real time."""
        return self._pace.lag_s(monotonic())

    @property
    def heard_s(self) -> float:
        """Seconds of audio that this host has taken in."""
        return seconds(self._heard - self._began)

    async def run(self) -> None:
        """Serve the session to its end.

        Raises:
            ClaimLost: Another worker has the session.
            NotFound: The session was deleted.
            BackendUnavailable: The log cannot be reached.
        """
        try:
            try:
                lease = await self._models.acquire(
                    engine=self._config.engine,
                    model=self._config.model,
                    language=self._config.language,
                )
            except LiveTranslateError as error:
                await self._give_up(error)
                return
            with lease:
                await self._serve(lease)
        finally:
            await self._translation.close()

    async def _serve(self, lease: ModelLease) -> None:
        recogniser = StreamingRecogniser(
            self._config,
            lease.engine.capabilities,
            self._options,
            self._resumed.recogniser if self._resumed else None,
        )
        self._recogniser = recogniser
        if self._resumed is None:
            started = self._tell.started(
                self._config,
                lease,
                policy=recogniser.policy,
                worker_id=self._claim.worker_id,
            )
            await self._write(started)
        else:
            self._translation.resume(self._resumed.untranslated)
            await self._tell_of_speakers()
        decoder = make_decoder(lease)
        while True:
            entries = await self._log.read_entries(
                self.session_id, self._position, wait_s=READ_WAIT_S, limit=READ_LIMIT
            )
            if not entries:
                await self._log.touch(self._claim)
                continue
            drained = len(entries) < READ_LIMIT
            self._pace.read(monotonic(), _spoken_s(entries), drained=drained)
            if not await self._take(entries, recogniser, decoder):
                return
            self._pace.done()

    async def _take(
        self, entries: Sequence[LogEntry], recogniser: StreamingRecogniser, decoder: StepDecoder
    ) -> bool:
        """Take entries in and do all that they make due; False after the last one."""
        for entry in entries:
            match entry:
                case AudioEntry(chunk=chunk):
                    self._note(entry, chunk.end)
                    self._hear(chunk, recogniser)
                case UpdateEntry() | EvidenceEntry():
                    if not await self._advance(recogniser, decoder):
                        return False
                    await self._change(entry, recogniser)
                case EndEntry(reason=reason):
                    self._listen(self._enhancement.finish(), recogniser)
                    recogniser.finish()
                    if await self._advance(recogniser, decoder):
                        await self._end(reason)
                    return False
        if not await self._advance(recogniser, decoder):
            return False
        if self._outbox or self._position - self._reported >= REPORT_EVERY:
            await self._write()
        return True

    async def _change(
        self, entry: UpdateEntry | EvidenceEntry, recogniser: StreamingRecogniser
    ) -> None:
        """Do what an entry asks for, unless a host before did."""
        applied = entry.position <= self._taken
        self._note(entry, self._heard)
        if isinstance(entry, UpdateEntry) and not applied:
            await self._update(entry.update, recogniser)
        elif isinstance(entry, EvidenceEntry) and not applied:
            self._speakers.evidence(entry.evidence)
            await self._tell_of_speakers()

    def _note(self, entry: LogEntry, end: int) -> None:
        """Note an entry as taken in; ``end`` is where the session's audio has got to with it."""
        self._position = entry.position
        self._taken = max(self._taken, entry.position)
        self._ledger.take(entry, end)

    def _hear(self, chunk: AudioChunk, recogniser: StreamingRecogniser) -> None:
        """Take a chunk's samples in, less those in front of where the host goes on."""
        self._tally.audio(chunk)
        samples = np.frombuffer(chunk.pcm, dtype=np.int16)
        self._speakers.hear(chunk.start, samples, needed_from=recogniser.needed_from)
        pcm = samples[max(self._heard - chunk.start, 0) :]
        if not len(pcm):
            return
        self._heard = chunk.end
        replaying = self._enhancement.replaying
        audio, trouble = self._enhancement.accept(pcm, self._config.preset)
        if trouble is not None:
            self._outbox.append(self._tell.error(trouble, fatal=False))
        if not replaying:
            self._tell_audio(self._enhancement.in_force)
        self._listen(audio, recogniser)

    def _tell_audio(self, parameters: AudioParameters) -> None:
        """Tell that other parameters are in force now, unless the session began with them."""
        if self._told not in (None, parameters):
            self._outbox.append(self._tell.updated(ConfigUpdate(), audio=self._audio(parameters)))
        self._told = parameters

    def _audio(self, parameters: AudioParameters) -> AudioInForce:
        return AudioInForce(
            preset=self._config.preset or self._presets.active,
            parameters={one: msgspec.to_builtins(getattr(parameters, one)) for one in STAGES},
        )

    def _listen(self, audio: Pcm, recogniser: StreamingRecogniser) -> None:
        """Give samples to the recogniser."""
        for speech in recogniser.accept(audio):
            level = rms_dbfs(as_float(audio))
            self._outbox.append(self._tell.vad(speech=speech, level_dbfs=level))

    async def _advance(self, recogniser: StreamingRecogniser, decoder: StepDecoder) -> bool:
        """Decode every step that is due; return whether the session goes on."""
        steps = 0
        while (step := recogniser.next_step(hurry=self.lag_s > self._options.lag_s)) is not None:
            if steps and self._outbox:
                await self._write()
            begin, look = monotonic(), await self._speakers.look(step)
            try:
                hypothesis = await decoder.decode(step, self._config)
            except Exception as error:  # noqa: BLE001 - an engine's fault is told, not passed on
                if not await self._failed(error):
                    return False
                if not step.final or self._failures > 1:
                    self._speakers.take(look)
                    self._say(recogniser.skip(step))
            else:
                self._failures = 0
                self._tally.inference(monotonic() - begin)
                self._speakers.take(look)
                parting = self._speakers.parting
                self._say(recogniser.apply(step, hypothesis, parting))
            await self._tell_of_speakers()
            steps += 1
        return True

    def _say(self, changed: Sequence[Segment]) -> None:
        """Tell of changed segments and have them translated."""
        for segment in changed:
            result = self._tell.result(segment, self._speakers.of(segment))
            if segment.is_final:
                self._tally.segment(len(segment.words))
            self._outbox.append(result)
            self._translation.update(result)

    async def _tell_of_speakers(self) -> None:
        """Tell which segments of the past have another speaker or name.

        Nothing is final in between, so what the log holds is all that there is.
        """
        if not self._speakers.due:
            return
        await self._write()
        labels = await labels_told(self._log, self.session_id)
        for update in self._speakers.tell(labels):
            self._outbox.append(self._tell.speaker(update.correlation, update.segment_ids))
        await self._write()

    async def _translated(self, result: TranslationResult) -> None:
        """Write a translation as it comes."""
        if result.is_final and result.error is None:
            self._tally.translation()
        await self._write(result)

    async def _update(self, update: ConfigUpdate, recogniser: StreamingRecogniser) -> None:
        """Apply a change; what is not known here or is fixed is left out of it, and told."""
        fixed, update = update.fixed(self._config), update.changeable()
        known = recogniser.capabilities
        refused: dict[str, LiveTranslateError] = {}
        if update.language is not msgspec.UNSET and not known.knows(update.language):
            refused["language"] = _unknown(update.language, known.languages)
        if update.preset is not msgspec.UNSET:
            try:
                self._presets.parameters(update.preset)
            except InvalidInput as error:
                refused["preset"] = error
        self._outbox += [self._tell.error(error, fatal=False) for error in refused.values()]
        update = msgspec.structs.replace(update, **dict.fromkeys(refused, msgspec.UNSET))
        if refused and not update.changes() and not fixed:
            return
        self._config = update.apply(self._config)
        recogniser.configure(self._config)
        self._translation.configure(self._config)
        audio: AudioInForce | None = None
        if update.preset is not msgspec.UNSET:
            self._told = stages_of(self._presets.parameters(update.preset))
            audio = self._audio(self._told)
        await self._write(self._tell.updated(update, audio=audio, needs_new_session=fixed))

    async def _end(self, reason: EndReason) -> None:
        await self._write()
        await self._translation.flush()
        await self._write(self._tell.ended(reason, self._totals()))

    async def _failed(self, error: Exception) -> bool:
        """Tell of a failed decoding; return whether to go on."""
        self._failures += 1
        _log.error(
            "decoding failed", session_id=self.session_id, failures=self._failures, exc_info=error
        )
        if isinstance(error, LiveTranslateError):
            fault, final = error, not error.retryable
        else:
            fault, final = InternalError("the speech engine failed on a stretch of audio"), False
        if final or self._failures >= MAX_FAILURES:
            await self._give_up(fault)
            return False
        self._outbox.append(self._tell.error(fault, fatal=False))
        return True

    async def _give_up(self, error: LiveTranslateError) -> None:
        await self._write(
            self._tell.error(error, fatal=True),
            self._tell.ended(EndReason.FAILED, self._totals()),
        )

    async def _write(self, *events: SessionEvent) -> None:
        """Append the outbox and ``events`` together with the state that they belong to."""
        self._outbox.extend(events)
        async with self._writing:
            told, self._outbox = self._outbox, []
            self._reported = self._position
            await self._log.append_events(
                self._claim, told, checkpoint=self._checkpoint(), processed=self._position
            )

    def _checkpoint(self) -> Checkpoint | None:
        if self._recogniser is None:
            return None
        recogniser = self._recogniser.state()
        enhancement = self._enhancement.state(recogniser.start)
        state = HostState(
            taken=self._taken,
            config=self._config,
            recogniser=recogniser,
            statistics=self._tally.statistics,
            enhancement=enhancement,
            untranslated=self._translation.pending(),
            speakers=self._speakers.state(),
            audio=self._told,
        )
        start = enhancement.enhancer.taken
        if self._speakers.start is not None:
            start = min(start, self._speakers.start)
        return Checkpoint(self._ledger.pass_to(start), _state_encoder.encode(state))

    def _totals(self) -> SessionStatistics:
        return self._tally.totals(self._recogniser.speech_s if self._recogniser else 0.0)


def _spoken_s(entries: Sequence[LogEntry]) -> float:
    """Return the seconds of audio in entries."""
    chunks = [entry.chunk for entry in entries if isinstance(entry, AudioEntry)]
    return sum(seconds(chunk.end - chunk.start) for chunk in chunks)


def _unknown(language: str, known: tuple[str, ...]) -> UnsupportedLanguage:
    return UnsupportedLanguage(
        f"the engine at work does not know the language {language!r}, so the one before stays; "
        f"it knows {', '.join(known)}",
        available=known,
        field="config.language",
    )
