"""What the scan finds in single files, in every place and encoding where it could hide, and what it lets through."""

import base64
import itertools
import json
import random
import struct
import zlib
from pathlib import Path

import pytest

from emohub.publish.files import PlannedFile
from emohub.publish.secrets import scan

# Made up, and put together here so that no scanner takes this file for a leak.
HF = "hf_" + "ZyXwVuTsRqPoNmLkJiHgFeDcBa987654"
HEX = "0123456789abcdef"
MIXED = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
OWN = "a-secret-of-no-known-form"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(*chunks: bytes, end: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + chunk(b"IEND", end)


def weights(header: str, size: int = 8) -> bytes:
    return struct.pack("<Q", len(header)) + header.encode() + b"\0" * size


def planned(name: str, content: str | bytes) -> PlannedFile:
    written = content.encode() if isinstance(content, str) else content
    return PlannedFile(name, len(written), "0" * 64, written)


def value(text: str) -> str:
    return json.dumps({"note": [{"a": text}]}, indent=2)


TEXTS = {
    "a token in an address": f"https://host.org/x?access_token={HEX}",
    "a signature of an address": "https://a.blob.core.windows.net/c?sv=2022&sig=Zx%2Bab12cd34ef56gh78ij90kl12mn%3D",
    "a token for a user in an address": f"git clone https://{HEX * 2}@example.org/x/y",
    "a password with escapes": "postgresql+psycopg2://ada:p%40ss@db.internal:5432/x",
    "a password of no user": "redis://:correct-horse@localhost:6379/0",
    "a Discord webhook": f"https://discord.com/api/webhooks/123456789012345678/{MIXED}-_{MIXED}",
    "a Teams webhook": f"https://acme.webhook.office.com/webhookb2/0a1b2c3d-0000@0a1b/IncomingWebhook/{HEX * 2}",
    "a Telegram token": f"https://api.telegram.org/bot123456789:AA{MIXED[:33]}/send",
    "a SendGrid key": f"SG.{MIXED[:22]}.{(MIXED + MIXED)[:43]}",
    "a Docker token": "dckr_pat_" + MIXED[:27],
    "a Databricks token": "dapi" + HEX * 2,
    "a DigitalOcean token": "dop_v1_" + HEX * 4,
    "a Groq key": "gsk_" + MIXED + MIXED[:16],
    "an xAI key": "xai-" + MIXED * 2,
    "a Replicate key": "r8_" + MIXED + "A",
    "a Shopify token": "shpat_" + HEX * 2,
    "an age key": "AGE-SECRET-KEY-1" + "QPZRY9X8GF" * 6,
    "a header with a key": f"curl -H 'X-Api-Key: {MIXED[-18:]}'",
    "a variable of a command": "run `HF_TOKEN=abcdef123456 python train.py`",
    "a token in a call": "login(token='abcdefgh12345678')",
    "a token with an escaped letter of HTML": f"hf&#95;{HF[3:]}",
    "a token with escaped letters of an address": f"x=%68%66_{HF[3:]}",
    "a token in hexadecimal digits": HF.encode().hex(),
    "a token in base64 beside other letters": base64.b64encode(f"é {HF}".encode()).decode(),
    "the own token in hexadecimal digits": OWN.encode().hex(),
    "a home that is mounted": "/mnt/c/Users/ada/run",
    "a home on a cluster": "/gpfs/users/ada/run",
    "an exported home": "see /export/home/ada/run",
    "a home in the address of a file": "file://localhost/home/ada/run",
    "a home with escapes": "%2Fhome%2Fada%2Frun",
    "a home in small letters": "c:/users/ada/run",
    "a folder of a drive": "D:\\projects\\client\\run",
    "a disk": "/Volumes/ada/run",
}
FILES: dict[str, tuple[str, str | bytes]] = {
    **{name: ("README.md", f"before\n{text}\nafter") for name, text in TEXTS.items()},
    **{f"{name}, in JSON": ("config.json", value(text)) for name, text in TEXTS.items()},
    "a key of JSON": ("config.json", json.dumps({HF: 1})),
    "a token that is added to a tokenizer": ("tokenizer.json", json.dumps({"added_tokens": [{"content": HF}]})),
    "an address with an escape, in a record": ("run.json", value("ada%40example.org")),
    "an address with other letters, in a record": ("run.json", value("jörg@münchen.de")),
    "two bytes a letter": ("README.md", HF.encode("utf-16-le")),
    "a profile of colours": ("a.png", picture(chunk(b"iCCP", b"icc\0\0" + zlib.compress(HF.encode())))),
    "two bytes a letter in a picture": ("a.png", picture(chunk(b"eXIf", b"MM\0*" + HF.encode("utf-16-le")))),
    "colours that are text": ("a.png", picture(chunk(b"PLTE", HF.encode()))),
    "a packed text that is too long": (
        "a.png",
        picture(chunk(b"zTXt", b"C\0\0" + zlib.compress(b" " * (1 << 20) + HF.encode()))),
    ),
    "bytes after a packed text": ("a.png", picture(chunk(b"zTXt", b"C\0\0" + zlib.compress(b"x") + HF.encode()))),
    "bytes that are no pixels": ("a.png", picture(chunk(b"IDAT", HF.encode()))),
    "pixels after the last": ("a.png", picture(chunk(b"IDAT", zlib.compress(b"\0\0") + HF.encode()))),
    "a second picture": ("a.png", picture(chunk(b"IDAT", zlib.compress(b"\0\0")))),
    "no pixels at all": ("a.png", b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b"")),
    "a text in the end of a picture": ("a.png", picture(end=HF.encode())),
    "an escaped letter in the header of weights": (
        "model.safetensors",
        weights(json.dumps({"__metadata__": {"a": HF}}).replace("hf_", "\\u0068f_"), 0),
    ),
}


