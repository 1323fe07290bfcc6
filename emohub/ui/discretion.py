"""What Gradio does with texts behind the page's back, undone.

Its log may not quote them, an error that nobody foresaw is answered with a sentence, and a session keeps no copy of
what was sent and shown.
"""

import sys
import traceback
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio import blocks, queueing, route_utils, routes, state_holder, utils
from gradio.state_holder import SessionState

from emohub.ui import strings

ErrorPayload = dict[str, bool | str | float | None]


def keep_texts_out_of_the_log() -> None:
    """Let Gradio log where an error happened and of what kind it was, and not its message; its callers get a sentence.

    Neither does it keep, for each session, what the page looks like and every value in it: those are for links that
    this page makes in its own way.
    """
    for module in (queueing, route_utils, routes):
        module.traceback = SimpleNamespace(print_exc=print_place)
    utils.error_payload = queueing.error_payload = error_payload
    for module in (blocks, route_utils, state_holder):
        module.SessionState = _Session


def print_place() -> None:
    """Print the kind of the error that is being handled and the lines of code that led to it.

    Nothing of what refuses a visitor's request: it would fill the log at a visitor's will.
    """
    error = sys.exception()
    assert error is not None
    if isinstance(error, gr.Error):
        return
    lines = "".join(traceback.format_tb(error.__traceback__))
    print(f"{lines}{type(error).__name__}; its message is left out, since it can quote what was sent", file=sys.stderr)


def error_payload(error: BaseException | None, show_error: bool, gradio: Any = utils.error_payload) -> ErrorPayload:
    """As Gradio has it, with one sentence where it would say nothing."""
    payload: ErrorPayload = gradio(error, show_error)
    return payload if payload["error"] is not None else {"error": strings.server.UNFORESEEN}


class _Session(SessionState):  # type: ignore[misc]  # gradio has no types
    """A session that knows its state, and nothing of what was shown in it."""

    def __init__(self, page: gr.Blocks) -> None:
        super().__init__(page)
        self.config_values.clear()

    def _update_value_in_config(self, key: int, value: object) -> None:
        pass

    def _update_config(self, key: int) -> None:
        pass
