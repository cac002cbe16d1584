"""Speech recognition: engines, models, voice activity, the scheduler and the streaming policies."""
