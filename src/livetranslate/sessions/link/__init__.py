"""The worker link: worker processes reach the log and the desk over a Unix domain socket."""
