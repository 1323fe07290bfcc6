"""The scan for what must never leave: tokens, keys, pickles, optimizer state, folders of this machine, addresses.

It reads the content of every file, not its name, and tells where something stands and of what kind it is, never what
it is: a finding may be printed and logged.
"""

import base64
import binascii
import contextlib
import html
import mmap
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from huggingface_hub import constants

from emohub.errors import PublishError
from emohub.publish.containers import Content, Foreign, texts_in
from emohub.publish.files import PlannedFile

_NAMES = (
    r"(?:\w*api_?key|access_?token|auth_?token|hf_?token|hub_token|use_auth_token|refresh_token|\w*passw(?:or)?d"
    r"|(?:client_|aws_)?secret(?:_access_key|_key)?|private_key)"
)
"""Names that announce a secret; those of the special tokens of a tokenizer are not among them."""
_LOUD_NAMES = r"[A-Z0-9_]*(?:TOKEN|SECRET|PASSWORD|PASSWD|(?:API|ACCESS|SECRET|PRIVATE)_KEY|CREDENTIALS?)"
"""The same as names of environment variables."""
KINDS: dict[str, str] = {
    "a Hugging Face token": r"(?:hf|api_org)_(?:jwt_|oauth_)?(?=[\w.-]*[A-Z0-9])[A-Za-z0-9][A-Za-z0-9._-]{15,}",
    "a GitHub token": r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,}",
    "a GitLab token": r"glpat-[\w-]{20,}",
    "an AWS access key": r"A(?:KIA|SIA)[A-Z0-9]{16}\b",
    "a Google key": r"AIza[\w-]{35}|GOCSPX-[\w-]{20,}|ya29\.[\w-]{20,}",
    "an Azure key": r"(?i:account_?key|shared_?access_?key)=[\w+/]{20,}",
    "a Slack token": r"xox[abeoprs]-[\w-]{10,}|hooks\.slack\.com/services/T\w+/B\w+/\w+",
    "an OpenAI or Anthropic key": r"sk-(?<!\wsk-)(?=[\w-]*\d)[\w-]{20,}",
    "a Stripe key": r"[rs]k_(?:live|test)_\w{16,}",
    "a Weights & Biases key": r"wandb_v\d_\w{20,}|local-[0-9a-f]{40}\b|(?i:wandb)[^\n]{0,40}?\b[0-9a-f]{40}\b",
    "a PyPI token": r"pypi-AgE[\w-]{40,}",
    "an npm token": r"npm_[A-Za-z0-9]{36}\b",
    "a Docker token": r"dckr_pat_[\w-]{20,}",
    "a Databricks token": r"dapi[0-9a-f]{32}\b",
    "a DigitalOcean token": r"do[opr]_v1_[0-9a-f]{64}",
    "a key of a model service": r"gsk_(?<!\wgsk_)\w{40,}|xai-(?<!\wxai-)\w{60,}|r8_(?<!\wr8_)\w{37}\b",
    "a SendGrid key": r"SG\.[\w-]{22}\.[\w-]{43}",
    "a Shopify token": r"shp(?:at|ca|pa|ss)_[0-9a-f]{32}",
    "a Telegram token": r":AA(?<=\d{8}:AA)[\w-]{33}(?![\w-])",
    "a webhook": r"discord(?:app)?\.com/api/webhooks/\d+/[\w-]{40,}|\.webhook\.office\.com/webhookb2/[\w@/-]{40,}",
    "a private key": r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY|PuTTY-User-Key-File-\d|AGE-SECRET-KEY-1\w{50,}",
    "a signed web token (JWT)": r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*",
    "a password in an address": (
        r"://(?<=[a-z0-9]://)(?:[^\s:/@\"'<>{}$]*:[^\s/@\"'<>{}$]{3,}|(?=[\w-]*\d)[\w-]{20,})@[\w\[]"
    ),
    "a token in an address": (
        r"[?&](?:access_token|token|sig|api_?key|password|secret|X-(?:Amz|Goog)-Signature)=(?=[\w%.~+/-]*\d)"
        r"[\w%.~+/-]{16,}"
    ),
    "an Authorization header": (
        r"(?i:authorization)[\"']?\s*[:=]\s*[\"']?(?i:bearer|basic|token)\s+[\w.~+/=-]{8,}"
        r"|(?i:x-(?:api-key|auth-token))[\"']?\s*:\s*[\"']?(?=\S*\d)[\w.~+/=-]{8,}"
    ),
    "a login of a .netrc file": r"machine\s+\S+\s+login\s+\S+\s+password\s+\S+",
    "a line of an .env file": (
        r"(?m:^)[ \t]*(?:export[ \t]+)?"
        rf"{_LOUD_NAMES}[ \t]*=[ \t]*[\"']?(?![\"'\s\[])[^\s\"'$<>{{}}()]{{6,}}"
    ),
    "a variable of a command": rf"\b{_LOUD_NAMES}=(?=\S*\d)[^\s\"'$<>{{}}()\[]{{8,}}",
    "a token in a call": r"(?i:token[\"']?\s*[:=]\s*[\"'])(?=[\w.~+/-]*\d)(?=[\w.~+/-]*[A-Za-z])[\w.~+/-]{16,}=*[\"']",
    "a key or password by its name": rf"(?i:[\"']?\b{_NAMES}[\"']?\s*[:=]\s*[\"'][^\s\"'$<>{{}}]{{8,}}[\"'])",
    "a key or password in a line of settings": (
        rf"(?m:^)[ \t-]*(?i:{_NAMES})[ \t]*[:=][ \t]*(?=\S*\d)[^\s\"'$<>{{}}()]{{8,}}"
    ),
}
"""What is looked for in every text, by what it is called; every pattern is a fixed form that the issuer prescribes, or
a name that announces a secret."""

