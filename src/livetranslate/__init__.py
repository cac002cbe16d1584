"""LiveTranslate: live captions, translations and speaker names on your own machines."""

__version__ = "0.1.0"
