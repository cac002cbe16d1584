"""What settings are made from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

CONFIG_FILE = Path("config/orchestration.yaml")


class Source(str, Enum):
    """Where a setting's value comes from; each beats those before it."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    COMMAND_LINE = "command_line"


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The sources of one process's settings.

    Attributes:
        defaults: Of the role, where they differ from the common ones, by field.
        overrides: What the command line says, by field.
        config_file: The file that was named; None for the usual one, which may be absent.
        values: What the configuration says, by dotted path of the file.
        sources: Where each field's value came from; what is absent is a default.
    """

    defaults: Mapping[str, Any] = {}
    overrides: Mapping[str, Any] = {}
    config_file: Path | None = None
    values: Mapping[str, Any] = {}
    sources: Mapping[str, Source] = {}

    @property
    def file(self) -> Path:
        """Where the configuration file is, or would be."""
        named = self.config_file or Path(os.environ.get("LIVETRANSLATE_CONFIG") or CONFIG_FILE)
        return named.expanduser().absolute()

    def source(self, field: str) -> Source:
        """Return where a field's value comes from."""
        return self.sources.get(field, Source.DEFAULT)
