"""A content-addressed store that speaks the Xet protocol, in memory, for the loopback Hub.

It decodes what ``hf_xet`` uploads: xorbs (runs of compressed chunks) and shards (which chunks make up which file), as
https://huggingface.co/docs/xet describes them. A shard is accepted only when its xorbs are here, its chunks have the
lengths that it states, and the rebuilt file has the SHA-256 that it states. Whoever asks for a chunk that it tracks is
told which chunks lie beside it, so that none of them need be sent again (global deduplication). The BLAKE3 hashes that
name chunks, xorbs and files are taken as names; they are not computed again.
"""

import hashlib
import struct
import time
from dataclasses import dataclass

HEADER_SIZE = ENTRY_SIZE = 48
SHARD_TAG = bytes.fromhex("48465265706f4d6574614461746100556967456a7b815783a5bdd95ccdd14aa9")
SHARD_VERSION, FOOTER_VERSION, FOOTER_SIZE = 2, 1, 200
FLAG_VERIFICATION, FLAG_METADATA = 1 << 31, 1 << 30
BOOKEND = b"\xff" * 32
TRACKED_EVERY = 1024
"""A chunk is tracked when it is the first of a file, or the last 64 bits of its hash are a multiple of this."""
KNOWN_FOR = 7 * 24 * 3600
"""Seconds for which a client may go by what it was told of a chunk."""
UNCOMPRESSED, LZ4, GROUPED_LZ4 = 0, 1, 2
LZ4_MAGIC = 0x184D2204


class BadUpload(Exception):
    """What was sent is not what the protocol asks for."""


@dataclass(frozen=True)
class Chunk:
    """A chunk inside a serialized xorb: where it starts, where it ends, and its bytes."""

    start: int
    end: int
    content: bytes


@dataclass(frozen=True)
class Term:
    """Chunks ``start`` to ``end`` (exclusive) of one xorb."""

    xorb: str
    start: int
    end: int
    length: int


@dataclass(frozen=True)
class XetFile:
    """A file that a shard registered."""

    xet_hash: str
    sha256: str
    content: bytes
    terms: tuple[Term, ...]


