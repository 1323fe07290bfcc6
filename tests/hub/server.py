"""The HTTP server in front of the Hub."""

import json
import os
import select
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from huggingface_hub.utils._xet import abort_xet_session

from tests.hub.hub import Hub
from tests.hub.messages import Request

PATIENCE = 30
"""Seconds that a slow answer waits for its client to give up."""


class Handler(BaseHTTPRequestHandler):
    """Reads a request, asks the Hub, and writes its reply."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together, or the client's delayed acknowledgement costs 40 ms each time
    server: "Server"

    def handle_request(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(parts.query, keep_blank_values=True)
        request = Request(self.command, parts.path, query, headers, b"")
        struck = self.server.hub.struck(request)
        if any(fault.half for fault in struck):
            self.server.hub.requests.append(request)
            self._reset()
            return
        reply = self.server.hub.answer(replace(request, body=self._body()), struck)
        if any(fault.slow for fault in struck):
            select.select([self.connection], [], [], PATIENCE)  # what can be read is the end of the connection
            reply = None
        if reply is None:
            self.close_connection = True
            return
        is_bytes = isinstance(reply.body, bytes)
        body = reply.body if is_bytes else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        kind = "application/octet-stream" if is_bytes else "application/json; charset=utf-8"
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(body))} | reply.headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_request

    def _reset(self) -> None:
        """Read half of the body, and break the connection off."""
        self.rfile.read1(max(1, int(self.headers.get("Content-Length", 2)) // 2))
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.connections.discard(self.connection)
        self.connection.close()
        self.close_connection = True

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, format: str, *arguments: Any) -> None:
        """Keep the test's output quiet."""


class Server(ThreadingHTTPServer):
    """The HTTP server of one Hub; it closes the connections that clients keep open when it stops."""

    daemon_threads = True

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.hub = hub
        self.connections: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that its client closed is no error of the server."""


@contextmanager
def _own_xet_cache() -> Iterator[None]:
    """Nothing that Xet's client remembers of another Hub, which may have had the same address."""
    with tempfile.TemporaryDirectory(prefix="emohub-xet-", ignore_cleanup_errors=True) as folder:
        before = os.environ.get("HF_XET_CACHE")
        os.environ["HF_XET_CACHE"] = folder
        abort_xet_session()
        try:
            yield
        finally:
            abort_xet_session()
            if before is None:
                os.environ.pop("HF_XET_CACHE", None)  # a test may have taken it back itself
            else:
                os.environ["HF_XET_CACHE"] = before


@contextmanager
def serve_hub() -> Iterator[Hub]:
    """A running Hub, empty but for its address."""
    hub = Hub()
    server = Server(hub)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        with _own_xet_cache():
            yield hub
    finally:
        server.shutdown()
        thread.join()
        for connection in list(server.connections):
            server.shutdown_request(connection)
        server.server_close()
