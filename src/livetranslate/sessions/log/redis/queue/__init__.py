"""The queue of sessions over Redis: who waits for a worker, and who holds which claim."""
