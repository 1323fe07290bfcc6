"""Which texts are tokenized together, which are computed together, and to what length they are padded."""

from collections.abc import Iterable, Iterator, Sequence

_WINDOW_TEXTS = 4096
_WINDOW_CHARS = 500_000
"""Enough texts of each length to fill batches, few enough that their tokens need little memory, and little time."""


def windows(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts that are tokenized together, in their order; of ``texts`` no more is taken than what they hold, and one."""
    window: list[str] = []
    chars = 0
    for text in texts:
        if window and (len(window) == _WINDOW_TEXTS or chars + len(text) > _WINDOW_CHARS):
            yield window
            window, chars = [], 0
        window.append(text)
        chars += len(text)
    if window:
        yield window


def padded_length(tokens: int, step: int, max_length: int) -> int:
    """The length that a text of so many tokens is padded to, whatever is computed with it: a multiple of ``step``.

    In half precision attention over another length rounds in another way. A text that kept its own length in every
    company is given the same answer in every company.
    """
    return min(-(-tokens // step) * step, max_length)


def batches(lengths: Sequence[int], budget: int, most: int | None, *, mixed: bool = False) -> Iterator[list[int]]:
    """Rows in groups of at most ``budget`` tokens, given the length of each row; of one length unless ``mixed``.

    None has more than ``most`` rows, where that is given. The longest come first, so that memory peaks at the start. A
    text beyond the budget goes alone.
    """
    batch: list[int] = []
    tokens = 0
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        fits = tokens + lengths[row] <= budget and len(batch) != most
        if batch and not (fits and (mixed or lengths[row] == lengths[batch[0]])):
            yield batch
            batch, tokens = [], 0
        batch.append(row)
        tokens += lengths[row]
    if batch:
        yield batch
