"""Apertium: rule-based translation from Debian packages, the engine that needs no download."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

from livetranslate.domain.errors import UnsupportedLanguage
from livetranslate.translation.base import LanguagePair, TranslationRequest
from livetranslate.translation.engines import apertium_text as stream_format
from livetranslate.translation.engines.apertium_process import ApertiumProcess
from livetranslate.translation.engines.base import EngineOutput, EngineStatus
from livetranslate.translation.glossary import Glossary, Protected
from livetranslate.translation.languages import base_language, normalize
from livetranslate.translation.options import TranslationOptions
from livetranslate.translation.sentences import unfinished_sentence

NAME = "apertium"
_MODE = re.compile(r"^([a-z]{2,3})-([a-z]{2,3}(?:_[A-Z]{2})?)$")
_REMEDY = (
    "install pairs from Debian, such as `apt install apertium-eng-spa`; "
    "`apt-cache search '^apertium-.*-'` lists them"
)


class ApertiumEngine:
    """The installed Apertium pairs, and two of them in a row where none is direct."""

    name = NAME
    takes_glossary = True
    max_chars = 2000

    def __init__(self, options: TranslationOptions) -> None:
        self._modes = installed_modes(Path(options.apertium_dir))
        self._timeout_s = options.apertium_timeout_s
        self._processes: dict[Path, ApertiumProcess] = {}

    def has_pair(self, source: str, target: str) -> bool:
        """Return whether there is a mode, or two in a row, for this direction."""
        return self._route(source, target) is not None

    def sources_for(self, target: str) -> frozenset[str]:
        """Return the languages that lead to ``target``."""
        known = {pair.source for pair in self._modes}
        return frozenset(source for source in known if self.has_pair(source, target))

    def process_ids(self) -> list[int]:
        """Return the ids of the process groups at work."""
        return [process.pid for process in self._processes.values() if process.pid is not None]

    async def status(self) -> EngineStatus:
        """Return the installed pairs and those by way of a third language."""
        if not self._modes:
            missing = shutil.which("apertium-wblank-mode") is None
            reason = "Apertium is not installed" if missing else "no Apertium pair is installed"
            return EngineStatus(engine=NAME, available=False, reason=reason, remedy=_REMEDY)
        languages = {code for pair in self._modes for code in (pair.source, pair.target)}
        pivoted = [
            LanguagePair(source, target)
            for source in sorted({base_language(code) for code in languages})
            for target in sorted(languages)
            if LanguagePair(source, target) not in self._modes
            and base_language(source) != base_language(target)
            and self.has_pair(source, target)
        ]
        return EngineStatus(
            engine=NAME,
            available=True,
            reason=f"{len(self._modes)} pairs are installed, {len(pivoted)} go through a third"
            " language",
            remedy=_REMEDY,
            pairs=(*self._modes, *pivoted),
            models=tuple(mode.stem for mode in self._modes.values()),
            device="cpu",
        )

    async def translate(self, request: TranslationRequest) -> list[EngineOutput]:
        """Translate each text; the confidence is the share of words that Apertium knew."""
        route = self._route(request.source_language, request.target_language)
        if route is None:
            raise UnsupportedLanguage(
                f"apertium has no {request.source_language} → {request.target_language}; {_REMEDY}",
                available=tuple(f"{pair.source}-{pair.target}" for pair in self._modes),
                field="target_language",
            )
        glossary = Glossary(request.glossary)
        outputs: list[EngineOutput] = []
        for text in request.texts:
            protected = glossary.protect(text)
            translated, share = protected.text, 1.0
            for step, pair in enumerate(route):
                context = request.context if step == 0 else ""
                translated, known = await self._step(pair, translated, context, protected)
                share *= known
            outputs.append(
                EngineOutput(
                    text=protected.restore(translated) or translated,
                    confidence=round(share, 4) if stream_format.count_words(text) else None,
                    engine=_label(route),
                )
            )
        return outputs

    async def close(self) -> None:
        """End every pipeline."""
        await asyncio.gather(*(process.close() for process in self._processes.values()))
        self._processes.clear()

    async def _step(
        self, pair: LanguagePair, text: str, context: str, protected: Protected
    ) -> tuple[str, float]:
        """Return the translation of a text by one mode and the share of its words known there."""
        body = text.strip()
        stream = stream_format.encode(body)
        process = self._process(self._modes[pair])
        answer = stream_format.unseal(await process.exchange(stream_format.seal(stream)), stream)
        decoded = stream_format.decode(answer)
        opening = unfinished_sentence(context)
        if opening:
            decoded = await self._continue(process, opening, stream, decoded)
        words = stream_format.count_words(body)
        unknown = max(0, decoded.unknown - protected.count_in(decoded.text))
        share = 1 - min(1.0, unknown / words) if words else 1.0
        lead = text[: len(text) - len(text.lstrip())]
        tail = text[len(text.rstrip()) :] if body else ""
        return f"{lead}{stream_format.polish(decoded.text, body)}{tail}", share

    async def _continue(
        self, process: ApertiumProcess, opening: str, stream: str, alone: stream_format.Decoded
    ) -> stream_format.Decoded:
        """Return the translation of a text that goes on with an unfinished sentence.

        The tagger sees both («we want to» makes a verb of the «book» that follows). Transfer may
        move words over the border; then the lengths differ, and the text stands as translated
        alone.
        """
        joint = f"{stream_format.encode(opening)}{stream_format.BORDER} {stream}"
        answer = await process.exchange(stream_format.seal(joint))
        before, border, after = stream_format.unseal(answer, joint).partition(stream_format.BORDER)
        continued = stream_format.decode(after.strip())
        same_length = stream_format.count_words(continued.text) == stream_format.count_words(
            alone.text
        )
        return continued if before and border and same_length else alone

    def _process(self, mode_file: Path) -> ApertiumProcess:
        if mode_file not in self._processes:
            self._processes[mode_file] = ApertiumProcess(mode_file, timeout_s=self._timeout_s)
        return self._processes[mode_file]

    def _route(self, source: str, target: str) -> tuple[LanguagePair, ...] | None:
        """Return the mode for a direction, or two in a row; a region falls back to its language."""
        start, goals = (
            base_language(source),
            dict.fromkeys((normalize(target), base_language(target))),
        )
        for goal in goals:
            if LanguagePair(start, goal) in self._modes:
                return (LanguagePair(start, goal),)
        for goal in goals:
            for first in self._modes:
                second = LanguagePair(first.target, goal)
                if first.source == start != base_language(goal) and second in self._modes:
                    return (first, second)
        return None


def installed_modes(directory: Path) -> dict[LanguagePair, Path]:
    """Return the mode file of each direction that can be run; none if Apertium is not there."""
    modes: dict[LanguagePair, Path] = {}
    if shutil.which("apertium-wblank-mode") is None:
        return modes
    for path in sorted((directory / "modes").glob("*.mode")):
        match = _MODE.match(path.stem)
        if match:
            modes[LanguagePair(normalize(match[1]), normalize(match[2]))] = path
    return modes


def _label(route: tuple[LanguagePair, ...]) -> str:
    if len(route) == 1:
        return NAME
    return f"{NAME} {'+'.join(f'{pair.source}-{pair.target}' for pair in route)}"
