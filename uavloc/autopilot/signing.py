"""MAVLink 2 signing: https://mavlink.io/en/guide/message_signing.html

Time stamps count 10 us since 2015 and only ever grow, over restarts as well: the newest ones are kept beside the key.
A machine that wakes up in 1970 signs on from where it was, and a packet recorded before a restart stays old.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import threading
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from uavloc.autopilot.packets import SIGNATURE_BYTES, Packet
from uavloc.errors import InputError, UavlocError
from uavloc.files import write_atomic

_EPOCH_2015_NS = 1_420_070_400_000_000_000
_TICK_NS = 10_000
_MINUTE = 60 * 10**9 // _TICK_NS
_AHEAD = 5 * _MINUTE
"""Stamps are reserved on disk this far ahead, so that a crash never lets one be used twice."""
_SAVE_EVERY = _MINUTE // 6
_MAX_STREAMS = 64
_LATEST = (1 << 48) - 1

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is on disk: the stamp reserved for sending, the newest time known, the newest stamp of each sender."""

    sent: int
    seen: int
    streams: dict[str, int]


class Verdict(Enum):
    """What became of the signature of a packet."""

    GOOD = "good"
    UNSIGNED = "unsigned"
    FORGED = "forged"
    REPLAYED = "replayed"


def load_key(path: Path) -> bytes:
    """The key of 32 bytes in a file of 64 hex digits that only its owner may read; raises InputError."""
    try:
        if not path.is_file():
            raise InputError(f"{path}: no such key file")
        if path.stat().st_mode & 0o077:
            raise InputError(f"{path}: others may read this key: chmod 600")
        with path.open("rb") as file:
            text = file.read(1024).decode("ascii", "replace").strip()
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot read the key: {error}") from error
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise InputError(f"{path}: not a key of MAVLink signing: 64 hex digits and nothing else")
    return bytes.fromhex(text)


class Signing:
    """Stamps what is sent, judges what comes, and keeps the stamps of both. Not thread-safe."""

    def __init__(self, key: bytes, state: Path) -> None:
        """Raises InputError for a state file that cannot be read: without it old packets would pass as new."""
        self._key, self._state = key, state
        self._kept = _load(state)
        self._sent, self._seen, self._streams = self._kept.sent, self._kept.seen, dict(self._kept.streams)
        self._saving = threading.Lock()

    @property
    def key(self) -> bytes:
        """The secret."""
        return self._key

    def stamp(self, now_ns: int) -> int:
        """The time for the next packet, greater than all before; `now_ns` is Unix time."""
        self._sent = min(max(_ticks(now_ns), self._seen, self._sent + 1), _LATEST)
        return self._sent

    def judge(self, packet: Packet, now_ns: int) -> Verdict:
        """Whether a packet is signed with our key and newer than all of its sender before.

        The stamp of a sender moves on only with a signature that is right. A sender not heard before may be at most a
        minute behind our own time.
        """
        if not packet.signed:
            return Verdict.UNSIGNED
        block = packet.raw[-SIGNATURE_BYTES:]
        wanted = hashlib.sha256(self._key + packet.raw[:-6]).digest()[:6]
        if not hmac.compare_digest(wanted, block[-6:]):
            return Verdict.FORGED
        self._seen = max(self._seen, _ticks(now_ns))
        stamp = int.from_bytes(block[1:7], "little")
        stream = f"{block[0]}/{packet.system}/{packet.component}"
        if stamp <= self._streams.get(stream, self._seen - _MINUTE - 1):
            return Verdict.REPLAYED
        if stream not in self._streams and len(self._streams) >= _MAX_STREAMS:
            return Verdict.REPLAYED
        self._streams[stream] = stamp
        self._seen = max(self._seen, stamp)
        return Verdict.GOOD

    def save_if_due(self) -> None:
        """Keep the stamps when it is time to, in a thread of its own: a slow disk holds nothing up."""
        if self._seen - self._kept.seen >= _SAVE_EVERY or self._sent >= self._kept.sent:
            self._kept = _Kept(min(self._sent + _AHEAD, _LATEST), self._seen, dict(self._streams))
            threading.Thread(target=self._write, args=(self._kept,), name="uavloc-signing", daemon=True).start()

    def close(self) -> None:
        """Keep the stamps as they are."""
        self._write(_Kept(self._sent, self._seen, dict(self._streams)))

    def _write(self, kept: _Kept) -> None:
        content = json.dumps({"sent": kept.sent, "seen": kept.seen, "streams": kept.streams}, indent=1).encode()
        with self._saving:
            try:
                write_atomic(self._state, content)
            except UavlocError as error:
                _log.warning("signing goes on, but its time stamps are not kept: %s", error)


def _ticks(now_ns: int) -> int:
    return max((now_ns - _EPOCH_2015_NS) // _TICK_NS, 0)


def _load(state: Path) -> _Kept:
    try:
        if not state.exists():
            return _Kept(0, 0, {})
        with state.open("rb") as file:
            read = json.loads(file.read(1 << 16))
        kept = _Kept(read["sent"], read["seen"], dict(read["streams"]))
        stamps = [kept.sent, kept.seen, *kept.streams.values()]
        if not all(type(stamp) is int and 0 <= stamp <= _LATEST for stamp in stamps) or len(stamps) > _MAX_STREAMS + 2:
            raise ValueError("a time stamp is out of range")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{state}: not the time stamps of signed links; remove it only with a new key") from error
    return kept
