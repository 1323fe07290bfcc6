"""Secrets planted in everything that could go to the Hub: none leaves, and no message shows one."""

import base64
import io
import json
import logging
import pickle
import struct
import traceback
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from rich.console import Console
from rich.traceback import Traceback

from emohub.errors import EmohubError, PublishError
from emohub.layout import shipped_models
from emohub.publish import ALLOWED, plan, publish
from emohub.publish.files import PlannedFile
from emohub.publish.secrets import refuse_secrets, scan
from tests.hub import Hub
from tests.publishing import REPO, TOKEN

ROOT = Path(__file__).resolve().parent.parent

# The client's own upload over LFS uses an argument that httpx2 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning:httpx2")

# Made up, and put together here so that no scanner takes this file for a leak.
HF = "hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi"
TRUSTED = "hf_jwt_" + "eyQwErTyUiOp.AsDfGhJk-LzXcVb"
GITHUB = "ghp_" + "a1B2c3D4" * 5
GITHUB_FINE = "github_pat_" + "11ABCDEFG0aBcDeFgHiJ_kLmNoPq"
GITLAB = "glpat-" + "x1Y2z3X4y5Z6x7Y8z9X0"
AWS = "AKIA" + "IOSFODNN7EXAMPLE"
GOOGLE = "AIza" + "SyA1234567890abcdefghijklmnopqrstuv"
SLACK = "xoxb-" + "123456789012-abcdefGHIJKL"
OPENAI = "sk-proj-" + "a1b2c3d4e5f6g7h8i9j0k1l2"
WANDB = "0123456789abcdef" * 2 + "01234567"
NPM = "npm_" + "a1B2" * 9
PYPI = "pypi-" + "AgEIcHlwaS5vcmc" + "CJDEyMzQ1Njc4LWFiY2QtZWYwMS0yMzQ1Njc4OQ"
STRIPE = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
PRIVATE_KEY = "-----BEGIN OPENSSH PRIVATE " + "KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiJhZGEifQ.s1gn4tur3"
PASSWORD = "correct-horse-battery"
OWN = "a-secret-of-no-known-form"


def text(name: str, content: str) -> Callable[[Path], str]:
    """Plant a file of text in the checkpoint."""

    def plant(run: Path) -> str:
        (run / "checkpoint" / name).write_text(content, encoding="utf-8")
        return content

    return plant


def raw(name: str, content: bytes) -> Callable[[Path], str]:
    """Plant a file of bytes in the checkpoint."""

    def plant(run: Path) -> str:
        (run / "checkpoint" / name).write_bytes(content)
        return "\N{WORD JOINER}"  # nothing in it could be printed

    return plant


def key(name: str, secret: str, *, key_name: str = "note", escaped: bool = False) -> Callable[[Path], str]:
    """Plant a key in a JSON file of the checkpoint."""

    def plant(run: Path) -> str:
        path = run / "checkpoint" / name
        values = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        written = json.dumps(values | {key_name: secret}, indent=2)
        if escaped:
            written = written.replace(secret, "".join(f"\\u{ord(letter):04x}" for letter in secret))
        path.write_text(written, encoding="utf-8")
        return secret

    return plant


def record(name: str, place: tuple[str, ...], secret: str) -> Callable[[Path], str]:
    """Plant a text in a field of a record, from where the card may take it."""

    def plant(run: Path) -> str:
        path = run / name
        values = target = json.loads(path.read_text(encoding="utf-8"))
        for part in place[:-1]:
            target = target[part]
        target[place[-1]] = secret
        path.write_text(json.dumps(values), encoding="utf-8")
        return secret

    return plant


def chunk(kind: bytes, data: bytes, secret: str) -> Callable[[Path], str]:
    """Plant a chunk before the end of the picture."""

    def plant(run: Path) -> str:
        path = run / "learning_curves.png"
        made = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        picture = path.read_bytes()
        path.write_bytes(picture[:-12] + made + picture[-12:])
        return secret

    return plant


def after_the_picture(run: Path) -> str:
    with (run / "learning_curves.png").open("ab") as file:
        file.write(HF.encode())
    return HF


def tensors(header: dict[str, Any], data: bytes) -> bytes:
    written = json.dumps(header).encode()
    return struct.pack("<Q", len(written)) + written + data