@pytest.mark.parametrize("what", FILES)
def test_it_is_found(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVICE_TOKEN", OWN)
    name, content = FILES[what]
    leaks = scan([planned(name, content)])
    assert leaks
    for secret in (HF, OWN, MIXED, HEX):
        assert not any(secret in f"{leak} {leak.kind}" for leak in leaks)


INNOCENT = {
    "BibTeX": "@article{a, url={https://aclanthology.org/D18-1404/?utm=1}, doi={10.18653/v1/D18-1404}, note={\\alpha}}",
    "CSS": "a:hover{background:url(/static/home.png)} @media (min-width: 600px){.root{--tmp: 1px}}",
    "hashes": f"sha256:{HEX * 4} {HEX * 2}01234567 md5={HEX * 2}",
    "addresses": "https://example.org/home/page https://medium.com/@ada/x https://x.org:443/a@b ssh://git@github.com/x",
    "a badge": "https://codecov.io/gh/ada/x/graph/badge.svg?token=ABCDEF1234",
    "a page of an API": "GET /api/users/list and /docs/home/start, and/or /home",
    "special tokens": "MASK_TOKEN=[MASK]\nPAD_TOKEN = [PAD]\nMAX_TOKENS=512000000\npad_token: [PAD]\n",
    "a place for a token": "export HF_TOKEN=$TOKEN\nHF_TOKEN=<your token>\nAuthorization: Bearer <token>",
    "texts with line ends": json.dumps("Q:\nWhat is it?\nA:\nnothing\\n"),
    "words": "risk-averse-and-long-word-after-word-1, half_Attention1LayerNormWeights, mask-1, desk-top, taiza",
    "licences": "file:LICENSE, key=value, password: see below, the secret: patience",
    "times": "12:34:56, 10:AA, ratio 1:1, C: and D:, a:/b",
}


@pytest.mark.parametrize("what", INNOCENT)
def test_it_is_let_through(what: str) -> None:
    assert scan([planned("README.md", INNOCENT[what])]) == ()
    assert scan([planned("run.json", value(INNOCENT[what]))]) == ()


def test_vocabularies_of_many_kinds_are_let_through() -> None:
    """Pieces of words, bytes shown as letters, pieces of addresses and paths, and what looks like base64."""
    generator = random.Random(5)
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+/éüñłжあ中"
    pieces = ["".join(generator.choices(letters, k=generator.randint(1, 40))) for _ in range(8_000)]
    pieces += [
        "Ġ/home",
        "/tmp",
        "/",
        "/home/",
        "://",
        "▁www.",
        "@gmail",
        ".com",
        "▁info@",
        "##@",
        "C:\\",
        "Ġ\\",
        "Ċ",
        "âĢĻ",
    ]
    pieces += [
        "<|endoftext|>",
        "[MASK]",
        "</s>",
        "token",
        "password",
        "secret",
        "key",
        "hf",
        "hf_",
        "sk-",
        "eyJ",
        "AKIA",
    ]
    tokenizer = {"model": {"type": "BPE", "vocab": dict(zip(pieces, range(len(pieces)), strict=True))}}
    merges = "#version: 0.2\n" + "\n".join(f"{one} {other}" for one, other in itertools.pairwise(pieces))
    for name, content in {
        "vocab.txt": "\n".join(pieces),
        "vocab.json": json.dumps(tokenizer["model"]["vocab"]),
        "tokenizer.json": json.dumps(tokenizer, ensure_ascii=False),
        "merges.txt": merges,
    }.items():
        assert scan([planned(name, content)]) == ()


def test_a_word_about_an_optimizer_is_not_its_state() -> None:
    """As in the record of a run whose recipe documents the optimizer of others."""
    record = {"recipe": {"documented": {"optimizer": "Adam with betas=(0.9,0.999)", "lr_scheduler": "linear"}}}
    assert scan([planned("run.json", json.dumps(record))]) == ()
    (leak,) = scan([planned("config.json", json.dumps({"optimizer": {"lr": 1}}))])
    assert leak.kind == "the state of an optimizer"


def test_files_on_the_disk_are_read_too(tmp_path: Path) -> None:
    empty, large = tmp_path / "vocab.txt", tmp_path / "model.safetensors"
    empty.write_bytes(b"")
    size = 1 << 20
    large.write_bytes(weights(json.dumps({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}), size))
    assert scan([PlannedFile("vocab.txt", 0, "", empty), PlannedFile("model.safetensors", 0, "", large)]) == ()
