"""What goes wrong between here and the Hub: each failure of the client as one sentence, and never with the token.

No token ever stands in a message, and no error keeps a request, which would hold one.
"""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import httpx2
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import OfflineModeIsEnabled, OIDCError
from huggingface_hub.utils._http import parse_ratelimit_headers

from emohub.errors import PublishError

Answer = TypeVar("Answer")

FAILURES = (
    httpx2.HTTPError,
    httpx2.InvalidURL,
    OIDCError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
)
"""What the client raises: refusals and broken connections, Xet's ``ConnectionError`` among them; an answer that is no
JSON, or JSON of another shape; metadata that the Hub finds invalid; and its wrapper around a failed LFS upload."""

AGAIN = "run the same command again: it goes on where it stopped"
REMEDIES = {
    400: "correct what it names, render the card again with `emohub card`, and run the same command again",
    401: "log in with `hf auth login`, or set HF_TOKEN to a token that is valid",
    402: "free storage, or choose a plan that allows this, at https://huggingface.co/settings/billing",
    403: "use a token with write access to the repository's owner, or propose the change with --create-pr",
    404: "check --repo-id, and that the token may see the repository",
    409: f"another change is under way; wait a moment and {AGAIN}",
    412: "the repository changed in the meantime: look at its last commit, then run the same command again",
    413: "a file is larger than the Hub takes here; publish a smaller model",
}

WITHOUT_TOKEN = {
    400: "add this repository and workflow to the trusted publishers in the settings of HF_OIDC_RESOURCE on the Hub",
    403: "give the job `permissions: id-token: write`",
}
"""Remedies when no stored token is used, but one that is exchanged for the identity of a CI job."""


class Refused(PublishError):
    """The Hub answered that it does not do it."""

    def __init__(self, cause: str, remedy: str, status: int, seconds: int | None = None) -> None:
        super().__init__(cause, remedy)
        self.status = status
        """HTTP status."""
        self.seconds = seconds
        """How long the Hub asks to wait, when it says so."""


class Unanswered(PublishError):
    """No answer came that says whether the request was carried out."""

    def __init__(self, cause: str, remedy: str, seconds: int | None = None) -> None:
        super().__init__(cause, remedy)
        self.seconds = seconds
        """How long the Hub asks to wait, when it says so."""


def attempt(
    request: str, call: Callable[[], Answer], api: HfApi | None = None, remedies: Mapping[int, str] = REMEDIES
) -> Answer:
    """The answer to ``call``; ``request`` says it in words, and the token of ``api`` is kept out of what an error says.

    Raises:
        Refused, Unanswered, PublishError: why the Hub did not do what was requested.
    """
    failure: BaseException
    try:
        return call()
    except FAILURES as error:
        failure = _explain(error, request, str(api.token) if api else "", remedies)
    except KeyboardInterrupt:
        failure = KeyboardInterrupt()
    # Raised out here it has no context: the error above holds the request, and the request holds the token. No variable
    # here holds it either, since a traceback may show the variables of its frames.
    raise failure


def retry_after(response: httpx2.Response) -> int | None:
    """Seconds that the Hub asks to wait, by its ``RateLimit`` or ``Retry-After``; None without, or if it is a date."""
    limit = parse_ratelimit_headers(response.headers) if response.status_code == 429 else None
    if limit is not None and limit.remaining == 0:
        return limit.reset_in_seconds
    seconds = response.headers.get("Retry-After", "").strip()
    return int(seconds) if seconds.isdigit() else None


def _explain(error: Exception, request: str, token: str, remedies: Mapping[int, str]) -> PublishError:
    # Behind a wrapper around a failed upload, or around metadata that the Hub finds invalid, stands the answer itself.
    if (
        _status(error) is None
        and isinstance(error, RuntimeError | ValueError)
        and isinstance(error.__cause__, Exception)
    ):
        error = error.__cause__
    status = _status(error)
    if status is None:
        return _explain_silence(error, request, token)
    response = getattr(error, "response", None)
    seconds = retry_after(response) if isinstance(response, httpx2.Response) else None
    wait = "a minute" if seconds is None else f"{seconds} seconds"
    if status >= 500:
        return Unanswered(f"the Hub failed to {request} ({status})", f"wait {wait}, then {AGAIN}", seconds)
    said = _clean(getattr(error, "server_message", None) or "", token)
    cause = f"the Hub refused to {request} ({status}{': ' if said else ''}{said})"
    remedy = f"wait {wait}, then {AGAIN}" if status == 429 else remedies.get(status, AGAIN)
    return Refused(cause, remedy, status, seconds)


def _explain_silence(error: Exception, request: str, token: str) -> PublishError:
    """A failure without a status: no answer, or one that is not the Hub's."""
    if isinstance(error, OfflineModeIsEnabled):
        return PublishError(f"the Hub was not asked to {request}: HF_HUB_OFFLINE is set", "unset it")
    if isinstance(error, OIDCError):
        remedy = "give the job `permissions: id-token: write`, or unset HF_OIDC_RESOURCE to use a stored token"
        return PublishError(_clean(str(error), token), remedy)
    if isinstance(error, httpx2.TimeoutException):
        return Unanswered(f"the Hub took too long to {request}", AGAIN)
    if isinstance(error, OSError) and error.filename is not None:
        return PublishError(f"{error.filename} cannot be read ({error.strerror})", AGAIN)
    if isinstance(error, httpx2.HTTPError | OSError):
        return Unanswered(
            f"the connection to {constants.ENDPOINT} failed when it was asked to {request}",
            f"check the network and HF_ENDPOINT, then {AGAIN}",
        )
    said = f"it has no {error}" if isinstance(error, KeyError) else _clean(str(error), token)
    return Unanswered(
        f"the answer to the request to {request} is not one of a Hub ({said})",
        f"check HF_ENDPOINT ({constants.ENDPOINT}), and that no proxy is in the way, then {AGAIN}",
    )


def _status(error: Exception) -> int | None:
    """HTTP status of a refusal; Xet's client gives it only in words."""
    response = getattr(error, "response", None)
    if isinstance(response, httpx2.Response):
        return response.status_code
    match = re.search(r"HTTP status \w+ error \((\d{3})", str(error)) if isinstance(error, ConnectionError) else None
    return int(match[1]) if match else None


def _clean(text: str, token: str) -> str:
    """The first line of a message from outside, short, and without the token."""
    lines = (text.replace(token, "[token]") if token else text).strip().splitlines()
    return lines[0][:200].rstrip(". ") if lines else ""
