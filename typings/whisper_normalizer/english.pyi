"""For English."""

class EnglishTextNormalizer:
    def __call__(self, s: str) -> str: ...
