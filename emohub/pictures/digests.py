"""What a picture says that it shows: a digest in a text chunk of the PNG."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emohub.recipe.declaration import canonical_json, sha256_text

DIGEST_KEY = "emohub:shown-sha256"
"""Keyword of the text chunk that holds the digest."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def digest(shown: dict[str, Any]) -> str:
    """SHA-256 over all that a picture shows, as plain values."""
    return sha256_text(canonical_json(shown))


def read_digest(picture: Path) -> str | None:
    """The digest of what a picture shows; None when the file is missing, damaged, or no such picture."""
    try:
        return dict(_text_chunks(picture.read_bytes())).get(DIGEST_KEY)
    except OSError:
        return None


def _text_chunks(png: bytes) -> Iterator[tuple[str, str]]:
    """Keyword and text of each ``tEXt`` chunk, up to any damage (PNG specification, section 11.3.3)."""
    at = len(_PNG_SIGNATURE)
    while png.startswith(_PNG_SIGNATURE) and at + 12 <= len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        data, checksum = png[at + 8 : at + 8 + length], png[at + 8 + length : at + 12 + length]
        if checksum != struct.pack(">I", zlib.crc32(kind + data)):
            return
        if kind == b"tEXt":
            keyword, _, text = data.decode("latin-1").partition("\0")
            yield keyword, text
        at += 12 + length
