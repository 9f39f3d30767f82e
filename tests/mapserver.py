"""A real map server on this machine, with faults: tests tell it what to answer, and read what it was asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PNG, JPEG = "image/png", "image/jpeg"


@dataclass(frozen=True)
class Reply:
    """What is answered. `sent` bytes of the body are sent before the connection is dropped; all where it is None."""

    body: bytes = b""
    status: int = 200
    kind: str = PNG
    headers: dict[str, str] = field(default_factory=dict)
    sent: int | None = None
    wait_s: float = 0.0
    chunked: bool = False
    tell_length: bool = True
    trickle_s: float = 0.0


@dataclass(frozen=True)
class Asked:
    """A request: its path with query, its headers, when it came, and the port of the connection it came on."""

    path: str
    headers: dict[str, str]
    at_s: float
    port: int


Answer = Callable[[str], Reply]


@dataclass
class MapServer:
    """`answer` gives the reply for a path; `asked` are the requests so far."""

    url: str
    answer: Answer
    asked: list[Asked] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


def in_turn(*replies: Reply) -> Answer:
    """One reply after the other, the last one for ever."""
    left = list(replies)
    return lambda path: left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def serving(answer: Answer) -> Iterator[MapServer]:
    """A server while it is needed."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.asked.append(Asked(self.path, dict(self.headers), time.monotonic(), self.client_address[1]))
            reply = server.answer(self.path)
            time.sleep(reply.wait_s)
            try:
                self._send(reply)
            except OSError:
                self.close_connection = True

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.kind)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            elif reply.tell_length:
                self.send_header("Content-Length", str(len(reply.body)))
            else:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            body = reply.body if reply.sent is None else reply.body[: reply.sent]
            if reply.chunked:
                body = b"%x\r\n%s\r\n" % (len(reply.body), body) + (b"0\r\n\r\n" if reply.sent is None else b"")
            step = 1 if reply.trickle_s else max(1, len(body))
            for start in range(0, len(body), step):
                self.wfile.write(body[start : start + step])
                self.wfile.flush()
                time.sleep(reply.trickle_s)
            if reply.sent is not None:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server = MapServer(f"http://127.0.0.1:{http.server_port}", answer)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
