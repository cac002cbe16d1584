"""Whisper's text normalisation."""
