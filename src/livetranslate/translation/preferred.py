"""Translation here where an engine is here, elsewhere otherwise."""

from __future__ import annotations

from livetranslate.domain.errors import BackendUnavailable, UnsupportedLanguage
from livetranslate.translation.base import Translation, TranslationRequest, Translator


class LocalFirst:
    """A Translator that asks a remote one for what the local one has not.

    Args:
        local: Asked first.
        remote: Asked for pairs that ``local`` has not, or when its engines fail.
    """

    def __init__(self, local: Translator, remote: Translator) -> None:
        self._local = local
        self._remote = remote

    async def translate(self, request: TranslationRequest) -> list[Translation]:
        """See Translator; where both fail, the local error is raised."""
        try:
            return await self._local.translate(request)
        except (UnsupportedLanguage, BackendUnavailable) as error:
            try:
                return await self._remote.translate(request)
            except (UnsupportedLanguage, BackendUnavailable):
                raise error from None

    async def close(self) -> None:
        """Close both."""
        await self._local.close()
        await self._remote.close()
