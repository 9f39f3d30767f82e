"""Whether the clocks of this machine go right: set, steady, never backwards."""

from __future__ import annotations

import ctypes
import time
from datetime import datetime, timezone
from pathlib import Path

from uavloc.doctor.facts import Facts, line
from uavloc.doctor.finding import Finding, ok, warn

_LOOK_S = 0.5
_JUMP_MS = 20.0
_BUILT = datetime(2026, 1, 1, tzinfo=timezone.utc)
_GOOD_SOURCES = {"tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page", "xen"}
_ERROR = 5
_TIMEX_BYTES = 208


class Clocks(Facts):
    """`jump_ms` is by how much the wall clock moved against the monotonic one while both were watched.

    `synchronised` is what the kernel says of NTP or PTP, None where it does not tell; `backwards` counts readings of
    the monotonic clock that were earlier than the one before.
    """

    wall_s: float
    jump_ms: float
    backwards: int
    synchronised: bool | None
    source: str


def look_clock(root: str = "/") -> Clocks:
    """Watch both clocks for half a second."""
    before_ns, end_s = time.time_ns() - time.monotonic_ns(), time.monotonic() + _LOOK_S
    backwards, last_ns = 0, time.monotonic_ns()
    while time.monotonic() < end_s:
        now_ns = time.monotonic_ns()
        backwards += now_ns < last_ns
        last_ns = now_ns
        time.sleep(0.001)
    return Clocks(
        wall_s=time.time(),
        jump_ms=(time.time_ns() - time.monotonic_ns() - before_ns) * 1e-6,
        backwards=backwards,
        synchronised=_synchronised(),
        source=line(Path(root) / "sys/devices/system/clocksource/clocksource0/current_clocksource")[:40],
    )


def clock_findings(clocks: Clocks) -> list[Finding]:
    """Nothing here stops a flight: its clock is the monotonic one. Names of recordings and the age of maps suffer."""
    told = f"{datetime.fromtimestamp(clocks.wall_s, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    found = []
    if clocks.backwards:
        found.append(warn("clock", "the monotonic clock went backwards", "take another clock source (kernel option)"))
    if clocks.source and clocks.source not in _GOOD_SOURCES:
        found.append(
            warn("clock", f"clock source {clocks.source} is slow", "boot with a stable tsc or arch_sys_counter")
        )
    set_it = "connect to a network once (timedatectl set-ntp true), or fit a battery to the clock"
    if clocks.wall_s < _BUILT.timestamp():
        found.append(warn("clock", f"it is not {told}: the wall clock was never set", set_it))
    elif abs(clocks.jump_ms) > _JUMP_MS:
        what = f"the wall clock was moved by {clocks.jump_ms:.0f} ms just now"
        found.append(warn("clock", what, "wait until it is set"))
    elif clocks.synchronised is False:
        found.append(warn("clock", f"{told}, not synchronised (NTP)", set_it))
    known = "synchronised" if clocks.synchronised else "whether synchronised is not told"
    return found or [ok("clock", f"{told}, {known}")]


def _synchronised() -> bool | None:
    """What adjtimex(2) says when it is asked to change nothing."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else bool(state != _ERROR)