class XetStore:
    """Xorbs, their listings (as shards write them), files, and the xorbs of tracked chunks, by hash."""

    def __init__(self) -> None:
        self.xorbs: dict[str, bytes] = {}
        self.chunks: dict[str, list[Chunk]] = {}
        self.listings: dict[str, bytes] = {}
        self.files: dict[str, XetFile] = {}
        self.tracked: dict[str, tuple[str, ...]] = {}

    def add_xorb(self, xorb: str, body: bytes) -> bool:
        """Keep a xorb; False when it is here already."""
        chunks = read_chunks(body)
        if not chunks:
            raise BadUpload("a xorb without chunks")
        new = xorb not in self.xorbs
        self.xorbs[xorb], self.chunks[xorb] = body, chunks
        return new

    def add_shard(self, body: bytes, *, with_sha256: bool = True) -> list[XetFile]:
        """Register the files that a shard describes, by their SHA-256 too unless they are for a bucket."""
        descriptions, listings = read_shard(body, with_sha256)
        for xorb, listing in listings.items():
            self._check_listing(xorb, listing)
        files = [self._rebuild(*description) for description in descriptions]
        self.files.update({file.xet_hash: file for file in files})
        self.listings.update(listings)
        self._track(files, listings)
        return files

    def _check_listing(self, xorb: str, listing: bytes) -> None:
        found = [len(chunk.content) for chunk in self.chunks.get(xorb, ())]
        if found != [length for _, length in listed_chunks(listing)]:
            raise BadUpload(f"the listing of xorb {xorb} does not fit its chunks")

    def _track(self, files: list[XetFile], listings: dict[str, bytes]) -> None:
        """The first chunk of a file leads to all xorbs of the file, any other tracked chunk to its own."""
        for xorb, listing in listings.items():
            tracked = (name for name, _ in listed_chunks(listing) if int(name[-16:], 16) % TRACKED_EVERY == 0)
            self.tracked.update(dict.fromkeys(tracked, (xorb,)))
        for terms in (file.terms for file in files):
            if terms and all(term.xorb in self.listings for term in terms):
                first, _ = listed_chunks(self.listings[terms[0].xorb])[terms[0].start]
                self.tracked[first] = tuple(dict.fromkeys(term.xorb for term in terms))

    def known_chunks(self, chunk: str) -> bytes | None:
        """A shard that lists the xorbs to which a chunk leads; None when the chunk is not tracked."""
        xorbs = self.tracked.get(chunk)
        return None if xorbs is None else write_shard([self.listings[xorb] for xorb in xorbs])

    def _rebuild(self, xet_hash: str, sha256: str | None, terms: tuple[Term, ...]) -> XetFile:
        content = b""
        for term in terms:
            if term.xorb not in self.chunks:
                raise BadUpload(f"xorb {term.xorb} was not uploaded")
            part = b"".join(chunk.content for chunk in self.chunks[term.xorb][term.start : term.end])
            if len(part) != term.length:
                raise BadUpload(f"a term of {term.length} bytes has {len(part)}")
            content += part
        found = hashlib.sha256(content).hexdigest()
        if sha256 not in (found, None):
            raise BadUpload(f"the file {xet_hash} does not have the SHA-256 {sha256}")
        return XetFile(xet_hash, found, content, terms)

    def reconstruction(self, xet_hash: str, base_url: str, start: int = 0, end: int | None = None) -> dict[str, object]:
        """How to rebuild bytes ``start`` to ``end`` (exclusive) of a file: its terms, and where their chunks lie."""
        wanted, offset, position = [], 0, 0
        for term in self.files[xet_hash].terms:
            first, last = position, position + term.length
            if last > start and (end is None or first < end):
                if not wanted:
                    offset = max(0, start - first)
                wanted.append(term)
            position = last
        fetch: dict[str, list[dict[str, object]]] = {}
        for term in wanted:
            chunks = self.chunks[term.xorb]
            fetch.setdefault(term.xorb, []).append(
                {
                    "range": {"start": term.start, "end": term.end},
                    "url": f"{base_url}/xorbs/{term.xorb}",
                    "url_range": {"start": chunks[term.start].start, "end": chunks[term.end - 1].end - 1},
                }
            )
        terms = [
            {"hash": term.xorb, "unpacked_length": term.length, "range": {"start": term.start, "end": term.end}}
            for term in wanted
        ]
        return {"offset_into_first_range": offset, "terms": terms, "fetch_info": fetch}


