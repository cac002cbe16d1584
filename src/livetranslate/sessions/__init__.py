"""A live session from its first sample to its last event."""
