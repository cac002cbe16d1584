"""Bodies of the translation service's REST API."""

from __future__ import annotations

from pydantic import BaseModel, Field

MAX_TEXTS = 256
MAX_CHARS = 100_000


class TranslateBody(BaseModel):
    """One text or several, into one language or several."""

    text: str | None = Field(default=None, max_length=MAX_CHARS)
    texts: list[str] | None = Field(default=None, max_length=MAX_TEXTS)
    source_language: str = Field(default="auto", description="ISO 639-1 code, or `auto`.")
    target_language: str | None = Field(default=None, description="ISO 639-1 code.")
    target_languages: list[str] | None = Field(default=None, min_length=1)
    context: str = Field(
        default="", max_length=MAX_CHARS, description="What was said before or what it is about."
    )
    glossary: dict[str, str] = Field(
        default={}, description="Source term → target term that must appear."
    )


class TranslationResultBody(BaseModel):
    """One translation."""

    translated_text: str
    source_language: str
    target_language: str
    confidence: float | None = Field(description="Measured, 0-1; null where there is no measure.")
    engine: str
    cached: bool
    processing_time: float = Field(description="Seconds.")
    fallback_reason: str | None = Field(
        default=None, description="Why a preferred engine or device did not make it."
    )


class TranslationsBody(BaseModel):
    """Several translations: for each text in order, each target language in order."""

    translations: list[TranslationResultBody]


class DetectBody(BaseModel):
    """A text whose language is wanted."""

    text: str = Field(min_length=1, max_length=MAX_CHARS)
    languages: list[str] | None = Field(
        default=None, description="Codes to choose from; all that are known if left out."
    )
    context: str = ""


class AlternativeBody(BaseModel):
    """Another language it may be."""

    language: str
    confidence: float


class DetectionBody(BaseModel):
    """The language of a text; null where the text gives no hint."""

    language: str | None
    confidence: float | None
    alternatives: list[AlternativeBody]
