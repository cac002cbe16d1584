"""The desk of an installation of many machines, over Redis."""
