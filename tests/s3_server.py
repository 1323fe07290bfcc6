"""The part of S3 that pyarrow's client asks for, on the loopback: one bucket in memory, no credentials checked."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

DATE = ("Wed, 01 Jan 2025 00:00:00 GMT", "2025-01-01T00:00:00.000Z")
"""When every object was written, as a header and in a listing."""


@dataclass
class Bucket:
    """Objects by key, and how a client reaches them."""

    name: str
    port: int = 0
    objects: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    """What was uploaded so far of each upload that is not complete."""

    def address(self, folder: str) -> str:
        """The address of a folder in the bucket; the secret in it must be shown nowhere."""
        return (
            f"s3://AKIAEXAMPLE:verysecret@{self.name}/{folder}"
            f"?scheme=http&endpoint_override=127.0.0.1:{self.port}&region=us-east-1"
        )


@contextmanager
def serve_s3() -> Iterator[Bucket]:
    """A bucket for as long as it is used."""
    bucket = Bucket("texts")
    handler = type("Handler", (_Handler,), {"bucket": bucket})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        bucket.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield bucket
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bucket: Bucket

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._object()

    def do_GET(self) -> None:
        if "list-type" in self._query or "prefix" in self._query:
            self._list()
        else:
            self._object()

    def do_PUT(self) -> None:
        content = self._body()
        if "uploadId" in self._query:
            self.bucket.parts[self._key][int(self._query["partNumber"])] = content
        elif self._key:
            self.bucket.objects[self._key] = content
        self._reply(200, headers={"ETag": _etag(content)})

    def do_POST(self) -> None:
        self._body()
        if "uploads" in self._query:
            self.bucket.parts[self._key] = {}
            self._reply(200, "<Result><UploadId>u1</UploadId></Result>")
        else:
            parts = self.bucket.parts.pop(self._key)
            self.bucket.objects[self._key] = b"".join(parts[number] for number in sorted(parts))
            self._reply(200, "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>")

    @property
    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix(f"/{self.bucket.name}").lstrip("/")

    @property
    def _query(self) -> dict[str, str]:
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        return {name: values[0] for name, values in query.items()}

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("transfer-encoding", ""):
            body = b"".join(iter(lambda: self._chunk(self.rfile.readline()), b""))
        else:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
        return _unwrapped(body) if "aws-chunked" in self.headers.get("content-encoding", "") else body

    def _chunk(self, size: bytes) -> bytes:
        content = self.rfile.read(int(size, 16))
        self.rfile.readline()
        return content

    def _object(self) -> None:
        content = self.bucket.objects.get(self._key)
        if content is None:
            known = not self._key
            self._reply(200 if known else 404)
            return
        start, end = 0, len(content) - 1
        asked = self.headers.get("range", "")
        if asked:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last or end), end)
        self._reply(
            206 if asked else 200,
            content[start : end + 1],
            headers={
                "ETag": _etag(content),
                "Last-Modified": DATE[0],
                **({"Content-Range": f"bytes {start}-{end}/{len(content)}"} if asked else {}),
            },
        )

    def _list(self) -> None:
        prefix, delimiter = self._query.get("prefix", ""), self._query.get("delimiter", "")
        keys = [key for key in sorted(self.bucket.objects) if key.startswith(prefix)]
        folders = {prefix + key[len(prefix) :].split("/")[0] + "/" for key in keys if "/" in key[len(prefix) :]}
        if delimiter:
            keys = [key for key in keys if "/" not in key[len(prefix) :]]
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.bucket.objects[key])}</Size>"
            f"<LastModified>{DATE[1]}</LastModified><ETag>{_etag(self.bucket.objects[key])}</ETag></Contents>"
            for key in keys
        )
        common = "".join(
            f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>"
            for folder in (sorted(folders) if delimiter else ())
        )
        self._reply(
            200,
            f"<ListBucketResult><Name>{self.bucket.name}</Name><IsTruncated>false</IsTruncated>"
            f"<KeyCount>{len(keys)}</KeyCount>{contents}{common}</ListBucketResult>",
        )

    def _reply(self, status: int, body: str | bytes = b"", headers: dict[str, str] | None = None) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def _unwrapped(body: bytes) -> bytes:
    """The content of a body in chunks of its own, with checksums at the end."""
    content = b""
    while body:
        head, _, body = body.partition(b"\r\n")
        size = int(head.split(b";")[0], 16)
        if size == 0:
            return content
        content, body = content + body[:size], body[size + 2 :]
    return content
