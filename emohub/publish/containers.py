"""The texts inside a file, by what its name says that it is, and the refusal of a file that is something else."""

import json
import pickletools
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from mmap import mmap
from pathlib import PurePosixPath
from typing import Any

Content = bytes | mmap
"""A file as it was read, or a view of it: weights may be larger than the memory."""

Texts = Iterator[tuple[str, str]]
"""Where a text stands, or "" when its lines can be counted, and the text."""

MAGIC: dict[bytes, str] = {
    b"\x80\x02": "a pickle",
    b"\x80\x03": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"PK\x03\x04": "a zip archive, as PyTorch's pickles are",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\x00": "an xz archive",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"SQLite format 3\x00": "a database",
    b"PAR1": "a parquet file",
    b"\x7fELF": "a program",
    b"MZ": "a program",
}
"""What a file begins with, whatever its name, and what it is then."""

OPTIMIZER = re.compile(
    r"(?:^|[./])(?:exp_avg(?:_sq)?|max_exp_avg_sq|momentum_buffer|optimizer(?:_state\w*)?|param_groups|lr_scheduler|"
    r"grad_scaler|rng_state\w*)(?:[./]|$)"
)
"""Names of tensors and JSON keys that belong to the state of an optimizer or of a training run."""

PNG = b"\x89PNG\r\n\x1a\n"
PIXELS = "IDAT"
"""Name of the chunks that are the picture itself; the others may hold text."""
LARGEST_TEXT = 1 << 20
"""Bytes that a compressed text of a picture may have when it is unpacked."""
WEIGHTS_OF_A_GRAPH = (7, 5, 9)
"""Numbers of the fields that lead to a weight's bytes in onnx.proto: the model's graph, its initializer, raw data."""
LAYERS = 3
"""How often escapes are undone, for JSON within JSON."""


class Foreign(Exception):
    """A file is not what its name says: what it is or holds, and where."""

    def __init__(self, kind: str, place: str = "") -> None:
        super().__init__(kind)
        self.kind = kind
        self.place = place


def texts_in(path: str, content: Content) -> Texts:
    """Every text in a file.

    Raises:
        Foreign: the file is not what its name says, or holds what no reader of such a file would see.
    """
    reader = READERS.get(PurePosixPath(path).suffix, _plain)
    # The length that a safetensors file begins with can look like anything; its reader knows better.
    if reader is _safetensors and _has_header(content):
        yield from _safetensors(content)
        return
    whole = content[:]
    magic = next((kind for start, kind in MAGIC.items() if whole.startswith(start)), None)
    if magic is not None or _is_pickle(whole):
        raise Foreign(magic or "a pickle")
    yield from reader(whole)


def _is_pickle(content: bytes) -> bool:
    """Whether all of the content is one pickle, of the oldest protocol too, which is text. Nothing is run."""
    if not content.rstrip(b"\r\n").endswith(b"."):
        return False
    try:
        last = max(position for _, _, position in pickletools.genops(content) if position is not None)
    except Exception:  # whatever pickletools stumbles over, it is no pickle
        return False
    return last + 1 == len(content.rstrip(b"\r\n"))


def _plain(content: bytes) -> Texts:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise Foreign("bytes that are no text") from None
    if "\0" in text:
        raise Foreign("bytes that are no text", f"line {text.count(chr(10), 0, text.index(chr(0))) + 1}")
    yield "", text


def _json(content: bytes) -> Texts:
    ((_, text),) = _plain(content)
    yield from _escapes_undone("", text)
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise Foreign("what is no JSON") from None
    if any(OPTIMIZER.search(key) for key in _keys(values)):
        raise Foreign("the state of an optimizer")


def _escapes_undone(place: str, text: str) -> Texts:
    """A text of JSON, then its lines with their escapes undone, so that an escaped letter hides nothing."""
    yield place, text
    for _ in range(LAYERS):
        if "\\" not in text:
            return
        text = "\n".join(_unescaped(line) if "\\" in line else "" for line in text.split("\n"))
        yield place, text


def _unescaped(text: str) -> str:
    """A text of JSON with its escapes undone, on the same lines."""
    return re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", _unescape, text)


