"""One process's way to Redis, shared by the session log and the desk."""
