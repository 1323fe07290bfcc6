"""Many calls of one page at the same time, from a process that does little else; ``demo_load`` starts it.

Each line that it reads is a job as JSON, and each that it writes is what became of it.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Job:
    """Calls to make."""

    port: int
    model: str | None
    """Name of the model that emohub's page is asked for; None for the peer's page, which serves one."""
    texts: list[str]
    """One for each call."""
    together: int
    """Calls at the same time; each of so many visitors makes one after the other."""


@dataclass(frozen=True)
class Outcome:
    """What became of them."""

    seconds: float
    """From the first request to the last answer."""
    latencies: list[float]
    """Seconds of each call, in the order of the texts."""
    answers: list[dict[str, float] | None]
    """The probability of each label, in the order of the texts; None for a call that failed."""


class Connection:
    """A connection that is kept open from one request to the next, as browsers do."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect to this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**20))

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    async def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """The body of the answer.

        Raises:
            ValueError: its status is not 200.
        """
        return b"".join([piece async for piece in self.pieces(method, path, body)])

    async def pieces(self, method: str, path: str, body: bytes = b"") -> AsyncIterator[bytes]:
        """The body of the answer, as it comes; read it to the end.

        Raises:
            ValueError: its status is not 200.
        """
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        status, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines if line)
        if "content-length" in fields:
            yield await self._reader.readexactly(int(fields["content-length"]))
        else:
            while size := int(await self._reader.readuntil(b"\r\n"), 16):
                yield (await self._reader.readexactly(size + 2))[:-2]
            await self._reader.readexactly(2)
        if status.split()[1] != "200":
            raise ValueError(f"{path} answered {status}")


class Visitor:
    """Somebody who asks one of the two pages."""

    def __init__(self, connection: Connection, model: str | None, number: int) -> None:
        self._connection, self._model, self._session = connection, model, f"visitor{number}"

    async def ask(self, text: str) -> bytes:
        """The answer to one text, as it came.

        emohub's endpoint answers at once. The peer is asked through its queue, as its page and Gradio's clients do:
        an event joins the queue, and what becomes of it is read from a stream.
        """
        if self._model is not None:
            body = json.dumps({"data": [text, self._model]}).encode()
            return await self._connection.request("POST", "/gradio_api/run/classify", body)
        event = {"data": [text], "fn_index": 0, "session_hash": self._session}
        await self._connection.request("POST", "/gradio_api/queue/join", json.dumps(event).encode())
        said = b""
        async for piece in self._connection.pieces("GET", f"/gradio_api/queue/data?session_hash={self._session}"):
            said += piece
        return said

    def read(self, said: bytes) -> dict[str, float]:
        """The probabilities in an answer.

        Raises:
            ValueError, LookupError: it holds none.
        """
        if self._model is not None:
            probabilities: dict[str, float] = json.loads(said)["data"][0]["probabilities"]
            return probabilities
        events = [json.loads(line[len("data: ") :]) for line in said.decode().splitlines() if line.startswith("data: ")]
        done = next(event for event in events if event["msg"] == "process_completed")
        return {each["label"]: each["confidence"] for each in done["output"]["data"][0]["confidences"]}


async def run(job: Job) -> Outcome:
    """Make the calls of a job; what was answered is looked at after the last."""
    connections = [await Connection.open(job.port) for _ in range(job.together)]
    visitors = [Visitor(connection, job.model, number) for number, connection in enumerate(connections)]
    latencies, said = [0.0] * len(job.texts), [b""] * len(job.texts)

    async def visit(number: int) -> None:
        for call in range(number, len(job.texts), job.together):
            began = time.perf_counter()
            try:
                said[call] = await visitors[number].ask(job.texts[call])
            except (OSError, EOFError, ValueError):
                return  # and the calls that were to come fail with it
            finally:
                latencies[call] = time.perf_counter() - began

    began = time.perf_counter()
    await asyncio.gather(*map(visit, range(job.together)))
    seconds = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return Outcome(seconds, latencies, [answer_in(visitors[0], each) for each in said])


def answer_in(visitor: Visitor, said: bytes) -> dict[str, float] | None:
    """The probabilities, or None."""
    try:
        return visitor.read(said)
    except (ValueError, LookupError, TypeError, StopIteration):
        return None


def main() -> None:
    """Do the jobs that come in."""
    for line in sys.stdin:
        fields: dict[str, Any] = json.loads(line)
        print(json.dumps(asdict(asyncio.run(run(Job(**fields))))), flush=True)


if __name__ == "__main__":
    main()
