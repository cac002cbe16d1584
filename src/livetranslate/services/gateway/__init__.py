"""The gateway: services behind orchestration, balanced, guarded by breakers, watched."""
