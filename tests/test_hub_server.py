"""The loopback Hub checks what it is sent, so that a test that passes against it says something."""

import base64
import hashlib
import json
import struct
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.hub import Hub, serve_hub
from tests.hub.xet_store import BadUpload, XetStore, decompress, lz4_frame, read_shard

CONTENT = b"weights" * 1000
OID = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve_hub() as hub:
        hub.add_user("hf_ada", "ada")
        hub.add_user("hf_bob", "bob")
        hub.add_repo("ada/m", private=True)
        yield hub


def ask(hub: Hub, method: str, path: str, body: Any = None, token: str | None = "hf_ada") -> tuple[int, bytes]:
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{hub.url}{path}", data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def commit_body(*operations: tuple[str, dict[str, Any]], parent: str | None = None) -> bytes:
    header = {"summary": "test", "description": ""} | ({"parentCommit": parent} if parent else {})
    lines = [{"key": "header", "value": header}, *({"key": key, "value": value} for key, value in operations)]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def test_a_private_repository_is_hidden_from_everybody_else(hub: Hub) -> None:
    assert ask(hub, "GET", "/api/models/ada/m")[0] == 200
    assert ask(hub, "GET", "/api/models/ada/m", token="hf_bob")[0] == 404
    assert ask(hub, "GET", "/api/models/ada/m", token=None)[0] == 401
    assert ask(hub, "GET", "/api/whoami-v2", token="hf_unknown")[0] == 401


def test_only_the_owner_writes_and_others_propose(hub: Hub) -> None:
    hub.repos["ada/m"].private = False
    body = commit_body(("file", {"path": "a", "content": base64.b64encode(b"a").decode()}))
    assert ask(hub, "POST", "/api/models/ada/m/commit/main", body, token="hf_bob")[0] == 403
    assert ask(hub, "POST", "/api/models/ada/m/commit/main?create_pr=1", body, token="hf_bob")[0] == 200
    assert "a" not in hub.repos["ada/m"].head.files
    assert ask(hub, "POST", "/api/repos/create", {"name": "x", "organization": "ada"}, token="hf_bob")[0] == 403


def test_a_commit_on_an_old_parent_is_refused(hub: Hub) -> None:
    first = hub.repos["ada/m"].head.oid
    file = ("file", {"path": "a", "content": base64.b64encode(b"a").decode()})
    assert ask(hub, "POST", "/api/models/ada/m/commit/main", commit_body(file, parent=first))[0] == 200
    assert ask(hub, "POST", "/api/models/ada/m/commit/main", commit_body(file, parent=first))[0] == 412


@pytest.mark.parametrize(
    "operation",
    [
        ("file", {"path": "../a", "content": ""}),
        ("file", {"path": "a", "content": "no base64!"}),
        ("file", {"path": "model.safetensors", "content": ""}),
        ("lfsFile", {"path": "model.safetensors", "algo": "sha256", "oid": OID, "size": len(CONTENT)}),
        ("somethingElse", {"path": "a"}),
    ],
)
def test_an_operation_that_does_not_hold_is_refused_whole(hub: Hub, operation: tuple[str, dict[str, Any]]) -> None:
    good = ("file", {"path": "good", "content": ""})
    assert ask(hub, "POST", "/api/models/ada/m/commit/main", commit_body(good, operation))[0] == 400
    assert set(hub.repos["ada/m"].head.files) == {".gitattributes"}


def test_a_large_file_must_arrive_as_it_was_announced(hub: Hub) -> None:
    asked = {
        "operation": "upload",
        "transfers": ["basic"],
        "hash_algo": "sha256",
        "ref": {"name": "main"},
        "objects": [{"oid": OID, "size": len(CONTENT)}],
    }
    status, answer = ask(hub, "POST", "/ada/m.git/info/lfs/objects/batch", asked)
    address = json.loads(answer)["objects"][0]["actions"]["upload"]["href"].removeprefix(hub.url)
    assert status == 200
    assert ask(hub, "PUT", address, CONTENT[:-1], token=None)[0] == 400
    assert ask(hub, "PUT", address, CONTENT)[0] == 403  # an upload address takes no token
    assert ask(hub, "PUT", address, CONTENT, token=None)[0] == 200
    batch = json.loads(ask(hub, "POST", "/ada/m.git/info/lfs/objects/batch", asked)[1])
    assert "actions" not in batch["objects"][0]
    lfs = ("lfsFile", {"path": "model.safetensors", "algo": "sha256", "oid": OID, "size": len(CONTENT)})
    assert ask(hub, "POST", "/api/models/ada/m/commit/main", commit_body(lfs))[0] == 200
    assert ask(hub, "GET", "/ada/m/resolve/main/model.safetensors") == (200, CONTENT)
    assert ask(hub, "GET", "/ada/m/resolve/main/nothing")[0] == 404
    assert ask(hub, "GET", "/ada/m/resolve/nothing/model.safetensors")[0] == 404


