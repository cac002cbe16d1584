"""The session log: what was heard, what came of it, and who works on it."""