def in_the_weights(run: Path) -> str:
    """The own token as the numbers of a tensor."""
    content = OWN.encode().ljust(32, b"\0")
    weights = tensors({"a": {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}}, content)
    (run / "checkpoint" / "model.safetensors").write_bytes(weights)
    return OWN


def working_folder(run: Path) -> str:
    return record("run.json", ("environment", "platform"), f"built in {Path.cwd()}")(run)


def zipped() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"state": {}}))
    return made.getvalue()


ONE = {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
PLANTED: dict[str, Callable[[Path], str]] = {
    "a Hugging Face token in the configuration": key("config.json", HF),
    "one that is escaped": key("config.json", HF, escaped=True),
    "a short-lived one of a trusted publisher": key("tokenizer_config.json", TRUSTED),
    "a token by the name of its key": key("config.json", PASSWORD, key_name="hub_token"),
    "a password by the name of its key": key("tokenizer_config.json", PASSWORD, key_name="password"),
    "a token as the name of a key": key("vocab.json", "1", key_name=GITHUB),
    "a fine-grained GitHub token": text("merges.txt", f"#version: 0.2\n{GITHUB_FINE}\n"),
    "a GitLab token": text("vocab.txt", f"[PAD]\n{GITLAB}\n"),
    "an AWS key": key("special_tokens_map.json", AWS),
    "a Google key": key("vocab.json", GOOGLE),
    "a Slack token": text("merges.txt", SLACK),
    "an OpenAI key": text("vocab.txt", f"[PAD]\n[UNK] {OPENAI}"),
    "a Weights & Biases key": key("tokenizer.json", f"WANDB_API_KEY={WANDB}"),
    "an npm token": text("vocab.txt", NPM),
    "a PyPI token": text("vocab.txt", PYPI),
    "a Stripe key": text("vocab.txt", STRIPE),
    "a private key": text("vocab.txt", f"{PRIVATE_KEY}\nAAAA\n"),
    "a signed web token": key("tokenizer.json", JWT),
    "an Authorization header": text("vocab.txt", "Authorization: Bearer " + PASSWORD),
    "a token in base64": text("vocab.txt", base64.b64encode(f"ada:{HF}".encode()).decode()),
    "a line of an .env file": text("vocab.txt", f"[PAD]\nexport DATABASE_PASSWORD={PASSWORD}\n"),
    "a password in a line of settings": text("vocab.txt", f"[PAD]\ndb_password: {PASSWORD}1\n"),
    "an Azure key": text("vocab.txt", f"x;AccountKey={'a1B2' * 10}=="),
    "a token after an escaped line end": key("config.json", f"x\n{HF}"),
    "a token in JSON within JSON": key("config.json", json.dumps({"a": json.dumps({"b": f"\n{HF}"})})),
    "a login of a .netrc file": text("merges.txt", f"machine example.org login ada password {PASSWORD}"),
    "a home on Linux": key("config.json", "/home/ada/models/tiny", key_name="_name_or_path"),
    "a home on a Mac": key("tokenizer_config.json", "/Users/ada/tiny"),
    "a home on Windows": key("config.json", "C:\\Users\\ada\\tiny"),
    "root's home": key("tokenizer.json", "file:///root/tiny"),
    "a pickle as vocabulary": raw("vocab.txt", pickle.dumps({"a": 1})),
    "a pickle of the oldest protocol": raw("merges.txt", pickle.dumps({"a": 1}, protocol=0)),
    "a pickle as configuration": raw("config.json", pickle.dumps({"a": 1}, protocol=2)),
    "a checkpoint of PyTorch as weights": raw("model.safetensors", zipped()),
    "the state of an optimizer as JSON": raw("config.json", b'{"param_groups": [{"lr": 0.1}]}'),
    "the state of an optimizer as tensors": raw(
        "model.safetensors", tensors({"state.0.exp_avg": ONE["a"]}, b"\0\0\0\0")
    ),
    "a token in the header of the weights": raw(
        "model.safetensors", tensors({"__metadata__": {"x": HF}, **ONE}, b"abcd")
    ),
    "bytes after the weights": raw("model.safetensors", tensors(ONE, b"abcd" + HF.encode())),
    "bytes between the weights": raw(
        "model.safetensors", tensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, b"hf_xabcd")
    ),
    "the own token in the weights": in_the_weights,
    "the own token in base64": text("vocab.txt", base64.b64encode(b"x" + OWN.encode() + b"yz").decode()),
    "bytes that are no text": raw("vocab.txt", HF.encode("utf-16")),
    "a text of the picture": chunk(b"tEXt", b"Comment\0" + HF.encode(), HF),
    "a packed text of the picture": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(HF.encode()), HF),
    "an international text of the picture": chunk(
        b"iTXt", b"Comment\0\1\0en\0\0" + zlib.compress(b"/home/ada/x"), "/home/ada/x"
    ),
    "a chunk of another kind": chunk(b"eXIf", HF.encode(), HF),
    "bytes after the picture": after_the_picture,
    "a password in an address, in a record": record(
        "run.json", ("environment", "platform"), f"https://ada:{PASSWORD}@example.org/x.git"
    ),
    "an e-mail address in a record": record(
        "run.json", ("recipe", "corpus", "citation"), "@misc{a, note={ada@example.org}}"
    ),
    "the working folder in a record": working_folder,
    "a temporary folder in a record": record("eval.json", ("environment", "platform"), "/tmp/run-1/model"),
    "the own token in a record": record("eval.json", ("environment", "processor"), OWN),
    "a token in the text of the card": record("run.json", ("recipe", "summary"), f"A model by {GITHUB}."),
}


