"""One endpoint: a typed function of plain values, described for people, for programs, and for models that use tools."""

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import closing, contextmanager
from itertools import chain
from typing import Any, TypeVar

import gradio as gr
from gradio.context import LocalContext, get_blocks_context
from gradio.utils import get_function_description, get_function_params

from emohub.errors import BusyError, EmohubError
from emohub.steps import run_steps

Outcome = TypeVar("Outcome")


class Refusal(gr.Error):  # type: ignore[misc]  # gradio has no types
    """What an endpoint raises instead of answering: the caller gets one sentence, and the log nothing."""

    def __init__(self, error: EmohubError) -> None:
        super().__init__(str(error), print_exception=False)

    def __str__(self) -> str:
        return str(self.message)


def expose(
    answer: Callable[..., Any], *, api_name: str | None = None, queue: bool = False, **settings: Any
) -> Callable[..., Any]:
    """Add ``answer`` to the page that is being built: as an endpoint, and as a tool of the same name over MCP.

    What callers read of it is its docstring: what it does, then ``Args:`` with a line for each parameter, then
    ``Returns:``. Its errors become refusals: what comes back is ``answer`` with them. ``settings`` are those of
    ``gr.api``.
    """
    description, parameters, returns = get_function_description(answer)
    said = f"{description} Returns: {' '.join(returns)} " if returns else f"{description} "
    refusing = _refusing(answer)
    wired = gr.api(refusing, api_name=api_name, api_description=said, queue=queue, **settings)
    page = get_blocks_context()
    for block, (name, *_) in zip(wired["inputs"], get_function_params(answer), strict=True):
        page.blocks[block].api_info().update(description=parameters[name], additional_description=parameters[name])
    return refusing


def _refusing(answer: Callable[..., Any]) -> Callable[..., Any]:
    """``answer``, of whatever kind of function it is, with refusals in place of its errors."""
    if inspect.isasyncgenfunction(answer):

        @functools.wraps(answer)
        async def asynchronous_steps(*arguments: Any) -> AsyncIterator[Any]:
            with _refusals():
                async for step in answer(*arguments):
                    yield step

        return asynchronous_steps
    if inspect.iscoroutinefunction(answer):

        @functools.wraps(answer)
        async def asynchronous(*arguments: Any) -> Any:
            with _refusals():
                return await answer(*arguments)

        return asynchronous
    if inspect.isgeneratorfunction(answer):

        @functools.wraps(answer)
        def steps(*arguments: Any) -> Iterator[Any]:
            with _refusals():
                yield from answer(*arguments)

        return steps

    @functools.wraps(answer)
    def plain(*arguments: Any) -> Any:
        with _refusals():
            return answer(*arguments)

    return plain


def run_while_wanted(steps: Generator[Any, None, Outcome]) -> Outcome:
    """Take every step of a long job and return what comes of them; whoever hangs up stops it.

    Raises:
        BusyError: whoever asked hung up.
    """
    with closing(steps):
        return run_steps(steps, _require_caller)


def _require_caller(_: object) -> None:
    page, id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    jobs = chain.from_iterable(jobs or () for jobs in page._queue.active_jobs) if page and id else ()
    if any(job._id == id and not job.alive for job in jobs):
        raise BusyError("the client hung up", "ask again")


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except EmohubError as error:
        raise Refusal(error) from None
