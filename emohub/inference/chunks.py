"""Many texts in parts of a bounded size, for work that others must not wait for."""

from collections.abc import Iterator, Sequence

_CHUNK_ROWS = 512
_CHUNK_CHARS = 200_000
"""Rows, and characters of them, that are tokenized together: enough to fill batches, few enough to stop in between."""


def text_chunks(texts: Sequence[str]) -> Iterator[list[int]]:
    """Positions of texts that are tokenized together; the longest come first, so that those of a chunk are alike."""
    chunk: list[int] = []
    chars = 0
    for index in sorted(range(len(texts)), key=lambda index: -len(texts[index])):
        if chunk and (len(chunk) == _CHUNK_ROWS or chars + len(texts[index]) > _CHUNK_CHARS):
            yield chunk
            chunk, chars = [], 0
        chunk.append(index)
        chars += len(texts[index])
    if chunk:
        yield chunk
