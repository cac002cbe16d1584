"""The chunk manager: nothing lost, nothing twice, cut at pauses."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from livetranslate.audio.chunking import Chunk, ChunkManager
from livetranslate.audio.enhancement.parameters import AudioParameters, Chunking, problems
from support.sound import noise, tone

RATE = 16_000

CHUNKINGS = st.builds(
    Chunking,
    chunk_duration=st.floats(0.2, 1.5),
    overlap_duration=st.floats(0.0, 1.0),
    pause_search=st.floats(0.0, 1.0),
    pause_duration=st.floats(0.02, 0.3),
    pause_depth_db=st.floats(3.0, 40.0),
)


def pcm(audio: np.ndarray) -> np.ndarray:
    return np.rint(audio * 32_000).astype(np.int16)


def run(chunking: Chunking, audio: np.ndarray, cuts: list[int]) -> list[Chunk]:
    manager = ChunkManager(chunking)
    pieces = np.split(audio, sorted(cuts))
    chunks = [chunk for piece in pieces for chunk in manager.accept(piece)]
    return chunks + manager.finish()


@settings(max_examples=60, deadline=None)
@given(
    CHUNKINGS,
    st.integers(0, 3 * RATE),
    st.integers(0, 2**31),
    st.lists(st.integers(0, 3 * RATE), max_size=6),
)
def test_chunks_without_their_overlaps_are_the_input(
    chunking: Chunking, length: int, seed: int, cuts: list[int]
):
    assume(not problems(AudioParameters(chunking=chunking)))
    rng = np.random.default_rng(seed)
    loud = np.repeat(rng.random(length // 800 + 1) < 0.6, 800)[:length]
    audio = (rng.integers(-9_000, 9_000, length) * np.where(loud, 1.0, 0.01)).astype(np.int16)
    cuts = [cut for cut in cuts if cut <= length]
    chunks = run(chunking, audio, cuts)
    new = [chunk.new for chunk in chunks]
    assert np.array_equal(np.concatenate([*new, np.zeros(0, np.int16)]), audio)
    overlap = round(chunking.overlap_duration * RATE)
    for before, chunk in zip(chunks, chunks[1:], strict=False):
        assert chunk.start + chunk.overlap == before.end
        assert chunk.overlap == overlap
        assert np.array_equal(
            chunk.audio[: chunk.overlap], before.audio[len(before.audio) - overlap :]
        )
    assert all(np.array_equal(chunk.audio, audio[chunk.start : chunk.end]) for chunk in chunks)
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert all(len(chunk.audio) <= round(chunking.chunk_duration * RATE) for chunk in chunks)
    whole = [(chunk.start, chunk.end) for chunk in run(chunking, audio, [])]
    assert [(chunk.start, chunk.end) for chunk in chunks] == whole


def test_a_chunk_ends_in_a_pause_that_is_near():
    words = np.concatenate([tone(1.7), np.zeros(4_800, np.float32)] * 3)
    audio = pcm(words + noise(6.0, level=0.001))
    manager = ChunkManager(Chunking(chunk_duration=2.5, overlap_duration=0.2, pause_search=1.0))
    first, second, *_ = manager.accept(audio)
    assert 1.7 < first.end / RATE < 2.0
    assert 3.7 < second.end / RATE < 4.0


def test_without_a_pause_it_has_its_full_length():
    manager = ChunkManager(Chunking(chunk_duration=1.0, overlap_duration=0.25))
    ends = [chunk.end for chunk in manager.accept(pcm(tone(4.0)))]
    assert ends == [16_000, 28_000, 40_000, 52_000, 64_000]


def test_a_stream_that_ends_with_a_chunk_has_no_empty_one_behind():
    manager = ChunkManager(Chunking(chunk_duration=1.0, overlap_duration=0.25))
    assert len(manager.accept(pcm(tone(1.0)))) == 1
    assert manager.finish() == []
    assert ChunkManager(Chunking()).finish() == []


def test_the_buffer_holds_no_more_than_a_chunk():
    manager = ChunkManager(Chunking(chunk_duration=1.0, overlap_duration=0.25))
    for _ in range(50):
        manager.accept(pcm(tone(0.13)))
        assert manager.buffered < RATE
