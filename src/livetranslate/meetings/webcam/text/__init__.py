"""Text to coverage: fonts, bidirectional shaping, line breaks, rasters."""
