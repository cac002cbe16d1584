"""Full-text conditions in the words of each database.

Every word searched for must be in the text; the last one may be the beginning of a word. The
PostgreSQL expression is that of the indexes which revision 0003 makes, or they would not be used.
"""

from __future__ import annotations

from sqlalchemy import TextClause, bindparam, text

from livetranslate.domain.errors import InvalidInput

MAX_WORDS = 16
_BORDERS = "-./:@_+~#&=%?<>"
_BLANKS = " " * len(_BORDERS)


def words_of(query: str) -> list[str]:
    """Return the words searched for; raises InvalidInput if there are none or too many."""
    pieces = query.replace("\x00", " ").split()
    words = [piece for piece in pieces if any(sign.isalnum() for sign in piece)]
    if not words:
        raise InvalidInput("there is no word to search for", field="q")
    if len(words) > MAX_WORDS:
        raise InvalidInput(f"a search has {MAX_WORDS} words at most", field="q")
    return words


def transcripts_hold(words: list[str], *, sqlite: bool) -> TextClause:
    """Return the condition that a segment's own text holds all words."""
    if sqlite:
        return _in_fts5("transcripts", "transcript_id", words)
    return _in_vector("transcripts.transcript_text", words)


def translations_hold(words: list[str], *, sqlite: bool) -> TextClause:
    """Return the condition that a translation's text holds all words."""
    if sqlite:
        return _in_fts5("translations", "translation_id", words)
    return _in_vector("translations.translated_text", words)


def _in_fts5(table: str, key: str, words: list[str]) -> TextClause:
    quoted = " ".join('"' + word.replace('"', '""') + '"' for word in words)
    condition = text(
        f"{table}.{key} IN (SELECT rowid FROM search_{table} WHERE search_{table} MATCH :words)"  # noqa: S608 - constants
    )
    return condition.bindparams(bindparam("words", f"{quoted}*", unique=True))


def _in_vector(column: str, words: list[str]) -> TextClause:
    condition = text(
        f"to_tsvector('simple', translate({column}, '{_BORDERS}', '{_BLANKS}')) @@"
        f" CAST(NULLIF(CAST(plainto_tsquery('simple',"
        f" translate(:words, '{_BORDERS}', '{_BLANKS}')) AS text), '') || ':*' AS tsquery)"
    )
    return condition.bindparams(bindparam("words", " ".join(words), unique=True))
