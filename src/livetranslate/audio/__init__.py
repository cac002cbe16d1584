"""Audio before recognition: decoding, resampling, levels."""
