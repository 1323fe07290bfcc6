"""Serve the page, and say on standard error whenever it turns to anything but this machine.

``python -m tests.walled MODELS.json PORT [--alone]``: with ``--alone`` it runs in a network namespace of its own, where
there is only the loopback device, which is raised first.
"""

import fcntl
import functools
import json
import socket
import struct
import sys
from pathlib import Path
from typing import Any

SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
LEFT = "LEFT THE MACHINE"


def raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: https://docs.python.org/3/library/audit_events.html"""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else "localhost"  # a path is a socket of this machine
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    if not (name in ("localhost", "::1", "0.0.0.0") or name.startswith("127.")):
        print(LEFT, event, name, file=sys.stderr, flush=True)


def main() -> None:
    models, port, *alone = sys.argv[1:]
    if alone:
        raise_loopback()
    sys.addaudithook(watch)

    from emohub.inference import Classifier
    from emohub.ui import build_demo, launch

    # Most of the models are one, under many names.
    setattr(Classifier, "from_pretrained", functools.cache(Classifier.from_pretrained))  # noqa: B010
    folder = Path(models).parent
    page = build_demo(
        json.loads(Path(models).read_text(encoding="utf-8")),
        cards_dir=folder / "cards",
        feedback=str(folder / "feedback.jsonl"),
    )
    launch(page, port=int(port), mcp=True)


if __name__ == "__main__":
    main()
