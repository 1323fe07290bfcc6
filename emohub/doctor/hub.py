"""The Hub: whether it answers, whose token it is (the token itself is never shown), and the cache of its files."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import constants, get_session, get_token

from emohub.doctor.check import Check
from emohub.doctor.machine import disk_check
from emohub.errors import PublishError
from emohub.publish.failures import Unanswered
from emohub.publish.hub import Hub
from emohub.publish.waiting import bounded_waits

QUICK = httpx2.Timeout(5)
"""Seconds for each part of a request: whoever asks the doctor waits for the answer."""
WITHOUT = "work with --data-dir and local models, or connect"
LOGIN = "a token with write access, to publish"
VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
"""Where the client looks for a token before its own file, in its order."""


def hub_checks() -> Iterator[Check]:
    """Whether the Hub can be reached, the login, and the cache."""
    with bounded_waits(QUICK):
        reached = _reach()
        yield reached
        yield _login(reached.status == "ok" and not constants.is_offline_mode())
    home = Path(constants.HF_HUB_CACHE)
    yield disk_check("Hub cache", home, f"{_from_home(home)}, ")


def _reach() -> Check:
    name, wanted = "Hub", "answers, for what is not on the disk yet"
    address = urlsplit(constants.ENDPOINT)
    shown = address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()  # a proxy's address can hold a password
    if constants.is_offline_mode():
        return Check(name, "ok", "not asked, as HF_HUB_OFFLINE wants it", wanted)
    try:
        # Any Hub answers this one with JSON, to strangers with a refusal in JSON; a portal in the way does not.
        response = get_session().get(f"{constants.ENDPOINT}/api/whoami-v2")
        response.json()
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        found = f"{shown} cannot be reached ({type(error).__name__})"
        return Check(name, "warning", found, wanted, f"{WITHOUT}; check HF_ENDPOINT and the proxy")
    except ValueError:
        return Check(name, "warning", f"{shown} answers, but not as a Hub", wanted, "check HF_ENDPOINT and the proxy")
    if response.status_code >= 500:
        return Check(name, "warning", f"{shown} has trouble ({response.status_code})", wanted, "try again later")
    return Check(name, "ok", f"{shown} answers", wanted)


def _login(may_ask: bool) -> Check:
    variable = next((each for each in VARIABLES if os.environ.get(each)), None)
    origin = f"token from {variable or 'the token file'}"
    if not _has_token():
        return Check("login", "warning", "no token", LOGIN, "run `hf auth login`; without it nothing can be published")
    if variable and os.environ[variable] != os.environ[variable].strip():
        found = f"{variable} begins or ends with a space or a line break"
        return Check("login", "warning", found, LOGIN, "set it again without; not every program takes it off")
    return _account(origin) if may_ask else Check("login", "ok", f"{origin}, not checked", LOGIN)


def _account(origin: str) -> Check:
    """Whose token it is, as the Hub says; an error's message never holds the token."""
    try:
        account = Hub.connect().account()
    except Unanswered as error:
        return Check("login", "warning", f"{origin}: {error.cause}", LOGIN, error.remedy)
    except PublishError as error:
        return Check("login", "failure", f"{origin}: {error.cause}", LOGIN, error.remedy)
    if account.read_only:
        return Check("login", "warning", f"{account.name}, read only, {origin}", LOGIN, "use a token with write access")
    return Check("login", "ok", f"{account.name}, {origin}", LOGIN)


def _has_token() -> bool:
    """Whether there is one at all; a file that cannot be read counts as one, whose trouble the login then tells."""
    try:
        return bool(get_token())
    except (httpx2.HTTPError, OSError, ValueError, RuntimeError):
        return True


def _from_home(folder: Path) -> str:
    """The path, shortened: below the home folder, or its last name alone."""
    try:
        return f"~/{folder.relative_to(Path.home())}"
    except (ValueError, RuntimeError):  # elsewhere, or there is no home
        return f"…/{folder.name}"
