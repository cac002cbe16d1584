"""The worker pool: who takes sessions, who is replaced, and how many workers there are."""
