"""A log that holds no text: Gradio prints errors that it did not expect, and their messages can quote what was sent."""

import sys
import traceback
from types import SimpleNamespace

from gradio import queueing, route_utils, routes


def keep_texts_out_of_the_log() -> None:
    """Let Gradio log where an error happened and of what kind it was, and not its message."""
    for module in (queueing, route_utils, routes):
        module.traceback = SimpleNamespace(print_exc=print_place)


def print_place() -> None:
    """Print the kind of the error that is being handled and the lines of code that led to it."""
    error = sys.exception()
    assert error is not None
    lines = "".join(traceback.format_tb(error.__traceback__))
    print(f"{lines}{type(error).__name__}; its message is left out, since it can quote what was sent", file=sys.stderr)
