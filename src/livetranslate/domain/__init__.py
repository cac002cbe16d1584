"""The ground everything stands on: frozen data, wire messages and errors; no I/O and no clock."""