def xorb(*chunks: bytes) -> bytes:
    """Chunks as they are, uncompressed."""
    headers = [b"\0" + len(chunk).to_bytes(3, "little") + b"\0" + len(chunk).to_bytes(3, "little") for chunk in chunks]
    return b"".join(header + chunk for header, chunk in zip(headers, chunks, strict=True))


def listing(*lengths: int) -> bytes:
    """The xorb whose hash is all ones; the hashes of its chunks are all 16, all 17 and so on."""
    head = b"\1" * 32 + struct.pack("<IIII", 0, len(lengths), sum(lengths), 0)
    return head + b"".join(bytes([16 + i]) * 32 + struct.pack("<IIQ", 0, length, 0) for i, length in enumerate(lengths))


def shard(sha256: str, length: int, end: int, flags: int = 3 << 30, listing: bytes = b"") -> bytes:
    """One file of chunks 0 to ``end`` of the xorb whose hash is all ones."""
    head = b"\0" * 32 + struct.pack("<QQ", 2, 0)
    file = b"\2" * 32 + struct.pack("<II", flags, 1) + bytes(8)
    term = b"\1" * 32 + struct.pack("<IIII", 0, length, 0, end)
    stated = b"".join(bytes.fromhex(sha256)[index : index + 8][::-1] for index in range(0, 32, 8)) + bytes(16)
    bookend = b"\xff" * 32 + bytes(16)
    return head + file + term + bytes(48) + stated + bookend + listing + bookend


def test_a_shard_must_agree_with_its_xorbs_and_its_hash() -> None:
    store, parts = XetStore(), (b"first ", b"second")
    sha256 = hashlib.sha256(b"".join(parts)).hexdigest()
    with pytest.raises(BadUpload, match="was not uploaded"):
        store.add_shard(shard(sha256, 12, 2))
    assert store.add_xorb("01" * 32, xorb(*parts))
    assert not store.add_xorb("01" * 32, xorb(*parts))
    for wrong, message in (
        (shard(sha256, 11, 2), "a term of 11 bytes"),
        (shard("0" * 64, 12, 2), "does not have the SHA-256"),
        (shard(sha256, 12, 2, flags=1 << 31), "without verification entries or SHA-256"),
        (shard(sha256, 12, 2, listing=listing(6, 7)), "does not fit its chunks"),
        (b"nothing", "not a shard"),
    ):
        with pytest.raises(BadUpload, match=message):
            store.add_shard(wrong)
    assert store.files == {}
    (file,) = store.add_shard(shard(sha256, 12, 2))
    assert file.content == b"first second"
    answer = store.reconstruction(file.xet_hash, "http://hub", 8)
    assert answer["offset_into_first_range"] == 8


def test_the_first_chunk_of_a_file_leads_to_the_chunks_of_its_xorb_once_a_shard_registered_them() -> None:
    store, sha256 = XetStore(), hashlib.sha256(b"first second").hexdigest()
    store.add_xorb("01" * 32, xorb(b"first ", b"second"))
    assert store.known_chunks("10" * 32) is None
    store.add_shard(shard(sha256, 12, 2, listing=listing(6, 6)))
    assert store.known_chunks("11" * 32) is None  # not the first
    known = store.known_chunks("10" * 32)
    assert known is not None
    assert read_shard(known, True) == ([], {"01" * 32: listing(6, 6)})
    (cas_info,) = struct.unpack_from("<Q", known[-200:], 16)
    (footer,) = struct.unpack_from("<Q", known[-8:])
    assert known[cas_info : footer - 48] == listing(6, 6)
    assert len(known) - footer == 200


def test_lz4_frames_of_matches_and_stored_blocks_are_read() -> None:
    head = struct.pack("<IBBB", 0x184D2204, 0x60, 0x40, 0)
    overlapping = bytes([0x1B]) + b"a" + struct.pack("<H", 1) + bytes([0x10]) + b"b"  # 'a', 15 times more, then 'b'
    block = struct.pack("<I", len(overlapping)) + overlapping
    stored = struct.pack("<I", 3 | 1 << 31) + b"xyz"
    assert lz4_frame(head + block + stored + bytes(4)) == b"a" * 16 + b"bxyz"
    grouped = struct.pack("<I", 6 | 1 << 31) + b"aebfcd"  # positions 0 4, 1 5, 2, 3
    assert decompress(2, head + grouped + bytes(4)) == b"abcdef"
    with pytest.raises(BadUpload, match="compression scheme"):
        decompress(9, b"")
