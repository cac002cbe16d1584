"""Translation: which engines can translate what on this machine, as they say themselves."""

from __future__ import annotations

from livetranslate.services.doctor.findings import Finding, broken, missing, ok
from livetranslate.translation.engines import openai_compatible
from livetranslate.translation.engines.base import EngineStatus
from livetranslate.translation.options import TranslationOptions
from livetranslate.translation.registry import create_engines

AREA = "translation"


async def check_translation(options: TranslationOptions) -> list[Finding]:
    """Return a finding an engine, in the order in which ``auto`` tries them."""
    found: list[Finding] = []
    for engine in create_engines(options):
        try:
            status = await engine.status()
        finally:
            await engine.close()
        wanted = options.engine == engine.name or (
            engine.name == openai_compatible.NAME and options.openai_base_url is not None
        )
        found.append(_told(status, wanted=wanted))
    return found


def _told(status: EngineStatus, *, wanted: bool) -> Finding:
    remedy = status.remedy or ""
    if status.available:
        detail = "; ".join(part for part in (status.reason, _directions(status)) if part)
        return ok(AREA, status.engine, detail)
    if wanted:
        return broken(AREA, status.engine, status.reason, remedy)
    return missing(AREA, status.engine, status.reason, remedy)


def _directions(status: EngineStatus) -> str:
    if status.any_language:
        return "any language"
    if status.languages:
        return f"between {', '.join(status.languages)}"
    out = sorted({pair.target for pair in status.pairs if pair.source == "en"})
    back = sorted({pair.source for pair in status.pairs if pair.target == "en"})
    return f"from English: {_plain(out)}; into English: {_plain(back)}" if status.pairs else ""


def _plain(languages: list[str]) -> str:
    """Return codes of languages without those of regional variants."""
    return ", ".join(code for code in languages if "-" not in code) or "none"
