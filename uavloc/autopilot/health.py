"""How a link does: what a status line shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refused:
    """How many packets were not believed, by reason.

    `foreign`: of another system or component; `unsigned`, `forged` (wrong signature), `replayed` (older than one that
    came before): on a signed link; `malformed`: bytes that are no MAVLink; `absurd`: NaN or a value no vehicle has;
    `odd`: stamped more than a second before, or a minute after, what came before.
    """

    foreign: int = 0
    unsigned: int = 0
    forged: int = 0
    replayed: int = 0
    malformed: int = 0
    absurd: int = 0
    odd: int = 0


@dataclass(frozen=True, slots=True)
class LinkHealth:
    """A snapshot of one link.

    `connected`: the vehicle was heard within 3 s; `heartbeat_age_s` is None before the first heartbeat; `lost_share`
    counts gaps in the packet numbers of the last seconds; `synced`, `clock_offset_ns` (ours minus the vehicle's) and
    `clock_std_ns` are of the clock model; `unsent` counts what was thrown away because the link was closed or full,
    or the program was not let run in time; `trouble` is why it cannot be opened now.
    """

    url: str
    connected: bool = False
    heartbeat_age_s: float | None = None
    received: int = 0
    lost_share: float = 0.0
    refused: Refused = Refused()
    synced: bool = False
    clock_offset_ns: int | None = None
    clock_std_ns: int | None = None
    reconnects: int = 0
    reboots: int = 0
    unsent: int = 0
    trouble: str = ""
