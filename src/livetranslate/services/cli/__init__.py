"""The command line, ``livetranslate``; see ``app`` for how a command is added."""

from livetranslate.services.cli.app import main

__all__ = ["main"]