_STARTS = r"(?:/(?<![\w./~%-]/)|file://[\w.-]*/)"
"""Where an absolute path begins, in a text that may hold addresses and relative paths too."""
PLACES: dict[str, str] = {
    "a folder of a person or machine": (
        rf"{_STARTS}(?:(?:home|Users|root|private|scratch|mnt|Volumes|content/drive|var/folders)"
        r"|(?:nfs|net|export|data|gpfs|lustre|storage|share)\w*(?:/[\w.-]+)?/(?:home|[Uu]sers))/[\w.@~-]"
        r"|[A-Za-z]:(?<![A-Za-z]..)(?:(?:\\{1,4}|/)(?i:Users|Documents and Settings|home|temp)\b"
        r"|(?:\\{2,4}|\\(?![nrtbfu]))\w[\w .-]*\\)"
    ),
    "a temporary folder": rf"{_STARTS}tmp/[\w.@~-]",
}
"""Absolute paths, which name a person or a machine."""

NOT_IN_PROGRAMS = (
    "a line of an .env file",
    "a variable of a command",
    "a key or password in a line of settings",
    "a temporary folder",
)
"""What is an ordinary line in Python."""

ADDRESSES: dict[str, str] = {
    "an e-mail address": r"(?<![\w.+-])(?!git@)[\w.+-]+@(?:[\w-]+\.)+[A-Za-z]{2,}\b",
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


def _scan_file(path: str, content: Content, own: Mapping[str, str], folders: list[str]) -> list[Leak]:
    leaks = [Leak(path, "", f"the value of {name}") for name, form in _forms(own) if content.find(form) >= 0]
    try:
        for place, raw in texts_in(path, content):
            for text in dict.fromkeys((raw, unquote(html.unescape(raw)))):
                found = _matches(text, _rules(path), folders)
                leaks += [Leak(path, _place(place, text, at), kind) for kind, at in found]
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
        if any(re.search(pattern, decoded) for decoded in _decoded(match[0]) for pattern in KINDS.values()):
            yield "a secret in base64 or hexadecimal digits", match.start()


def _decoded(encoded: str) -> Iterator[str]:
    """What base64 or hexadecimal digits stand for, when that is text."""
    standard = encoded.rstrip("=").replace("-", "+").replace("_", "/")
    with contextlib.suppress(binascii.Error, UnicodeDecodeError):
        yield base64.b64decode(standard + "=" * (-len(standard) % 4)).decode()
    with contextlib.suppress(ValueError):
        yield bytes.fromhex(encoded).decode()


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
    """Each value as it is, in other encodings, and in base64, from each of the three places where it can begin."""
    for name, value in own.items():
        content = value.encode(errors="surrogateescape")
        two_bytes_each = b"\0".join(bytes((byte,)) for byte in content)
        for form in (content, two_bytes_each, content.hex().encode()):
            yield name, form
        for offset in range(3):
            encoded = base64.b64encode(b"\0" * offset + content)
            yield name, encoded[4 if offset else 0 : len(encoded) - 4]


def _content(file: PlannedFile) -> Content:
    if isinstance(file.source, bytes):
        return file.source
    try:
        with file.source.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    except OSError as error:
        reason = error.strerror
    # Raised out here it keeps no frame that holds the content of a file.
    raise PublishError(f"{file.source} cannot be read ({reason})", "check its permissions")


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None
