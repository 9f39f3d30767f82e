"""Does the same scene give the same answer? One flight, replayed with pictures that a camera might as well have taken.

Light, colour, focus, noise, compression and crop do not move the vehicle: what they move is error. No truth is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np

from uavloc.bench.faults import Fault, FaultyLog
from uavloc.camera import CameraModel, load_camera
from uavloc.config import Config
from uavloc.encode import load_engine
from uavloc.frames import LocalFrame
from uavloc.localizer import Localizer
from uavloc.logs import open_log
from uavloc.run import replay
from uavloc.tiles import TileCache
from uavloc.types import Estimate, Event, Float, Frame, Pixels, Shown, Start

CROP = 0.1
"""How much of the picture is cut off at every side."""
_GAINS = (1.12, 1.0, 0.86)
_NOISE = 8.0

Paint: TypeAlias = Callable[[Pixels], Pixels]


@dataclass(frozen=True)
class ConsistencyJob:
    """A log, the cache and camera to fly it with, and where it begins (None: anywhere)."""

    log: Path
    cache: Path
    camera: Path
    config: Config
    start: Start | None


@dataclass(frozen=True)
class Row:
    """A replay with other pictures beside that with the pictures as they are.

    `moved_m_*` are of the frames that have a position in both.
    """

    variant: str
    availability: float
    same_outcome: float
    moved_m_p50: float | None
    moved_m_p95: float | None


def gamma(power: float) -> Paint:
    """Darker above 1, brighter below."""
    table = np.rint(255.0 * np.linspace(0.0, 1.0, 256) ** power).astype(np.uint8)
    return lambda picture: np.asarray(cv2.LUT(picture, table), np.uint8)


def flat(picture: Pixels) -> Pixels:
    """Half the contrast, as in haze."""
    return np.asarray(cv2.convertScaleAbs(picture, alpha=0.5, beta=80.0), np.uint8)


def warm(picture: Pixels) -> Pixels:
    """Another white balance."""
    return np.clip(picture * np.array(_GAINS), 0, 255).astype(np.uint8) if picture.ndim == 3 else picture


def soft(picture: Pixels) -> Pixels:
    """Slightly out of focus."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.2), np.uint8)


def noisy(picture: Pixels) -> Pixels:
    """Sensor noise, the same every time."""
    noise = np.random.default_rng(1).normal(0.0, _NOISE, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def squeezed(picture: Pixels) -> Pixels:
    """Compressed hard, as over a thin link."""
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 25])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8)


def cropped(picture: Pixels) -> Pixels:
    """The middle of the picture."""
    rows, columns = (round(CROP * side) for side in picture.shape[:2])
    return np.ascontiguousarray(picture[rows : picture.shape[0] - rows, columns : picture.shape[1] - columns])


def cropped_camera(camera: CameraModel) -> CameraModel:
    """The camera that takes such a picture."""
    columns, rows = round(CROP * camera.width_px), round(CROP * camera.height_px)
    return replace(
        camera,
        width_px=camera.width_px - 2 * columns,
        height_px=camera.height_px - 2 * rows,
        cx_px=camera.cx_px - columns,
        cy_px=camera.cy_px - rows,
    )


VARIANTS: dict[str, Paint] = {
    "darker": gamma(1.6),
    "brighter": gamma(0.65),
    "flat": flat,
    "warm": warm,
    "soft": soft,
    "noisy": noisy,
    "squeezed": squeezed,
    "cropped": cropped,
}


def measure_consistency(job: ConsistencyJob, shown: Shown) -> dict[str, Any]:
    """Replay a log with every variant of its pictures; a JSON document. Raises UavlocError."""
    camera, engine = load_camera(job.camera), job.config.engine
    encoder = load_engine(engine.name, engine.threads, engine.provider, engine.precision)
    flights: dict[str, list[Estimate]] = {}
    with TileCache.open(job.cache, encoder, job.config.cache.public_key) as cache:
        for name, paint in {"as it is": None, **VARIANTS}.items():
            reader = open_log(job.log, (camera.width_px, camera.height_px))
            flown = cropped_camera(camera) if paint is cropped else camera
            localizer = Localizer(cache, encoder, flown, job.config, job.start)
            log = reader if paint is None else FaultyLog(reader, Fault(_painted(paint), None))
            with shown(name) as progress:
                flights[name] = replay(log, localizer, (), progress)
    first = flights["as it is"]
    spread_m = spreads_m(list(flights.values()))
    return {
        "frames": len(first),
        "availability": _published(first),
        "variants": [asdict(row(name, first, flights[name])) for name in VARIANTS],
        "spread_m_p50": _percentile(spread_m, 50),
        "spread_m_p95": _percentile(spread_m, 95),
    }


def row(variant: str, first: Sequence[Estimate], other: Sequence[Estimate]) -> Row:
    """What a variant changed."""
    pairs = list(zip(first, other, strict=True))
    moved = [np.ptp(places_ne_m([a, b]), axis=0) for a, b in pairs if a.point is not None and b.point is not None]
    moved_m = np.hypot(*np.array(moved, np.float64).reshape(-1, 2).T)
    same = sum(a.outcome is b.outcome for a, b in pairs) / max(1, len(pairs))
    return Row(variant, _published(other), same, _percentile(moved_m, 50), _percentile(moved_m, 95))


def spreads_m(flights: Sequence[Sequence[Estimate]]) -> Float:
    """RMS distance of the positions of a frame from their mean, for the frames that have two or more."""
    found = []
    for told in zip(*flights, strict=True):
        places = places_ne_m(told)
        if len(places) >= 2:
            found.append(float(np.sqrt(np.square(places - places.mean(axis=0)).sum(axis=1).mean())))
    return np.array(found, np.float64)


def places_ne_m(told: Sequence[Estimate]) -> Float:
    """Published positions in metres (north, east) from the first of them, N x 2."""
    points = [estimate.point for estimate in told if estimate.point is not None]
    if not points:
        return np.zeros((0, 2))
    local = LocalFrame(points[0].lat_deg, points[0].lon_deg)
    return np.array([local.ne_from_geo(point.lat_deg, point.lon_deg) for point in points], np.float64)


def consistency_markdown(document: dict[str, Any]) -> str:
    """The document as a table."""
    lines = ["| pictures | with a position | same outcome | moved by, p50 / p95 m |", "|---|---|---|---|"]
    lines += [
        f"| {v['variant']} | {100 * v['availability']:.1f} % | {100 * v['same_outcome']:.1f} % "
        f"| {_told(v['moved_m_p50'])} / {_told(v['moved_m_p95'])} |"
        for v in document["variants"]
    ]
    spread = f"{_told(document['spread_m_p50'])} / {_told(document['spread_m_p95'])} m"
    lines += ["", f"{document['frames']} frames, {100 * document['availability']:.1f} % with a position as they are."]
    return "\n".join([*lines, f"Spread of all answers to one frame (RMS), p50 / p95: {spread}.", ""])


def _painted(paint: Paint) -> Callable[[Event, Pixels | None], Event | None]:
    def change(event: Event, before: Pixels | None) -> Event | None:
        if not isinstance(event, Frame) or event.image is None:
            return event
        return replace(event, image=paint(event.image), encoded=None)

    return change


def _published(estimates: Sequence[Estimate]) -> float:
    return sum(estimate.point is not None for estimate in estimates) / max(1, len(estimates))


def _percentile(values: Float, percent: int) -> float | None:
    return float(np.percentile(values, percent)) if len(values) else None


def _told(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
