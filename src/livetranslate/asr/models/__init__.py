"""Models on this machine: which there are, where they lie, and what they can run on."""
