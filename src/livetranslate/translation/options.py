"""What an installation chooses about translation."""

from __future__ import annotations

import msgspec

AUTO = "auto"


class TranslationOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of local translation; a leaf takes them as they are and reads no settings.

    Attributes:
        engine: Registry name of the engine to prefer, or ``auto``; the others stay as fallbacks.
        model_dir: Directory whose subdirectories are CTranslate2 translation models, or which is
            one itself; None for no such models.
        apertium_dir: Apertium's data directory (with ``modes/`` in it).
        openai_base_url: Base of an OpenAI-compatible server, such as ``http://host:8000/v1``; None
            for none.
        openai_api_key: Bearer key for it, if it wants one.
        openai_model: Model name there; None takes the first one that can chat.
        device: ``auto``, ``cpu`` or ``cuda``.
        compute_type: CTranslate2 compute type, or ``auto`` (int8 on CPU, float16 on GPU).
        beam_size: Hypotheses kept by CTranslate2's search.
        cache_entries: Translations kept in memory; 0 for no cache.
        openai_timeout_s: Seconds for one answer of the OpenAI-compatible server.
        apertium_timeout_s: Seconds for one answer of an Apertium process, its start included.
        retry_engine_s: Seconds that an engine which failed is left alone.
        failures_to_open: Failures in a row after which it is left alone.
    """

    engine: str = AUTO
    model_dir: str | None = None
    apertium_dir: str = "/usr/share/apertium"
    openai_base_url: str | None = None
    openai_api_key: str | None = None
    openai_model: str | None = None
    device: str = AUTO
    compute_type: str = AUTO
    beam_size: int = 2
    cache_entries: int = 10_000
    openai_timeout_s: float = 10.0
    apertium_timeout_s: float = 10.0
    retry_engine_s: float = 30.0
    failures_to_open: int = 2

    def __repr__(self) -> str:
        """Return the options without the key."""
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        if self.openai_api_key:
            shown["openai_api_key"] = "***"
        return f"TranslationOptions({', '.join(f'{k}={v!r}' for k, v in shown.items())})"
