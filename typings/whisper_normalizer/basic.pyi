"""For any language."""

class BasicTextNormalizer:
    def __call__(self, s: str) -> str: ...
