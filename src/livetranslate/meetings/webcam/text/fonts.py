"""Fonts of this machine: found by name in the usual folders, chosen by what they can write.

The Noto family has a font for every script; where one lacks it, the text says so (see ``missing``)
rather than showing empty boxes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import msgspec
import uharfbuzz as hb

from livetranslate.domain.errors import LiveTranslateError

FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path.home() / ".local/share/fonts",
    Path.home() / ".fonts",
    Path("/Library/Fonts"),
    Path("/System/Library/Fonts"),
    Path("C:/Windows/Fonts"),
)
REMEDY = "sudo apt-get install fonts-noto-core fonts-noto-cjk"
MAX_FILES = 20_000

_FILE = re.compile(r"(?P<family>[^-\[]+)(-Regular|-Bold|\[.*\])?\.(ttf|otf|ttc)", re.IGNORECASE)
_FIRST = ("NotoSans", "NotoSansArabic", "NotoSansHebrew", "NotoSansDevanagari", "NotoSansThai")
_CJK = ("NotoSansCJK", "NotoSansJP", "NotoSansSC", "NotoSansTC", "NotoSansKR", "NotoSansHK")
_PLAIN = ("DejaVuSans", "LiberationSans", "Arial Unicode", "Arial", "DroidSansFallbackFull")
_CJK_FACES = {"ja": 0, "ko": 1, "zh": 2, "zh-hant": 3, "zh-tw": 3, "zh-hk": 4, "yue": 4}
_OTHER = re.compile(r"NotoSans(?!Display|Mono|CJK)\w+")


class FontsMissing(LiveTranslateError):
    """No font was found with which anything can be written."""

    code = "fonts_missing"
    status = 503


class FontFace(msgspec.Struct, frozen=True, eq=False):
    """One face of a font file.

    Attributes:
        name: Family and weight.
        font: At one pixel a unit of the design; sizes come in when drawing.
        units: Units of the design an em.
        letters: Code points that it can write.
    """

    name: str
    font: hb.Font
    units: int
    letters: hb.Set

    def writes(self, cluster: str) -> bool:
        """Return whether it has every character; joiners and selectors do not count."""
        return all(ord(one) in self.letters or _is_invisible(one) for one in cluster)


class FontLibrary:
    """The fonts there are, opened when first needed.

    Args:
        folders: Searched before the system's.
        system: Whether the system's folders are searched at all.

    Raises:
        FontsMissing: There is no font with Latin letters.
    """

    def __init__(self, folders: tuple[Path, ...] = (), *, system: bool = True) -> None:
        self._files = _find((*folders, *(FOLDERS if system else ())))
        self._faces: dict[tuple[str, bool, int], FontFace | None] = {}
        self._chosen: dict[tuple[str, str, bool], FontFace | None] = {}
        if self.face("a", "en") is None:
            raise FontsMissing(f"no font was found for the subtitles: {REMEDY}")

    def face(self, cluster: str, language: str, *, bold: bool = False) -> FontFace | None:
        """Return the best font for a character with its marks, or None if none has it."""
        key = (cluster, language, bold)
        if key not in self._chosen:
            if len(self._chosen) > MAX_FILES:
                self._chosen.clear()
            self._chosen[key] = self._choose(cluster, language, bold)
        return self._chosen[key]

    def _choose(self, cluster: str, language: str, bold: bool) -> FontFace | None:
        index = _cjk_index(language)
        others = tuple(sorted(name for name in self._files if _OTHER.fullmatch(name)))
        for name in dict.fromkeys((*_FIRST, *_CJK, *_PLAIN, *others)):
            face = self._open(name, bold, index if name == "NotoSansCJK" else 0)
            if face is not None and face.writes(cluster):
                return face
        return None

    def _open(self, name: str, bold: bool, index: int) -> FontFace | None:
        key = (name, bold, index)
        if key not in self._faces:
            files = self._files.get(name, {})
            path = files.get(bold) or files.get(False)
            self._faces[key] = None if path is None else _load(path, name, bold, index)
        return self._faces[key]


@lru_cache(maxsize=4)
def system_fonts(folders: tuple[str, ...] = ()) -> FontLibrary:
    """Return the library of this machine, shared; raises FontsMissing."""
    return FontLibrary(tuple(Path(folder) for folder in folders))


def _find(folders: tuple[Path, ...]) -> dict[str, dict[bool, Path]]:
    """Return the files of regular (False) and bold (True) weight by family; the first one wins."""
    found: dict[str, dict[bool, Path]] = {}
    for folder in folders:
        paths = sorted(folder.rglob("*")) if folder.is_dir() else []
        for path in paths[:MAX_FILES]:
            match = _FILE.fullmatch(path.name)
            if match is not None:
                weights = found.setdefault(match["family"], {})
                weights.setdefault("-bold" in path.name.lower(), path)
    return found


def _load(path: Path, name: str, bold: bool, index: int) -> FontFace | None:
    """Open a face; None for a file that is no usable font."""
    try:
        face = hb.Face(hb.Blob.from_file_path(str(path)), index)
    except (hb.HarfBuzzError, OSError):
        return None
    if not face.glyph_count:
        return None
    font = hb.Font(face)
    font.scale = (face.upem, face.upem)
    if bold and any(axis.tag == "wght" for axis in face.axis_infos):
        font.set_variations({"wght": 700.0})
    return FontFace(f"{name} {'bold' if bold else 'regular'}", font, face.upem, face.unicodes)


def _cjk_index(language: str) -> int:
    tag = language.lower()
    return _CJK_FACES.get(tag, _CJK_FACES.get(tag.partition("-")[0], 0))


def _is_invisible(character: str) -> bool:
    """Return whether it is a joiner, a variation selector or white space."""
    return character in "\u200b\u200c\u200d\u2060\ufe0e\ufe0f" or character.isspace()
