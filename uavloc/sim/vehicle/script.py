"""What goes wrong, and when: `NAME@T` or `NAME@T+DURATION`, in seconds of the flight."""

from __future__ import annotations

import re
from dataclasses import dataclass

from uavloc.errors import UsageError

FAULTS: dict[str, tuple[float, str]] = {
    "link-cut": (10.0, "nothing is sent and nothing received"),
    "reboot": (5.0, "the autopilot is silent, then its clock, streams, origin and source set are as at boot"),
    "clock-jump": (30.0, "the autopilot's clock jumps ahead by DURATION"),
    "loss30": (30.0, "of all packets, both ways, 30 % are lost and some come late"),
    "foreign": (10.0, "another vehicle (system 42) talks on the same link"),
    "unsigned": (10.0, "somebody without the key talks in the autopilot's name"),
    "replayed": (10.0, "packets of five seconds ago come again"),
    "nan": (10.0, "the autopilot sends NaN and absurd numbers between the good ones"),
    "camera-cut": (10.0, "the camera is unplugged"),
    "camera-frozen": (10.0, "the camera repeats one picture"),
    "camera-black": (10.0, "the camera sends black pictures"),
    "gps-back": (30.0, "GPS is good again"),
}
"""Name of every fault: how long it lasts unless said, and what it does."""

_FORM = re.compile(r"([a-z0-9-]+)@(\d+(?:\.\d+)?)(?:\+(\d+(?:\.\d+)?))?")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault from `start_s` for `duration_s`."""

    name: str
    start_s: float
    duration_s: float

    @property
    def end_s(self) -> float:
        """When it is over."""
        return self.start_s + self.duration_s


@dataclass(frozen=True, slots=True)
class Script:
    """All faults of a flight."""

    faults: tuple[Fault, ...] = ()

    def active(self, name: str, t_s: float) -> bool:
        """Whether a fault of that name is on."""
        return any(fault.name == name and fault.start_s <= t_s < fault.end_s for fault in self.faults)

    def begun(self, name: str, from_s: float, to_s: float) -> list[Fault]:
        """Faults of that name that begin after `from_s` and not after `to_s`."""
        return [fault for fault in self.faults if fault.name == name and from_s < fault.start_s <= to_s]


def fault_of(text: str) -> Fault:
    """One fault as it is written; raises UsageError."""
    form = _FORM.fullmatch(text)
    if form is None or len(text) > 60:
        raise UsageError(f"fault: {text[:60]!r} is not NAME@SECONDS or NAME@SECONDS+DURATION")
    if form[1] not in FAULTS:
        raise UsageError(f"fault: unknown {form[1]!r}: choose from {', '.join(FAULTS)}")
    return Fault(form[1], float(form[2]), float(form[3]) if form[3] else FAULTS[form[1]][0])
