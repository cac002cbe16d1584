"""Utilities of faster-whisper."""

def get_assets_path() -> str: ...

_MODELS: dict[str, str]
