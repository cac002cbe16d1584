"""The rehearsal meeting: a meeting on this machine alone, with real peers that play recordings."""
