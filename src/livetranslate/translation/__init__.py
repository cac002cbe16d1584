"""Translation of text: engines, choice and fallback, glossary, cache, segments in a stream."""
