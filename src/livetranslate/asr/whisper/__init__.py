"""Whisper models under CTranslate2, as faster-whisper loads them."""
