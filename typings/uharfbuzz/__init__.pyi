"""The part of uharfbuzz that the platform uses."""

class HarfBuzzError(Exception): ...

class Set:
    def __contains__(self, codepoint: int) -> bool: ...

class Blob:
    @classmethod
    def from_file_path(cls, filename: str) -> Blob: ...

class Axis:
    tag: str

class Face:
    def __init__(self, blob: Blob, index: int = 0) -> None: ...
    upem: int
    glyph_count: int
    unicodes: Set
    axis_infos: list[Axis]

class Font:
    def __init__(self, face: Face) -> None: ...
    scale: tuple[int, int]
    def set_variations(self, variations: dict[str, float]) -> None: ...

class GlyphInfo:
    codepoint: int
    cluster: int

class GlyphPosition:
    x_advance: int
    y_advance: int
    x_offset: int
    y_offset: int

class Buffer:
    direction: str
    script: str | None
    language: str | None
    glyph_infos: list[GlyphInfo]
    glyph_positions: list[GlyphPosition]
    def add_str(self, text: str) -> None: ...
    def guess_segment_properties(self) -> None: ...

class RasterExtents:
    def __init__(self, *, x_origin: int, y_origin: int, width: int, height: int) -> None: ...
    width: int
    height: int
    stride: int

class RasterImage:
    buffer: bytes
    extents: RasterExtents

class RasterDraw:
    extents: RasterExtents
    transform: tuple[float, float, float, float, float, float]
    def draw_glyph(self, font: Font, glyph: int) -> None: ...
    def render(self) -> RasterImage: ...

def shape(font: Font, buffer: Buffer, features: dict[str, bool]) -> None: ...
