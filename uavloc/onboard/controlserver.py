"""The control socket of the running program: a unix socket that only its user may use."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import stat
import time
from pathlib import Path

from uavloc.errors import ConfigError
from uavloc.onboard.control import MAX_LINE_BYTES, answer
from uavloc.onboard.operating import Operator
from uavloc.onboard.stage import Stage

_CLIENTS = 8
_PATIENCE_S = 5.0
_WAIT_S = 0.2
_LONGEST_PATH = 107


class _Client:
    def __init__(self, stream: socket.socket) -> None:
        self.stream, self.data, self.heard_s = stream, b"", time.monotonic()


class ControlServer:
    """Listens on a path from construction to `close`; raises ConfigError naming the field where that cannot be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = _listening(path)
        self._file = path.stat().st_ino
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ, None)

    def serve(self, operator: Operator, stage: Stage) -> None:
        """Answer until the program stops. Who says nothing, or too much, is cut off."""
        while not stage.stopping.is_set():
            for key, _ in self._selector.select(_WAIT_S):
                if key.data is None:
                    self._accept()
                else:
                    self._hear(key.data, operator)
            self._tidy()
            stage.moved()

    def close(self) -> None:
        """Close everything and take the path away, if it is still ours."""
        for client in self._clients():
            self._drop(client)
        self._selector.close()
        self._socket.close()
        with contextlib.suppress(OSError):
            if self.path.stat().st_ino == self._file:
                self.path.unlink()

    def _clients(self) -> list[_Client]:
        return [key.data for key in self._selector.get_map().values() if key.data is not None]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            stream, _ = self._socket.accept()
            if len(self._clients()) >= _CLIENTS:
                stream.close()
                return
            stream.settimeout(1.0)
            self._selector.register(stream, selectors.EVENT_READ, _Client(stream))

    def _hear(self, client: _Client, operator: Operator) -> None:
        try:
            piece = client.stream.recv(MAX_LINE_BYTES)
            client.data, client.heard_s = client.data + piece, time.monotonic()
            *lines, client.data = client.data.split(b"\n")
            for line in lines:
                if len(line) > MAX_LINE_BYTES:
                    piece = b""
                    break
                client.stream.sendall(answer(line, operator))
        except OSError:
            piece = b""
        if not piece or len(client.data) > MAX_LINE_BYTES:
            self._drop(client)

    def _tidy(self) -> None:
        for client in self._clients():
            if time.monotonic() - client.heard_s > _PATIENCE_S:
                self._drop(client)

    def _drop(self, client: _Client) -> None:
        self._selector.unregister(client.stream)
        client.stream.close()


def _listening(path: Path) -> socket.socket:
    """A socket that listens on a path that nobody else listens on; what a killed program left behind is replaced."""
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise ConfigError(f"operator.socket: {path}: is longer than the {_LONGEST_PATH} bytes of a socket's path")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_symlink() or path.exists():
            _remove_left_behind(path)
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(_CLIENTS)
        listener.settimeout(1.0)
    except OSError as error:
        listener.close()
        raise ConfigError(f"operator.socket: {path}: {error.strerror}") from error
    except ConfigError:
        listener.close()
        raise
    return listener


def _remove_left_behind(path: Path) -> None:
    if path.is_symlink() or not stat.S_ISSOCK(path.stat().st_mode):
        raise ConfigError(f"operator.socket: {path}: is there already and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ConfigError(f"operator.socket: {path}: another program listens there")
