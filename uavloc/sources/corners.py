"""A JPEG or PNG with a JSON of the same stem that tells where its corners lie (CONTRACT: map image with corners)."""

from __future__ import annotations

import hashlib
import json
import math
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from uavloc.errors import InputError
from uavloc.frames import MAX_MERCATOR_LAT_DEG, geo_from_world_px, mean_gsd_m
from uavloc.sources.header import image_size, is_complete
from uavloc.sources.picture import decode_picture
from uavloc.sources.quad import Quad
from uavloc.types import Bounds, Float, Float32, MapImage, Mask, Pixels
from uavloc.validation import ISO_DATE, refusal

MAX_PIXELS = 1_000_000_000
MAX_CARD_BYTES = 1 << 20
GSD_TOLERANCE = 0.05
"""How far the corners may contradict `gsd_m`."""
_NORTH_UP_TOLERANCE = 0.02
"""How far, in widths, the top edge of a north-up picture may rise or fall."""
_TWO_CORNERS = ("top_left_lat_deg", "top_left_lon_deg", "bottom_right_lat_deg", "bottom_right_lon_deg")


class _Card(BaseModel):
    """The keys of the JSON; unknown keys (notes) are allowed, wrong values are not."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    width_px: int = Field(gt=0)
    height_px: int = Field(gt=0)
    gsd_m: float = Field(gt=0)
    north_up: bool | None = None
    date: str = Field(default="", pattern=ISO_DATE)
    licence: str = ""
    top_left_lat_deg: float | None = None
    top_left_lon_deg: float | None = None
    bottom_right_lat_deg: float | None = None
    bottom_right_lon_deg: float | None = None
    corners: list[tuple[float, float]] | None = Field(default=None, min_length=4, max_length=4)

    @model_validator(mode="after")
    def _corners_fit(self) -> _Card:
        given = [name for name in _TWO_CORNERS if getattr(self, name) is not None]
        if self.corners is not None and given:
            raise ValueError(f"corners and {given[0]} are both given: keep one")
        if self.corners is None and len(given) < 4:
            missing = next(name for name in _TWO_CORNERS if name not in given)
            raise ValueError(f"{missing}: missing (or give four corners as `corners`)")
        _check_corners(self)
        return self

    @property
    def quad(self) -> Quad:
        if self.corners is not None:
            return Quad(tuple(self.corners))
        north, west, south, east = (getattr(self, name) for name in _TWO_CORNERS)
        return Quad(((north, west), (north, east), (south, east), (south, west)))


class CornerImage:
    """A picture laid on the map by its corners. The picture is decoded at the first read and kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._card = _load_card(path)
        self._quad = self._card.quad
        _check_picture(path, _read(path), self._card)

    @property
    def name(self) -> str:
        """File name of the picture."""
        return self._path.name

    @property
    def bounds(self) -> Bounds:
        """The box around the picture."""
        return self._quad.bounds

    @property
    def gsd_m(self) -> float:
        """True ground metres per pixel, from the corners."""
        width_m, height_m = self._quad.size_m
        return math.sqrt(width_m / self._card.width_px * height_m / self._card.height_px)

    @property
    def date(self) -> str:
        """`date` of the JSON."""
        return self._card.date

    @property
    def licence(self) -> str:
        """`licence` of the JSON, which may have it."""
        return self._card.licence

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the picture's bytes and the JSON's."""
        parts = (_read(self._path), _read(_card_path(self._path)))
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()

    def read(self, zoom: int, x_px: int, y_px: int, width_px: int, height_px: int) -> MapImage:
        """A window of world pixels: bilinear where the zoom is finer than the picture, area average where coarser."""
        ratio = self._picture_px_per_world_px(y_px + height_px / 2.0, zoom)
        shrink = max(1, int(ratio / 2.0))
        samples = math.ceil(ratio / shrink)
        u, v = self._picture_px(zoom, _centres(x_px, width_px, samples), _centres(y_px, height_px, samples))
        inside = (u >= 0.0) & (u <= self._card.width_px) & (v >= 0.0) & (v <= self._card.height_px)
        if not inside.any():
            return MapImage(np.zeros((height_px, width_px, 3), np.uint8), np.zeros((height_px, width_px), np.bool_))
        return _average(_sample(*self._picture, u, v, inside, shrink), samples)

    def _picture_px_per_world_px(self, y_px: float, zoom: int) -> float:
        lat_deg, _ = geo_from_world_px(0.0, y_px, zoom)
        return mean_gsd_m(lat_deg, zoom) / self.gsd_m

    def _picture_px(self, zoom: int, x_px: Float, y_px: Float) -> tuple[Float, Float]:
        """Picture pixels (corner-based) of the grid of world columns and rows."""
        lon_deg = np.array([[geo_from_world_px(x, 0.0, zoom)[1] for x in x_px]])
        lat_deg = np.array([[geo_from_world_px(0.0, y, zoom)[0]] for y in y_px])
        u, v = self._quad.uv_from_geo(lat_deg, lon_deg)
        return u * self._card.width_px, v * self._card.height_px

    @cached_property
    def _picture(self) -> tuple[Pixels, Mask | None]:
        """RGB and, where the file has alpha, the mask of pixels at least half opaque."""
        return decode_picture(self._path, _read(self._path))


def _card_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _load_card(path: Path) -> _Card:
    card_path = _card_path(path)
    try:
        if card_path.stat().st_size > MAX_CARD_BYTES:
            raise InputError(f"{card_path}: larger than {MAX_CARD_BYTES >> 20} MiB")
        data = json.loads(card_path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"{path}: needs {card_path.name} beside it, with the picture's corners") from None
    except OSError as error:
        raise InputError(f"{card_path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{card_path}: not JSON: {str(error)[:80]}") from error
    if not isinstance(data, dict):
        raise InputError(f"{card_path}: must be a JSON object")
    try:
        return _Card.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{card_path}: {refusal(error, _Card)}") from error


def _check_corners(card: _Card) -> None:
    """Raise ValueError, beginning with the field, where the corners cannot be."""
    quad = card.quad
    for lat, lon in quad.corners:
        if abs(lat) > MAX_MERCATOR_LAT_DEG:
            raise ValueError(f"{_fields(card, 'lat')}: {lat:g} is beyond +-{MAX_MERCATOR_LAT_DEG:.4f} degrees")
        if abs(lon) > 180.0:
            raise ValueError(f"{_fields(card, 'lon')}: {lon:g} is beyond +-180 degrees")
    if card.corners is None:
        _check_order(card)
    elif not (quad.turns > 0.0).all():
        raise ValueError(
            "corners: do not run clockwise around an area as TL, TR, BR, BL (a map across the antimeridian must be "
            "cut in two)"
        )
    _check_north_up(card, quad)
    for axis, size_m, pixels in zip(("wide", "high"), quad.size_m, (card.width_px, card.height_px), strict=True):
        if abs(size_m / pixels / card.gsd_m - 1.0) > GSD_TOLERANCE:
            raise ValueError(
                f"gsd_m: {card.gsd_m:g} contradicts the corners: they are {size_m:.1f} m {axis}, "
                f"{size_m / pixels:.4g} m per pixel"
            )


def _fields(card: _Card, axis: str) -> str:
    return "corners" if card.corners is not None else f"top_left_{axis}_deg, bottom_right_{axis}_deg"


def _check_order(card: _Card) -> None:
    north, west, south, east = (getattr(card, name) for name in _TWO_CORNERS)
    if south >= north:
        raise ValueError(f"bottom_right_lat_deg: {south:g} is not south of top_left_lat_deg {north:g}")
    if east <= west:
        raise ValueError(
            f"bottom_right_lon_deg: {east:g} is not east of top_left_lon_deg {west:g} (a map across the "
            f"antimeridian must be cut in two)"
        )


def _check_north_up(card: _Card, quad: Quad) -> None:
    if card.corners is None and card.north_up is False:
        raise ValueError("north_up: false needs four corners as `corners`")
    (left, _), (right, _), _, _ = quad.corners
    bounds = quad.bounds
    if card.north_up and abs(right - left) > _NORTH_UP_TOLERANCE * (bounds.north_deg - bounds.south_deg):
        raise ValueError("north_up: true contradicts corners, whose top edge does not run east")


def _check_picture(path: Path, data: bytes, card: _Card) -> None:
    size = image_size(data)
    if size is None:
        raise InputError(f"{path}: the picture has no readable header")
    if size[0] * size[1] > MAX_PIXELS:
        raise InputError(f"{path}: {size[0]} x {size[1]} pixels are too many for one picture: use a tiled GeoTIFF")
    for field, real, told in zip(("width_px", "height_px"), size, (card.width_px, card.height_px), strict=True):
        if real != told:
            raise InputError(f"{_card_path(path)}: {field}: {told}, but {path.name} has {real}")
    if not is_complete(data):
        raise InputError(f"{path}: the picture is cut off")


def _centres(start_px: int, count: int, samples: int) -> Float:
    """Centres of `samples` equal parts of each of `count` pixels."""
    return start_px + (np.arange(count * samples) + 0.5) / samples


def _sample(rgb: Pixels, mask: Mask | None, u: Float, v: Float, inside: Mask, shrink: int) -> Float32:
    """Bilinear samples at corner-based pixels, H x W x 4: colour times weight and the weight, after shrinking.

    Only the part of the picture that is needed is touched.
    """
    left, right = _span(u[inside], shrink, rgb.shape[1])
    top, bottom = _span(v[inside], shrink, rgb.shape[0])
    weighted = np.empty((bottom - top, right - left, 4), np.float32)
    weighted[:, :, 3] = 1.0 if mask is None else mask[top:bottom, left:right]
    np.multiply(rgb[top:bottom, left:right], weighted[:, :, 3:], out=weighted[:, :, :3])
    weighted = _shrink(weighted, shrink)
    x = np.where(inside, (u - left) / shrink - 0.5, -1.0).astype(np.float32)
    y = np.where(inside, (v - top) / shrink - 0.5, -1.0).astype(np.float32)
    sampled = cv2.remap(weighted, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled * inside[:, :, None], np.float32)


def _span(coordinates: Float, shrink: int, size: int) -> tuple[int, int]:
    """Pixels around the coordinates with room for interpolation, starting at a multiple of `shrink`."""
    start = (math.floor(float(coordinates.min())) - 1) // shrink * shrink - shrink
    return max(0, start), min(size, math.ceil(float(coordinates.max())) + 2 * shrink + 1)


def _shrink(image: Float32, factor: int) -> Float32:
    """Mean of blocks of factor x factor pixels; the last blocks repeat the border to be whole."""
    if factor == 1:
        return image
    height, width = image.shape[:2]
    padded = cv2.copyMakeBorder(image, 0, -height % factor, 0, -width % factor, cv2.BORDER_REPLICATE)
    size = (padded.shape[1] // factor, padded.shape[0] // factor)
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), np.float32)


def _average(sampled: Float32, samples: int) -> MapImage:
    """Mean of samples x samples; a pixel at least half covered is real, with the colour of its covered part."""
    height, width = sampled.shape[0] // samples, sampled.shape[1] // samples
    mean = cv2.resize(sampled, (width, height), interpolation=cv2.INTER_AREA)
    mask = mean[:, :, 3] >= 0.5
    rgb = mean[:, :, :3] / np.maximum(mean[:, :, 3:], 0.5) * mask[:, :, None]
    return MapImage(np.rint(np.minimum(rgb, 255.0)).astype(np.uint8), mask)
