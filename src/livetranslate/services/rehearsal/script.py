"""What the cast of a rehearsal says: recordings of a folder, or lines spoken by voices here."""

from __future__ import annotations

import asyncio
import shutil
from importlib import resources
from pathlib import Path

import msgspec

from livetranslate.domain.errors import InvalidInput, NotFound

AUDIO = (".flac", ".wav", ".mp3", ".ogg", ".webm", ".m4a")
SPEAK_S = 30.0


class Line(msgspec.Struct, frozen=True):
    """What somebody says.

    Attributes:
        name: Who.
        recording: The audio.
        text: The words, where they are known.
    """

    name: str
    recording: Path
    text: str | None


class _Language(msgspec.Struct, frozen=True):
    voices: tuple[str, ...]
    lines: tuple[str, ...]


class _Known(msgspec.Struct, frozen=True):
    names: tuple[str, ...]
    en: _Language
    es: _Language


class _Listed(msgspec.Struct, frozen=True):
    file: str
    text: str | None = None
    language: str | None = None


def from_folder(folder: Path, participants: int, turns: int, language: str) -> list[Line]:
    """Return turns of the participants with the recordings of a folder, in order.

    A ``manifest.json`` (a list of ``file``, ``text`` and ``language``) tells words and languages.

    Raises:
        NotFound: There are none.
    """
    manifest = folder / "manifest.json"
    if manifest.is_file():
        try:
            entries = msgspec.json.decode(manifest.read_bytes(), type=list[_Listed])
        except msgspec.DecodeError as error:
            raise InvalidInput(f"{manifest} cannot be read: {error}", field="--speech") from error
        found = [
            (folder / one.file, one.text)
            for one in entries
            if one.language in (None, language) and not one.file.startswith("meeting")
        ]
    else:
        found = [(path, None) for path in sorted(folder.glob("*")) if path.suffix in AUDIO]
    found = [one for one in found if one[0].is_file()]
    if not found:
        raise NotFound(f"there are no recordings in {folder} ({language})", field="--speech")
    names = _known().names
    return [
        Line(_name(names, index % participants), *found[index % len(found)])
        for index in range(turns)
    ]


async def spoken_here(folder: Path, participants: int, turns: int, language: str) -> list[Line]:
    """Return turns of the participants, spoken by the programs flite and espeak-ng.

    Raises:
        InvalidInput: The rehearsal has no lines in this language.
        NotFound: Neither program is installed.
    """
    known = _known()
    script = {"en": known.en, "es": known.es}.get(language)
    if script is None:
        raise InvalidInput(
            f"the rehearsal has lines in en and es, not in {language}; give recordings with "
            "--speech FOLDER",
            field="--language",
        )
    voices = [voice for voice in script.voices if shutil.which(voice.partition(":")[0])]
    if not voices:
        raise NotFound(
            "nobody can speak here; `apt-get install espeak-ng flite`, or give recordings with "
            "--speech FOLDER",
            field="--speech",
        )
    lines: list[Line] = []
    for index in range(turns):
        text = script.lines[index % len(script.lines)]
        path = folder / f"line-{index}.wav"
        await _speak(voices[(index % participants) % len(voices)], text, path)
        lines.append(Line(_name(known.names, index % participants), path, text))
    return lines


async def _speak(voice: str, text: str, path: Path) -> None:
    program, _, name = voice.partition(":")
    if program == "flite":
        command = ["flite", "-voice", name, "-t", text, "-o", str(path)]
    else:
        command = ["espeak-ng", "-v", name, "-w", str(path), text]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        code = await asyncio.wait_for(process.wait(), SPEAK_S)
    except TimeoutError:
        process.kill()
        code = await process.wait()
    if code:
        raise NotFound(f"{program} does not speak with the voice {name}", field="--speech")


def _name(names: tuple[str, ...], index: int) -> str:
    known = names[index % len(names)]
    return known if index < len(names) else f"{known} {index // len(names) + 1}"


def _known() -> _Known:
    file = resources.files("livetranslate.services.rehearsal").joinpath("lines.json")
    return msgspec.json.decode(file.read_bytes(), type=_Known)
