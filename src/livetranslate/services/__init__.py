"""The running programs: one file a role, and the command line."""
