"""How warm the machine is, against the limits that the kernel holds for it (/sys/class/thermal)."""

from __future__ import annotations

from pathlib import Path

from uavloc.doctor.facts import Facts, line, number
from uavloc.doctor.finding import Finding, absent, fail, ok, warn

_WARM_C, _HOT_C = 85.0, 100.0
"""Limits of a sensor without any of its own: about where boards slow down, and where they switch off."""
_PLAUSIBLE_C = (-60.0, 200.0)
_MOST_ZONES, _MOST_TRIPS = 64, 16


class Zone(Facts):
    """A sensor: `slows_c` where the kernel slows the machine down, `stops_c` where it switches it off."""

    name: str
    celsius: float
    slows_c: float | None
    stops_c: float | None


class Thermal(Facts):
    """All sensors that can be read."""

    zones: list[Zone]


def look_thermal(root: str = "/") -> Thermal:
    """The sensors of the machine below `root`; one that gives no plausible number is left out."""
    folders = sorted((Path(root) / "sys/class/thermal").glob("thermal_zone*"))[:_MOST_ZONES]
    return Thermal(zones=[zone for folder in folders if (zone := _zone(folder)) is not None])


def thermal_findings(thermal: Thermal) -> list[Finding]:
    """The sensor that is nearest to its limit."""
    if not thermal.zones:
        return [absent("thermal", "no temperature sensor can be read")]
    warmest = max(thermal.zones, key=lambda zone: zone.celsius - _slows_c(zone))
    told = f"{warmest.name} is at {warmest.celsius:.0f} C"
    if warmest.celsius >= (warmest.stops_c or _HOT_C) - 2.0:
        return [fail("thermal", f"{told}, where the machine switches off", "let it cool; give it a fan or heat sink")]
    limit = f"it slows down at {_slows_c(warmest):.0f} C"
    if warmest.celsius >= _slows_c(warmest):
        return [warn("thermal", f"{told}: {limit}", "give it a fan, or take a lower power mode")]
    return [ok("thermal", f"{told}; {limit}; {len(thermal.zones)} sensors")]


def _slows_c(zone: Zone) -> float:
    return zone.slows_c or min(_WARM_C, zone.stops_c or _WARM_C)


def _zone(folder: Path) -> Zone | None:
    celsius = _celsius(folder / "temp")
    if celsius is None:
        return None
    trips = [
        (line(folder / f"trip_point_{i}_type"), _celsius(folder / f"trip_point_{i}_temp")) for i in range(_MOST_TRIPS)
    ]
    return Zone(
        name=line(folder / "type")[:40] or folder.name,
        celsius=celsius,
        slows_c=_first(trips, "passive"),
        stops_c=_first(trips, "critical"),
    )


def _first(trips: list[tuple[str, float | None]], kind: str) -> float | None:
    """The lowest limit of a kind; kernels write 0 and less where there is none."""
    return min((at for name, at in trips if name == kind and at is not None and at > 0.0), default=None)


def _celsius(path: Path) -> float | None:
    thousandths = number(path)
    if thousandths is None or not _PLAUSIBLE_C[0] <= thousandths / 1000 <= _PLAUSIBLE_C[1]:
        return None
    return thousandths / 1000
