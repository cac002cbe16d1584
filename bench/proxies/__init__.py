"""Processes of the gateway's benchmark, and of the proxy it is compared with."""
