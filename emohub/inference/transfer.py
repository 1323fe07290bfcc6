"""The bytes of a download as they arrive, told to whoever shows them instead of drawn on the terminal."""

from collections.abc import Callable
from typing import Any

from huggingface_hub.utils.tqdm import tqdm

_BYTES = "huggingface_hub.snapshot_download"
"""What the Hub's client calls its bar of bytes written; it has others, of files and of bytes received."""


def silent_bars(on_progress: Callable[[int, int], None]) -> type[tqdm]:
    """A class of progress bars for the Hub's client that draws nothing; ``on_progress`` gets bytes done and in all."""

    class Silent(tqdm):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            self._tells = options.get("name") == _BYTES
            super().__init__(*arguments, **{**options, "disable": True})  # type: ignore[no-untyped-call]
            self.total: float | None = options.get("total")

        def update(self, n: float | None = 1) -> bool | None:
            self.n += n or 0
            if self._tells and self.total:
                on_progress(int(self.n), int(self.total))
            return None

    return Silent
