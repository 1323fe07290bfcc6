"""No request to an address that a visitor chooses: Gradio downloads a file whose path is an address, for any input."""

from typing import Any

import gradio as gr
from gradio import processing_utils

from emohub.ui import strings


def fetch_nothing() -> None:
    """Let Gradio refuse such a file, whichever route it came by, before it looks the address up."""
    processing_utils.async_ssrf_protected_get = _refuse


async def _refuse(_: str) -> Any:
    raise gr.Error(strings.server.NO_ADDRESS, print_exception=False)
