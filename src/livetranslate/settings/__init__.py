"""Settings of every role: defaults < ``config/orchestration.yaml`` < environment < command line."""

from livetranslate.settings.loading import load_settings
from livetranslate.settings.model import DEFAULT_SECRET_KEY, Settings

__all__ = ["DEFAULT_SECRET_KEY", "Settings", "load_settings"]
