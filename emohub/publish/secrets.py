"""The scan for what must never leave: tokens, keys, pickles, optimizer state, folders of this machine, addresses.

It reads the content of every file, not its name, and tells where something stands and of what kind it is, never what
it is: a finding may be printed and logged.
"""

import base64
import binascii
import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants

from emohub.errors import PublishError
from emohub.publish.containers import Foreign, texts_in
from emohub.publish.files import PlannedFile

_NAMES = (
    r"(?:\w*api_?key|access_?token|auth_?token|hf_?token|hub_token|use_auth_token|refresh_token|\w*passw(?:or)?d"
    r"|(?:client_|aws_)?secret(?:_access_key|_key)?|private_key)"
)
"""Names that announce a secret; those of the special tokens of a tokenizer are not among them."""
KINDS: dict[str, str] = {
    "a Hugging Face token": r"(?:hf|api_org)_(?:jwt_|oauth_)?(?=[\w.-]*[A-Z0-9])[A-Za-z0-9][A-Za-z0-9._-]{15,}",
    "a GitHub token": r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,}",
    "a GitLab token": r"glpat-[\w-]{20,}",
    "an AWS access key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a Google key": r"\b(?:AIza[\w-]{35}|GOCSPX-[\w-]{20,}|ya29\.[\w-]{20,})",
    "an Azure key": r"(?i:account_?key|shared_?access_?key)=[\w+/]{20,}",
    "a Slack token": r"\bxox[abeoprs]-[\w-]{10,}|hooks\.slack\.com/services/T\w+/B\w+/\w+",
    "an OpenAI or Anthropic key": r"\bsk-(?=[\w-]*\d)[\w-]{20,}",
    "a Stripe key": r"\b[rs]k_(?:live|test)_\w{16,}",
    "a Weights & Biases key": r"\bwandb_v\d_\w{20,}|\blocal-[0-9a-f]{40}\b|(?i:wandb)[^\n]{0,40}?\b[0-9a-f]{40}\b",
    "a PyPI token": r"\bpypi-AgE[\w-]{40,}",
    "an npm token": r"\bnpm_[A-Za-z0-9]{36}\b",
    "a private key": r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY|\bPuTTY-User-Key-File-",
    "a signed web token (JWT)": r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*",
    "a password in an address": r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"'<>{}$]*:[^\s/@\"'<>{}$]{3,}@[\w\[]",
    "an Authorization header": r"(?i:\bauthorization)[\"']?\s*[:=]\s*[\"']?(?i:bearer|basic|token)\s+[\w.~+/=-]{8,}",
    "a login of a .netrc file": r"\bmachine\s+\S+\s+login\s+\S+\s+password\s+\S+",
    "a line of an .env file": (
        r"(?m:^)[ \t]*(?:export[ \t]+)?"
        r"[A-Z0-9_]*(?:TOKEN|SECRET|PASSWORD|PASSWD|(?:API|ACCESS|SECRET|PRIVATE)_KEY|CREDENTIALS?)"
        r"[ \t]*=[ \t]*[\"']?(?![\"'\s])[^\s\"'$<>{}()]{6,}"
    ),
    "a key or password by its name": rf"(?i:[\"']?\b{_NAMES}[\"']?\s*[:=]\s*[\"'][^\s\"'$<>{{}}]{{8,}}[\"'])",
    "a key or password in a line of settings": (
        rf"(?m:^)[ \t-]*(?i:{_NAMES})[ \t]*[:=][ \t]*(?=\S*\d)[^\s\"'$<>{{}}()]{{8,}}"
    ),
}
"""What is looked for in every text, by what it is called; every pattern is a fixed form that the issuer prescribes, or
a name that announces a secret."""

PLACES: dict[str, str] = {
    "a folder of a person or machine": (
        r"(?:(?<![\w./~%-])|(?<=file://))/(?:home|Users|root|private|scratch|content/drive|var/folders)/[\w.@~-]"
        r"|(?<![A-Za-z])[A-Za-z]:(?:\\{1,4}|/)(?:Users|Documents and Settings|home|temp)\b"
    ),
    "a temporary folder": r"(?:(?<![\w./~%-])|(?<=file://))/tmp/[\w.@~-]",
}
"""Absolute paths, which name a person or a machine."""

NOT_IN_PROGRAMS = ("a line of an .env file", "a key or password in a line of settings", "a temporary folder")
"""What is an ordinary line in Python."""

ADDRESSES: dict[str, str] = {
    "an e-mail address": r"(?<![\w.+-])[\w.+-]+@(?:[\w-]+\.)+[A-Za-z]{2,}\b",
}
"""What records must not hold either; in the prose of a card an address is its writer's own decision."""

