"""The running programs: one file or package a role, with their HTTP and socket edges."""
