"""The onboard program as a process, with its files in one folder."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from program import ENVIRONMENT, Flown, command


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(true: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Wait until something holds; fails where it does not in time."""
    end_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end_s, "did not happen in time"
        time.sleep(0.02)


@dataclass
class Onboard:
    """`uavloc run` on the flight of a test; use it as a context manager."""

    folder: Path
    flown: Flown
    start: str = "none"
    more: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    _writer: threading.Thread | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.pictures.mkdir(exist_ok=True)
        self.config.write_text(
            f"""
[mission]
cache = "{self.flown.cache}"
camera = "{self.flown.log}/camera.json"
start = "{self.start}"
[source]
kind = "folder"
place = "pictures"
[[link]]
url = "udpin:127.0.0.1:{self.port}"
{self.more}
""",
            encoding="utf-8",
        )

    @property
    def config(self) -> Path:
        return self.folder / "uavloc.toml"

    @property
    def pictures(self) -> Path:
        return self.folder / "pictures"

    @property
    def socket(self) -> Path:
        return self.folder / "uavloc.ctl"

    @property
    def said(self) -> str:
        """What it wrote to stderr so far."""
        return (self.folder / "stderr").read_text(encoding="utf-8")

    def __enter__(self) -> Onboard:
        self.process = subprocess.Popen(
            command("run", "--config", self.config, *self.words),
            env={**ENVIRONMENT, **self.environment},
            stderr=subprocess.PIPE,
        )
        self._writer = threading.Thread(target=self._write_down)
        self._writer.start()
        until(lambda: self.socket.exists() and self._answers())
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.kill()
        self.ended()

    def ended(self, timeout_s: float = 10.0) -> int:
        """The exit code, once the process has ended."""
        assert self.process is not None
        code = self.process.wait(timeout_s)
        if self._writer is not None:
            self._writer.join()
        return code

    def ask(self, line: str | bytes | dict[str, Any]) -> dict[str, Any]:
        """One line to the control socket, one back; empty where it was cut off."""
        data = json.dumps(line).encode() if isinstance(line, dict) else line.encode() if isinstance(line, str) else line
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.settimeout(5.0)
            stream.connect(str(self.socket))
            try:
                stream.sendall(data + b"\n")
                with stream.makefile("rb") as answers:
                    answer = answers.readline()
            except OSError:
                return {}
        return json.loads(answer) if answer else {}

    def status(self) -> dict[str, Any]:
        return dict(self.ask({"command": "status"})["status"])

    def _write_down(self) -> None:
        """A pipe as that of a service: a limit of the program's files is none of what it says."""
        assert self.process is not None
        assert self.process.stderr is not None
        with self.process.stderr as said, (self.folder / "stderr").open("ab", buffering=0) as err:
            while piece := said.read1(4096):
                err.write(piece)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.said
        try:
            return bool(self.ask({"command": "status"}))
        except OSError:
            return False