_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
"""What may be base64; long enough for a token."""
_ANNOUNCES = re.compile(r"TOKEN|SECRET|PASSW|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIAL", re.IGNORECASE)
_SHORTEST = 12
"""Characters of the shortest value of an environment variable that is looked for; shorter ones are words."""


@dataclass(frozen=True)
class Leak:
    """Something that must not leave: where it stands and what kind it is."""

    path: str
    place: str
    """Where in the file, such as ``line 3``."""
    kind: str

    def __str__(self) -> str:
        return f"{self.path}{', ' if self.place else ''}{self.place}"


def refuse_secrets(files: Iterable[PlannedFile]) -> str:
    """Check every file that would go, and say in one sentence that nothing was found.

    Raises:
        PublishError: a file holds something that must not leave; it names file, place and kind, never the thing.
    """
    checked = tuple(files)
    leaks = scan(checked)
    if leaks:
        more = f" (and {len(leaks) - 1} more places do likewise)" if len(leaks) > 1 else ""
        raise PublishError(
            f"{leaks[0]} holds {leaks[0].kind}{more}",
            "take it out, and revoke it if it is a secret that others saw",
        )
    return f"{len(checked)} files hold no token, key, pickle, optimizer state, local path or address"


def scan(files: Iterable[PlannedFile]) -> tuple[Leak, ...]:
    """Everything in these files that must not leave, in their order.

    Raises:
        PublishError: a file cannot be read.
    """
    own = _own_values(os.environ)
    folders = [str(folder) for folder in (Path.cwd(), _home()) if folder is not None and len(folder.parts) > 2]
    leaks: list[Leak] = []
    for file in files:
        leaks += _scan_file(file.path, _content(file), own, folders)
    return tuple(leaks)


def _scan_file(path: str, content: bytes, own: Mapping[str, str], folders: list[str]) -> list[Leak]:
    leaks = [Leak(path, "", f"the value of {name}") for name, form in _forms(own) if form in content]
    try:
        for place, text in texts_in(path, content):
            leaks += [Leak(path, _place(place, text, at), kind) for kind, at in _matches(text, _rules(path), folders)]
    except Foreign as foreign:
        leaks.append(Leak(path, foreign.place, foreign.kind))
    return list(dict.fromkeys(leaks))


def _matches(text: str, rules: Mapping[str, str], folders: list[str]) -> Iterator[tuple[str, int]]:
    """What each rule finds in a text, and at which character."""
    for kind, pattern in rules.items():
        for match in re.finditer(pattern, text):
            yield kind, match.end() - 1
    for folder in folders:
        if (at := text.find(folder)) >= 0:
            yield "a folder of this machine", at
    for match in _ENCODED.finditer(text):
        decoded = _decoded(match[0])
        if any(re.search(pattern, decoded) for pattern in KINDS.values()):
            yield "a secret in base64", match.start()


def _decoded(encoded: str) -> str:
    """What base64 stands for, when that is text; empty when it is not."""
    standard = encoded.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        content = base64.b64decode(standard + "=" * (-len(standard) % 4))
    except binascii.Error:
        return ""
    return content.decode("ascii", errors="ignore") if content.isascii() else ""


def _place(place: str, text: str, at: int) -> str:
    return place or f"line {text.count(chr(10), 0, at) + 1}"


def _rules(path: str) -> dict[str, str]:
    if path.endswith(".py"):
        return {kind: pattern for kind, pattern in (KINDS | PLACES).items() if kind not in NOT_IN_PROGRAMS}
    return KINDS | PLACES | (ADDRESSES if path.endswith(".json") else {})


def _own_values(environment: Mapping[str, str]) -> dict[str, str]:
    """The secrets of whoever runs this, by where they are kept: environment variables and the client's token file."""
    values = {name: value.strip() for name, value in environment.items() if _ANNOUNCES.search(name)}
    with contextlib.suppress(OSError, ValueError):
        values["the stored Hugging Face token"] = Path(constants.HF_TOKEN_PATH).read_text(encoding="utf-8").strip()
    return {name: value for name, value in values.items() if len(value) >= _SHORTEST and not Path(value).is_absolute()}


def _forms(own: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Each value as it is, and as base64 shows it at each of the three places where it can begin."""
    for name, value in own.items():
        content = value.encode(errors="surrogateescape")
        yield name, content
        for offset in range(3):
            encoded = base64.b64encode(b"\0" * offset + content)
            yield name, encoded[4 if offset else 0 : len(encoded) - 4]


def _content(file: PlannedFile) -> bytes:
    if isinstance(file.source, bytes):
        return file.source
    try:
        return file.source.read_bytes()
    except OSError as error:
        reason = error.strerror
    # Raised out here it keeps no frame that holds the content of a file.
    raise PublishError(f"{file.source} cannot be read ({reason})", "check its permissions")


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None
