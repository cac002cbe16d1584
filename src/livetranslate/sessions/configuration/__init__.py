"""The configuration that all processes of an installation share."""
