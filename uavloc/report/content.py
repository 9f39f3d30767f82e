"""What a report tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from uavloc.types import Bounds, Estimate, Pixels, Truth


@dataclass(frozen=True)
class GroundPicture:
    """A north-up picture (WebP, Web Mercator) and the ground it shows; `found`: the vehicle is known to be there."""

    webp: bytes
    box: Bounds
    found: bool = True


@dataclass(frozen=True)
class FramePictures:
    """Of a frame: its picture and the same laid on the ground (WebP), the map there, how well each place fits."""

    frame: bytes | None = None
    laid: bytes | None = None
    ground: GroundPicture | None = None
    fit: GroundPicture | None = None


@dataclass(frozen=True)
class MapPicture:
    """A piece of map (H x W x 3) and where on it, in pixels, a (lat_deg, lon_deg) lies."""

    rgb: Pixels
    pixel_from_geo: Callable[[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Content:
    """Everything in a report.

    `errors_ne_m` are published minus true positions by frame; `figures`, `facts` and `files` (SHA-256) are rows of
    tables, `config` is the text of the configuration.
    """

    title: str
    map: MapPicture
    estimates: Sequence[Estimate]
    truth: Sequence[Truth] = ()
    errors_ne_m: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    pictures: Mapping[str, FramePictures] = field(default_factory=dict)
    headline: Sequence[tuple[str, str]] = ()
    figures: Sequence[tuple[str, str]] = ()
    facts: Sequence[tuple[str, str]] = ()
    advice: Sequence[str] = ()
    config: str = ""
