"""The translation service of port 5003: REST and a WebSocket for streams of segments."""

from livetranslate.services.translation.app import create_translation_app

__all__ = ["create_translation_app"]
