"""Where the monitor listens, and the secret that it asks for there."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from uavloc.errors import ConfigError, MissingExtraError
from uavloc.flightconfig import MonitorConfig

_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")
_WAITING = 32


@dataclass(frozen=True)
class Listening:
    """An open socket that listens; `secret` is None where none is asked for."""

    socket: socket.socket
    address: IPv4Address | IPv6Address
    port: int
    secret: str | None

    @property
    def url(self) -> str:
        """What a browser on this machine opens."""
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"http://{host}:{self.port}/"

    def close(self) -> None:
        """Listen no more."""
        self.socket.close()


def listening(config: MonitorConfig) -> Listening:
    """Listen where a configuration says; raises ConfigError that names the field, MissingExtraError."""
    _check_installed()
    address, port = _parsed(config.listen)
    secret = read_secret(Path(config.token)) if config.token else None
    if secret is None and not address.is_loopback:
        raise ConfigError(
            f"monitor.listen: {config.listen}: others can reach this address: name a file with a secret in "
            "monitor.token, or listen on 127.0.0.1"
        )
    opened = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((str(address), port))
        opened.listen(_WAITING)
    except OSError as error:
        opened.close()
        raise ConfigError(f"monitor.listen: {config.listen}: {error.strerror}") from error
    return Listening(opened, address, int(opened.getsockname()[1]), secret)


def read_secret(path: Path) -> str:
    """The secret in a file that only its owner may read; raises ConfigError."""
    try:
        if not path.is_file():
            raise ConfigError(f"monitor.token: {path}: no such file")
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"monitor.token: {path}: others may read this secret: chmod 600")
        with path.open("rb") as file:
            text = file.read(1024).decode("ascii", "replace").strip()
    except OSError as error:
        raise ConfigError(f"monitor.token: {path}: cannot be read: {error.strerror}") from error
    if not _SECRET.fullmatch(text):
        raise ConfigError(f"monitor.token: {path}: is not one word of 16 to 256 letters, digits, - and _")
    return text


def _check_installed() -> None:
    """Raise MissingExtraError where a package of the extra is missing."""
    for name in ("prometheus_client", "starlette", "uvicorn", "websockets"):
        if find_spec(name) is None:
            raise MissingExtraError(name, "monitor")


def _parsed(text: str) -> tuple[IPv4Address | IPv6Address, int]:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        address = ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ConfigError(f"monitor.listen: '{text}' is not HOST:PORT, such as 127.0.0.1:8440")
    return address, int(port)
