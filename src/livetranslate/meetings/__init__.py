"""The meeting bot: a participant in a real browser that hears everyone and says who speaks."""
