"""Makes speech easier to recognise: the stages, their parameters and the presets."""
