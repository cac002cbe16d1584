"""The voice embedding that needs no model of its own: spectral shape and pitch, projected."""
