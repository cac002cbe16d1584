"""Crowds of cheap WebSocket clients, and the servers they measure, each a process of its own."""
