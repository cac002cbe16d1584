"""Two clocks that do not agree: how far apart they are, how fast they part, how sure that is."""
