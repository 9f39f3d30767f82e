"""Made-up flights for reports: every outcome, false positions, gaps, names that mean mischief."""

from __future__ import annotations

import math

import numpy as np

from uavloc.frames import LocalFrame
from uavloc.report import Content, FramePictures, GroundPicture, MapPicture
from uavloc.report.thumbnails import Shrinker
from uavloc.types import Bounds, Estimate, Fix, GeoPoint, Match, Outcome, Pixels, Truth

HERE = LocalFrame(48.0, 11.0)
MISCHIEF = '</script><script>document.title="broken"</script><img src=http://example.com/x onerror=alert(1)>&"\''
_MATCH = Match((0.0, 0.0), np.eye(2), 0.0, 0.01, 0.0, 0.01, 9.0, 5.0, 4.0, (0, 0, 0))


def pixel_from_geo(lat_deg: float, lon_deg: float) -> tuple[float, float]:
    north, east = HERE.ne_from_geo(lat_deg, lon_deg)
    return 400.0 + east, 400.0 - north


def place(north_m: float, east_m: float) -> GeoPoint:
    return GeoPoint(*HERE.geo_from_ne(north_m, east_m))


def picture(seed: int, side: int = 64) -> Pixels:
    return np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)


def estimate(i: int, outcome: Outcome) -> Estimate:
    """Frame i of a round; the last two are false, LOST has no position."""
    turn, t_ns = i / 8.0, i * 10**9
    timings = {"total": 40.0 + i % 7}
    if outcome in {Outcome.LOST, Outcome.NO_IMAGE}:
        return Estimate(t_ns, f"{i:03d}", outcome, timings_ms=timings)
    point = place(200.0 * math.cos(turn) + 2.0, 200.0 * math.sin(turn) + (80.0 if i >= 58 else 0.0))
    cov = np.array([[9.0 + i % 5, 3.0], [3.0, 25.0]])
    fix = Fix(t_ns, point, cov, _MATCH) if outcome is Outcome.FIX else None
    return Estimate(
        t_ns, f"{i:03d}", outcome, point, cov, heading_rad=turn % math.tau, fix=fix, protection_m=14.0, log_odds=7.0,
        timings_ms=timings,
    )  # fmt: skip


def content(frames: int = 60, title: str = "a flight", truth: bool = True) -> Content:
    """A flight in which every fifth frame gives something other than a fix."""
    others = [outcome for outcome in Outcome if outcome is not Outcome.FIX]
    estimates = [estimate(i, others[i // 5 % len(others)] if i % 5 == 0 else Outcome.FIX) for i in range(frames)]
    true = [
        Truth(e.t_ns, e.name, place(200.0 * math.cos(i / 8), 200.0 * math.sin(i / 8))) for i, e in enumerate(estimates)
    ]
    errors = {
        e.name: tuple(a - b for a, b in zip(_ne(e.point), _ne(t.point), strict=True))
        for e, t in zip(estimates, true, strict=True)
        if e.point is not None
    }
    return Content(
        title, MapPicture(_ground(), pixel_from_geo), estimates, true if truth else (),
        {name: (ne[0], ne[1]) for name, ne in errors.items()} if truth else {},
        {e.name: _pages(i, e) for i, e in enumerate(estimates)},
        headline=[("frames", str(frames)), ("with a position", "93 %")], figures=[("fixes", "48")],
        facts=[("log", title), ("engine identity (SHA-256)", "ab" * 32)], advice=[f"no height in {title}"],
        config=f"# {title}\n[filter]\nspeed = 1\n",
    )  # fmt: skip


def _ne(point: GeoPoint) -> tuple[float, float]:
    return HERE.ne_from_geo(point.lat_deg, point.lon_deg)


def _ground() -> Pixels:
    """Fields in two greens."""
    rows, columns = np.mgrid[:800, :800]
    green = np.where((rows // 80 + columns // 80) % 2 == 0, 110, 130)
    return np.stack([green * 0.7, green, green * 0.5], axis=-1).astype(np.uint8)


def _pages(i: int, told: Estimate) -> FramePictures:
    shrink, at = Shrinker(9000), told.point or place(200.0, 0.0)
    box = Bounds(at.lon_deg - 4e-4, at.lat_deg - 3e-4, at.lon_deg + 4e-4, at.lat_deg + 3e-4)
    if told.outcome is Outcome.NO_IMAGE:
        return FramePictures()
    small = shrink.webp(picture(i))
    return FramePictures(small, small, GroundPicture(small, box, told.point is not None), GroundPicture(small, box))
