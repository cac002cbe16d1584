"""The configuration of a running process: followed, changed, applied."""