def everything_seen(error: BaseException) -> str:
    """What a person, a logger or a crash reporter would see of an error, with the local variables of every frame."""
    frames = error.__traceback__
    while frames is not None and "/tests/" in frames.tb_frame.f_code.co_filename:
        frames = frames.tb_next  # the frames of this test hold what it planted
    error = error.with_traceback(frames)
    whole = {"show_locals": True, "locals_max_length": 10**6, "locals_max_string": 10**6}
    console = Console(file=io.StringIO(), width=500, no_color=True)
    console.print(Traceback.from_exception(type(error), error, frames, **whole))
    with_locals = traceback.TracebackException.from_exception(error, capture_locals=True)
    plain = ["".join(with_locals.format(chain=True)), repr(vars(error)), repr(error.args)]
    return "\n".join([str(error), repr(error), *plain, console.file.getvalue()])  # type: ignore[attr-defined]


@pytest.mark.parametrize("what", PLANTED)
def test_no_planted_secret_leaves(
    run_folder: Path,
    online: Hub,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_SERVICE_TOKEN", f"{OWN}\n")
    secret = PLANTED[what](run_folder)
    with pytest.raises(PublishError) as caught:
        publish(plan(str(run_folder), REPO))
    assert online.requests == []
    for shown in (str(caught.value), repr(caught.value)):
        assert secret not in shown
        assert not any(line in shown for line in secret.splitlines() if len(line) > 8)
    assert " holds " in str(caught.value)


def test_enough_is_planted() -> None:
    assert len(PLANTED) >= 30


def test_the_unharmed_run_is_published(run_folder: Path, online: Hub) -> None:
    assert publish(plan(str(run_folder), REPO)).commit


@pytest.mark.parametrize("name", sorted(shipped_models()))
def test_the_shipped_models_raise_no_false_alarm(name: str) -> None:
    folders = (ROOT / "models" / name, ROOT / "cards" / name)
    files = [path for folder in folders for path in sorted(folder.iterdir()) if path.name in ALLOWED]
    assert len(files) >= 8
    assert "hold no token" in refuse_secrets(PlannedFile(path.name, 0, "", path) for path in files)


def test_what_only_looks_like_a_secret_is_let_through() -> None:
    harmless = {
        "README.md": (
            "hf_hub_download, hf_xet and HF_TOKEN=$TOKEN, https://example.org/home/page, home/ada, risk-"
            + "averse-and-long-word-after-word-1, ada@example.org, and/or /rooted, C: and D:, git@v1, sk-learn, "
            "https://huggingface.co:443/a@b, 0123456789abcdef0123456789abcdef01234567, TOKEN = <your token>"
        ),
        "config.json": json.dumps({"pad_token": "[PAD]", "mask_token": "[MASK]", "tokenizer_class": "BertTokenizer"}),
        "app.py": 'API_TOKEN = find_token()\nFOLDER = "/tmp/run"\npassword = input("a password")\n',
        "vocab.txt": "##home\n/\nroot\ntmp\n.\n",
    }
    assert scan(planned(name, content) for name, content in harmless.items()) == ()


def planned(name: str, content: str | bytes) -> PlannedFile:
    written = content.encode() if isinstance(content, str) else content
    return PlannedFile(name, len(written), "0" * 64, written)


def test_a_finding_names_file_and_line_and_kind() -> None:
    (leak,) = scan([planned("vocab.txt", f"[PAD]\n[UNK]\n{GITHUB}\n")])
    assert (leak.path, leak.place, leak.kind) == ("vocab.txt", "line 3", "a GitHub token")
    (other,) = scan([planned("README.md", "a\nsee /home/ada/x\nb")])
    assert (other.place, other.kind) == ("line 2", "a folder of a person or machine")


def test_a_hostile_text_takes_no_longer_than_a_long_one() -> None:
    """Blank lines, and words that begin like a secret again and again: each pattern passes over them once."""
    for content in ("\n" * 200_000, " " * 200_000, "api_key" * 30_000, "-" * 200_000, "a.b@" * 50_000):
        scan([planned("README.md", content)])


def test_the_token_that_the_client_stores_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(f"{OWN}\n", encoding="utf-8")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    (leak,) = scan([planned("vocab.txt", f"[PAD]\nxx{OWN}xx\n")])
    assert leak.kind == "the value of the stored Hugging Face token"


# The publisher's own token ----------------------------------------------------------------------------------------


FAILURES: dict[str, dict[str, Any]] = {
    "401": {"method": "GET", "path": "whoami", "status": 401, "times": 99},
    "an answer of another shape": {"method": "GET", "path": "whoami", "status": 200, "body": [], "times": 99},
    "an answer that is a page": {"method": "GET", "path": "whoami", "status": 200, "body": b"<html>", "times": 99},
    "no answer": {"method": "GET", "path": "whoami", "times": 99},
    "a page that repeats the request": {
        "method": "POST",
        "path": "repos/create",
        "status": 403,
        "body": {"error": f"denied for Bearer {TOKEN}"},
    },
    "a commit that fails": {"method": "POST", "path": "/commit/", "status": 500, "times": 99},
    "an upload that fails": {"method": "POST", "path": "objects/batch", "status": 403, "times": 99},
    "a preupload of another shape": {
        "method": "POST",
        "path": "preupload",
        "status": 200,
        "body": {"files": 3},
        "times": 99,
    },
}


@pytest.mark.parametrize("what", FAILURES)
@pytest.mark.parametrize("ending", ["", "\n", " \r\n", "\t"])
def test_the_token_is_nowhere_when_publishing_fails(
    run_folder: Path,
    online: Hub,
    what: str,
    ending: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HF_TOKEN", TOKEN + ending)
    options = dict(FAILURES[what])
    online.fail(options.pop("method"), options.pop("path"), options.pop("status", None), **options)
    with pytest.raises(EmohubError) as caught:
        publish(plan(str(run_folder), REPO))
    assert TOKEN not in everything_seen(caught.value)
    assert TOKEN not in "".join(capfd.readouterr())
    assert TOKEN not in caplog.text
    written = [path for path in run_folder.rglob("*") if path.is_file()]
    assert len(written) > 8
    assert not any(TOKEN.encode() in path.read_bytes() for path in written)


def test_the_token_is_nowhere_when_somebody_stops_it(
    run_folder: Path,
    online: Hub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(self: object, request: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("httpx2.HTTPTransport.handle_request", stop)
    with pytest.raises(KeyboardInterrupt) as caught:
        publish(plan(str(run_folder), REPO))
    assert TOKEN not in everything_seen(caught.value)
    assert len(traceback.extract_tb(caught.value.__traceback__)) >= 3


def test_a_secret_in_a_file_is_in_no_traceback(run_folder: Path) -> None:
    secret = key("config.json", HF)(run_folder)
    with pytest.raises(PublishError) as caught:
        refuse_secrets(plan(str(run_folder), REPO).files)
    assert secret not in everything_seen(caught.value)
