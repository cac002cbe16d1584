"""Who speaks: voices told apart as they come, and names found for them by order of trust."""
