"""python-bidi; see ``algorithm``."""