def hash_text(raw: bytes) -> str:
    """A 32-byte hash as the protocol writes it: four little-endian 64-bit numbers in hexadecimal."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", raw))


def listed_chunks(listing: bytes) -> list[tuple[str, int]]:
    """Hash and length of the chunks of a xorb, in order; the listing starts with an entry for the xorb itself."""
    entries = range(ENTRY_SIZE, len(listing), ENTRY_SIZE)
    return [(hash_text(listing[at : at + 32]), struct.unpack_from("<I", listing, at + 36)[0]) for at in entries]


def read_shard(
    body: bytes, with_sha256: bool
) -> tuple[list[tuple[str, str | None, tuple[Term, ...]]], dict[str, bytes]]:
    """Hash, SHA-256 (None without) and terms of every file in a shard; and the listing of every xorb."""
    if len(body) < HEADER_SIZE or struct.unpack_from("<Q", body, 32)[0] != SHARD_VERSION:
        raise BadUpload("not a shard of version 2")
    files, position = [], HEADER_SIZE
    while body[position : position + 32] != BOOKEND:
        name = hash_text(body[position : position + 32])
        flags, count = struct.unpack_from("<II", body, position + 32)
        if not flags & FLAG_VERIFICATION or (with_sha256 and not flags & FLAG_METADATA):
            raise BadUpload("a file without verification entries or SHA-256")
        terms = []
        for index in range(1, count + 1):
            entry = position + index * ENTRY_SIZE
            length, start, end = struct.unpack_from("<III", body, entry + 36)
            terms.append(Term(hash_text(body[entry : entry + 32]), start, end, length))
        position += ENTRY_SIZE * (1 + 2 * count)  # the header, the terms and one verification entry a term
        sha256 = None
        if flags & FLAG_METADATA:
            sha256 = hash_text(body[position : position + 32])
            position += ENTRY_SIZE
        files.append((name, sha256, tuple(terms)))
    listings, position = {}, position + ENTRY_SIZE
    while body[position : position + 32] != BOOKEND:
        end = position + ENTRY_SIZE * (1 + struct.unpack_from("<I", body, position + 36)[0])
        listings[hash_text(body[position : position + 32])] = body[position:end]
        position = end
    return files, listings


def write_shard(listings: list[bytes]) -> bytes:
    """A shard that lists xorbs, and no files; its key (zeros) says that the hashes of the chunks are plain."""
    bookend, now = BOOKEND + bytes(ENTRY_SIZE - len(BOOKEND)), int(time.time())
    header = SHARD_TAG + struct.pack("<QQ", SHARD_VERSION, FOOTER_SIZE)
    body = b"".join((header, bookend, *listings, bookend))
    tables = (len(body), 0) * 3  # of files, xorbs and chunks: left out, but the client reads the listings up to them
    offsets = struct.pack("<9Q", FOOTER_VERSION, HEADER_SIZE, HEADER_SIZE + ENTRY_SIZE, *tables)
    return body + offsets + bytes(32) + struct.pack("<QQ72xQ", now, now + KNOWN_FOR, len(body))


def read_chunks(body: bytes) -> list[Chunk]:
    """Every chunk of a serialized xorb; the footer after them, where there is one, starts with ``XETBLOB``."""
    chunks, position = [], 0
    while position < len(body) and body[position : position + 7] != b"XETBLOB":
        if body[position] != 0 or position + 8 > len(body):
            raise BadUpload("a chunk of an unknown version")
        packed = int.from_bytes(body[position + 1 : position + 4], "little")
        scheme = body[position + 4]
        size = int.from_bytes(body[position + 5 : position + 8], "little")
        end = position + 8 + packed
        content = decompress(scheme, body[position + 8 : end])
        if len(content) != size:
            raise BadUpload(f"a chunk of {size} bytes has {len(content)}")
        chunks.append(Chunk(position, end, content))
        position = end
    return chunks


def decompress(scheme: int, data: bytes) -> bytes:
    """The bytes of a chunk."""
    if scheme == UNCOMPRESSED:
        return data
    if scheme == LZ4:
        return lz4_frame(data)
    if scheme == GROUPED_LZ4:
        grouped = lz4_frame(data)
        content, position = bytearray(len(grouped)), 0
        for group in range(4):
            size = len(range(group, len(grouped), 4))
            content[group::4] = grouped[position : position + size]
            position += size
        return bytes(content)
    raise BadUpload(f"an unknown compression scheme {scheme}")


def lz4_frame(data: bytes) -> bytes:
    """Decompress an LZ4 frame (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md)."""
    magic, flags = struct.unpack_from("<IB", data)
    if magic != LZ4_MAGIC:
        raise BadUpload("not an LZ4 frame")
    block_checksum, content_size, dictionary = flags & 0x10, flags & 0x08, flags & 0x01
    position = 7 + (8 if content_size else 0) + (4 if dictionary else 0)
    output = bytearray()
    while size := struct.unpack_from("<I", data, position)[0]:
        position += 4
        stored, size = size >> 31, size & 0x7FFFFFFF
        block = data[position : position + size]
        if stored:
            output += block
        else:
            _lz4_block(block, output)
        position += size + (4 if block_checksum else 0)
    return bytes(output)


def _lz4_block(block: bytes, output: bytearray) -> None:
    """Append one LZ4 block to the output, which its matches may refer back to."""
    position = 0

    def extended(length: int) -> int:
        nonlocal position
        if length == 15:
            while True:
                byte = block[position]
                position += 1
                length += byte
                if byte != 255:
                    break
        return length

    while position < len(block):
        token = block[position]
        position += 1
        literals = extended(token >> 4)
        output += block[position : position + literals]
        position += literals
        if position >= len(block):
            return  # the last sequence has no match
        offset = int.from_bytes(block[position : position + 2], "little")
        position += 2
        length = extended(token & 15) + 4
        start = len(output) - offset
        if offset >= length:
            output += output[start : start + length]
        else:  # the match overlaps what it writes
            for index in range(length):
                output.append(output[start + index])
