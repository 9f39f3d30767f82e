"""A report as the numbers that its page draws: columns with an entry per frame, places in pixels of the map."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from uavloc import __version__
from uavloc.frames import LocalFrame
from uavloc.report.content import Content, FramePictures, GroundPicture
from uavloc.report.thumbnails import webp
from uavloc.types import CHI2_95, FALSE_ERROR_M, Estimate, Float, GeoPoint, Outcome

MAP_SIDE_PX, MAP_QUALITY = 1600, 78

MEANINGS: dict[Outcome, str] = {
    Outcome.FIX: "found on the map",
    Outcome.GATED: "found, but contradicts what is known",
    Outcome.AMBIGUOUS: "several places fit as well",
    Outcome.LOW_SCORE: "no place fits well enough",
    Outcome.LOW_TEXTURE: "too little to see",
    Outcome.OUTSIDE_CACHE: "no map there",
    Outcome.LOST: "position not known",
    Outcome.NO_IMAGE: "no picture",
    Outcome.FROZEN: "the camera repeats itself",
    Outcome.NO_ATTITUDE: "no attitude",
    Outcome.STALE_ATTITUDE: "attitude too old",
    Outcome.NO_HEIGHT: "no height",
}


COLUMNS = (
    "name", "t", "outcome", "fix", "lat", "lon", "at", "ellipse", "std", "heading", "protection", "odds", "ms",
)  # fmt: skip
"""What `frame_row` tells of a frame."""
LAYERS = ("map", "truth", "track", "marks", "ellipses", "fit")

PixelFromGeo: TypeAlias = Callable[[float, float], tuple[float, float]]


def page_data(content: Content) -> dict[str, Any]:
    """What the page is given, ready for JSON."""
    names = [estimate.name for estimate in content.estimates]
    at = content.map.pixel_from_geo
    occurred = [outcome for outcome in Outcome if any(e.outcome is outcome for e in content.estimates)]
    return {
        "version": __version__,
        "title": content.title,
        "map": _map(content),
        "frames": _frames(content),
        "pictures": [pictures_row(content.pictures.get(name), at) for name in names],
        "outcomes": {str(outcome): MEANINGS[outcome] for outcome in occurred},
        "layers": LAYERS,
        "falseErrorM": FALSE_ERROR_M,
        "headline": list(content.headline),
        "figures": list(content.figures),
        "facts": list(content.facts),
        "advice": list(content.advice),
        "config": content.config,
    }


def _map(content: Content) -> dict[str, Any]:
    height, width = content.map.rgb.shape[:2]
    return {
        "src": _uri(webp(content.map.rgb, MAP_SIDE_PX, MAP_QUALITY)),
        "width": width,
        "height": height,
        "pxPerM": _number(_px_per_m(content), 6),
    }


def _px_per_m(content: Content) -> float:
    """Pixels per metre on the ground, at the first place that is known."""
    points = [e.point for e in content.estimates if e.point] or [t.point for t in content.truth]
    if not points:
        return math.nan
    east = LocalFrame(points[0].lat_deg, points[0].lon_deg).geo_from_ne(0.0, 100.0)
    at = content.map.pixel_from_geo
    return math.dist(at(*east), at(points[0].lat_deg, points[0].lon_deg)) / 100.0


def _frames(content: Content) -> dict[str, list[Any]]:
    estimates, at = content.estimates, content.map.pixel_from_geo
    first_ns = estimates[0].t_ns if estimates else 0
    rows = [frame_row(estimate, first_ns, at) for estimate in estimates]
    truth = {row.name: row.point for row in content.truth}
    errors = [content.errors_ne_m.get(e.name) for e in estimates]
    return {
        **{name: [row[name] for row in rows] for name in COLUMNS},
        "trueAt": [_placed(truth.get(e.name), at) for e in estimates],
        "errNe": [None if e is None else [_number(v, 2) for v in e] for e in errors],
    }


def frame_row(estimate: Estimate, first_ns: int, pixel_from_geo: PixelFromGeo) -> dict[str, Any]:
    """An estimate as the page draws it: `at` in pixels of the map, times in seconds since `first_ns`."""
    point, heading_rad = estimate.point, estimate.heading_rad
    return {
        "name": estimate.name,
        "t": _number((estimate.t_ns - first_ns) / 1e9, 3),
        "outcome": str(estimate.outcome),
        "fix": int(estimate.fix is not None),
        "lat": None if point is None else _number(point.lat_deg, 7),
        "lon": None if point is None else _number(point.lon_deg, 7),
        "at": _placed(point, pixel_from_geo),
        "ellipse": _ellipse(estimate),
        "std": _stds(estimate),
        "heading": None if heading_rad is None else _number(math.degrees(heading_rad) % 360, 1),
        "protection": None if estimate.protection_m is None else _number(estimate.protection_m, 2),
        "odds": None if estimate.log_odds is None else _number(estimate.log_odds, 2),
        "ms": None if (ms := estimate.timings_ms.get("total")) is None else _number(ms, 1),
    }


def _placed(point: GeoPoint | None, pixel_from_geo: PixelFromGeo) -> list[float | None] | None:
    """A place in pixels of the map."""
    return None if point is None else [_number(v, 2) for v in pixel_from_geo(point.lat_deg, point.lon_deg)]


def _ellipse(estimate: Estimate) -> list[float | None] | None:
    """The 95 % ellipse: half axes in metres, the longer one first, and the azimuth of that one in degrees."""
    if estimate.point is None or estimate.cov_ne_m2 is None or not np.isfinite(estimate.cov_ne_m2).all():
        return None
    values, vectors = np.linalg.eigh(estimate.cov_ne_m2)
    half: Float = np.sqrt(CHI2_95 * np.maximum(values, 0.0))
    azimuth_deg = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1])) % 180.0
    return [_number(float(half[1]), 2), _number(float(half[0]), 2), _number(azimuth_deg, 1)]


def _stds(estimate: Estimate) -> list[float | None] | None:
    """1-sigma (north, east) in metres."""
    if estimate.point is None or estimate.cov_ne_m2 is None:
        return None
    return [_number(math.sqrt(max(0.0, float(estimate.cov_ne_m2[i, i]))), 2) for i in (0, 1)]


def pictures_row(pictures: FramePictures | None, pixel_from_geo: PixelFromGeo) -> dict[str, Any] | None:
    """The pictures of a frame as the page shows them."""
    if pictures is None:
        return None
    return {
        "frame": None if pictures.frame is None else _uri(pictures.frame),
        "laid": None if pictures.laid is None else _uri(pictures.laid),
        "ground": _ground(pictures.ground, pixel_from_geo),
        "fit": _ground(pictures.fit, pixel_from_geo),
    }


def _ground(picture: GroundPicture | None, at: PixelFromGeo) -> dict[str, Any] | None:
    """A picture with the box (left, top, right, bottom) of the map it lies on."""
    if picture is None:
        return None
    box = picture.box
    corners = (*at(box.north_deg, box.west_deg), *at(box.south_deg, box.east_deg))
    return {"src": _uri(picture.webp), "box": [_number(v, 2) for v in corners], "found": picture.found}


def _uri(picture: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(picture).decode()


def _number(value: float, digits: int) -> float | None:
    """A number with so many digits after the point; None for what JSON cannot say."""
    return round(float(value), digits) if math.isfinite(value) else None
