"""Packets on their way from any thread to the thread of a link."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque

from uavloc.autopilot.dialect import Codec, Message
from uavloc.autopilot.signing import Signing
from uavloc.clock import Clock

_MOST = 256
_OLD_S = 0.5
"""What waited longer than this, because the program was not let run, says no more where the vehicle is."""


class Outbox:
    """Numbers and signs packets in the order they are sent in. Bounded: where it is full the oldest goes."""

    def __init__(self, codec: Codec, signing: Signing | None, clock: Clock) -> None:
        self._codec, self._signing, self._clock = codec, signing, clock
        self._packets: deque[tuple[float, bytes]] = deque()
        self._lock = threading.Lock()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.unsent = 0

    def fileno(self) -> int:
        """Descriptor that becomes readable when there is something, or `rouse` was called."""
        return self._wake

    def post(self, message: Message) -> None:
        """Put a message in; never waits."""
        with self._lock:
            stamp = 0 if self._signing is None else self._signing.stamp(self._clock.now_ns())
            self._packets.append((time.monotonic(), self._codec.encode(message, stamp)))
            if len(self._packets) > _MOST:
                self._packets.popleft()
                self.unsent += 1
        self.rouse()

    def rouse(self) -> None:
        """Wake the thread that waits."""
        with self._lock, contextlib.suppress(BlockingIOError):
            if self._wake >= 0:
                os.eventfd_write(self._wake, 1)

    def settle(self) -> None:
        """Wait again from now on."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake)

    def take(self) -> list[bytes]:
        """All packets out of the box, without those that waited too long."""
        with self._lock:
            packets = list(self._packets)
            self._packets.clear()
        fresh_s = time.monotonic() - _OLD_S
        fresh = [packet for posted_s, packet in packets if posted_s >= fresh_s]
        self.unsent += len(packets) - len(fresh)
        return fresh

    def close(self) -> None:
        """Let go of the descriptor."""
        with self._lock:
            if self._wake >= 0:
                os.close(self._wake)
            self._wake = -1
