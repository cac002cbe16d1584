"""Baselines that run in a process of their own; the peers' code comes from their own checkouts."""