def _unescape(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return " " if match[2] in "nrtbf" else match[2]


def _keys(values: Any) -> Iterator[str]:
    """Every key at every depth that holds more than one value: a word about an optimizer is not its state."""
    waiting = [values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from (key for key, held in value.items() if isinstance(held, dict | list))
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _has_header(content: Content) -> bool:
    return len(content) > 8 and content[8:9] == b"{" and struct.unpack("<Q", content[:8])[0] <= len(content) - 8


def _safetensors(content: Content) -> Texts:
    """The header; every byte after it must belong to exactly one tensor."""
    if not _has_header(content):
        raise Foreign("what is no safetensors file")
    size = struct.unpack("<Q", content[:8])[0]
    ((_, text),) = _plain(content[8 : 8 + size])
    try:
        header = json.loads(text)
        tensors = {name: entry["data_offsets"] for name, entry in header.items() if name != "__metadata__"}
        end = 0
        for start, stop in sorted(tensors.values()):
            if start != end:
                raise Foreign("bytes that belong to no tensor")
            end = stop
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Foreign("what is no safetensors file") from None
    if end != len(content) - 8 - size:
        raise Foreign("bytes that belong to no tensor", "its end")
    if any(OPTIMIZER.search(name) for name in tensors):
        raise Foreign("the state of an optimizer")
    yield from _escapes_undone("the header", text)


def _png(content: bytes) -> Texts:
    """The text of every chunk, unpacked, but of those that are the picture: they must be one picture and no more."""
    if not content.startswith(PNG):
        raise Foreign("what is no picture")
    position, pixels = len(PNG), zlib.decompressobj()
    while position + 12 <= len(content):
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        data = content[position + 8 : position + 8 + length]
        position += 12 + length
        name = kind.decode("latin-1")
        if name == PIXELS:
            _pass_over(pixels, data)
        else:
            yield f"the chunk {name}", _chunk_text(name, data)
        if name == "IEND":
            break
    if position != len(content):
        raise Foreign("bytes after the end of the picture")
    if not pixels.eof:
        raise Foreign("what is no picture")


def _pass_over(pixels: "zlib._Decompress", data: bytes) -> None:
    """Unpack a piece of a picture, and keep nothing of it."""
    try:
        while data and not pixels.eof:
            pixels.decompress(data, LARGEST_TEXT)
            data = pixels.unconsumed_tail
    except zlib.error:
        raise Foreign("what is no picture") from None
    if data or pixels.unused_data:
        raise Foreign("bytes after the end of the picture", f"the chunk {PIXELS}")


def _chunk_text(name: str, data: bytes) -> str:
    keyword, _, rest = data.partition(b"\0")
    if name == "iTXt":
        packed, rest = rest[:1] == b"\1", rest[2:]
        language, _, rest = rest.partition(b"\0")
        translated, _, rest = rest.partition(b"\0")
        keyword += b"\n" + language + b"\n" + translated
    else:
        packed = name in ("zTXt", "iCCP")
        rest = rest[1:] if packed else rest
    text = keyword + b"\n" + (_unpacked(name, rest) if packed else rest)
    # Without its null bytes a text of two bytes a letter can be read too.
    return (text + b"\n" + text.replace(b"\0", b"")).decode("utf-8", errors="replace")


def _unpacked(name: str, packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, LARGEST_TEXT)
    except zlib.error:
        raise Foreign("what cannot be unpacked", f"the chunk {name}") from None
    if not unpacker.eof or unpacker.unused_data:
        raise Foreign("more than one packed text", f"the chunk {name}")
    return text


def _onnx(content: bytes) -> Texts:
    """Every name and note of a graph: all but the numbers of its weights."""
    found = b"\n".join(_beside(memoryview(content), WEIGHTS_OF_A_GRAPH))
    yield "the graph", re.sub(r"[\x00-\x1f\x7f]+", "\n", found.decode("utf-8", errors="replace"))


def _beside(message: memoryview, path: tuple[int, ...]) -> Iterator[bytes]:
    """The content of every field of a protobuf message but of those that ``path``, of field numbers, leads to.

    The format: https://protobuf.dev/programming-guides/encoding
    """
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        kind, size = tag & 7, 0
        if kind == 2:
            size, position = _varint(message, position)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        elif kind == 0:
            _, position = _varint(message, position)
        else:
            raise Foreign("what is no ONNX file")
        field = message[position : position + size]
        if len(field) != size:
            raise Foreign("what is no ONNX file")
        position += size
        if kind != 2 or tag >> 3 != path[0]:
            yield bytes(field)
        elif len(path) > 1:
            yield from _beside(field, path[1:])


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, and where it ends."""
    value = 0
    for shift in range(0, 64, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise Foreign("what is no ONNX file")


READERS: dict[str, Callable[[bytes], Texts]] = {
    ".json": _json,
    ".onnx": _onnx,
    ".png": _png,
    ".safetensors": _safetensors,
}
"""How files of a kind are read; any other file must be text."""
