"""What a report shows of every frame: the picture, as it was laid on the ground, the map there, and where it fits.

Filled while a replay goes on. Pictures are made small at once, and their bytes are limited for a flight of any length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from uavloc.frames import LocalFrame, geo_from_world_px, world_px_from_geo
from uavloc.hypotheses import Look
from uavloc.report import FramePictures, GroundPicture
from uavloc.report.thumbnails import Shrinker
from uavloc.tiles import TileCache
from uavloc.types import Bounds, Estimate, Event, Float32, Frame, GeoPoint, Mask, Pixels

MOST_PICTURED = 600
"""Of a longer flight every second frame, every third and so on has pictures."""
ALL_BYTES = 8_600_000
FRAME_BYTES = 40_000
FIT_SIDE = 96
FULL_SCORE = 8.0
"""The score (in sigma of the noise) that is shown as the brightest."""
_INK = (24, 26, 30)


@dataclass(frozen=True)
class _Ground:
    """Which piece of a level a frame shows: its size, and the pixel of it that is below the vehicle."""

    zoom: int
    size_px: tuple[int, int]
    nadir_px: tuple[float, float]


class Pages:
    """Makes the pictures of frames, which take at most `share_bytes` each where that can be."""

    def __init__(self, cache: TileCache, share_bytes: int) -> None:
        self._cache = cache
        self._shrink_frame, self._shrink_laid = Shrinker(int(0.35 * share_bytes)), Shrinker(int(0.25 * share_bytes))
        self._shrink_ground, self._shrink_fit = Shrinker(int(0.28 * share_bytes)), Shrinker(int(0.12 * share_bytes))
        self._ground: _Ground | None = None

    def picture(self, image: Pixels | None) -> bytes | None:
        """What the camera saw, small; None without a picture."""
        return None if image is None else self._shrink_frame.webp(image)

    def page(self, frame: bytes | None, seen: tuple[Look, LocalFrame] | None, estimate: Estimate) -> FramePictures:
        """A frame with the latest search of the map for it, if there was one."""
        if seen is None:
            return FramePictures(frame, None, self._map_at(estimate.point, found=True), None)
        look, local = seen
        patch, place = look.query.patch, look.place_ne_m
        self._ground = _Ground(look.query.zoom, patch.image.shape[1::-1], patch.nadir_px)
        searched = GeoPoint(*local.geo_from_ne(*place))
        ground = self._map_at(estimate.point or searched, found=estimate.point is not None)
        laid = self._shrink_laid.webp(on_ink(patch.image, patch.mask))
        west, south, east, north = look.surface.bounds_m
        low = GeoPoint(*local.geo_from_ne(place[0] + south, place[1] + west))
        high = GeoPoint(*local.geo_from_ne(place[0] + north, place[1] + east))
        box = Bounds(low.lon_deg, low.lat_deg, high.lon_deg, high.lat_deg)
        fit = GroundPicture(self._shrink_fit.webp(fit_colours(look.surface.scores)), box)
        return FramePictures(frame, laid, ground, fit)

    def _map_at(self, point: GeoPoint | None, *, found: bool) -> GroundPicture | None:
        """The map where a frame looked down from a point."""
        if point is None:
            return None
        ground = self._ground or self._unseen()
        x, y = world_px_from_geo(point.lat_deg, point.lon_deg, ground.zoom)
        left, top = round(x - ground.nadir_px[0]), round(y - ground.nadir_px[1])
        width, height = ground.size_px
        piece = self._cache.image(ground.zoom, left, top, width, height)
        north, west = geo_from_world_px(left, top, ground.zoom)
        south, east = geo_from_world_px(left + width, top + height, ground.zoom)
        picture = self._shrink_ground.webp(on_ink(piece.rgb, piece.mask))
        return GroundPicture(picture, Bounds(west, south, east, north), found)

    def _unseen(self) -> _Ground:
        """A square of the finest level, for frames before the first that was laid on the ground."""
        side = 256
        return _Ground(self._cache.levels[0], (side, side), (side / 2.0, side / 2.0))


class Album:
    """A `Publisher` that collects pictures; it is shown events and looks before the estimate that they lead to."""

    def __init__(self, cache: TileCache, frames: int) -> None:
        self.pages: dict[str, FramePictures] = {}
        """By the name of the frame."""
        self._step = max(1, math.ceil(frames / MOST_PICTURED))
        self._pages = Pages(cache, min(FRAME_BYTES, ALL_BYTES // max(1, math.ceil(frames / self._step))))
        self._count = 0
        self._frame: bytes | None = None
        self._seen: tuple[Look, LocalFrame] | None = None

    def event(self, event: Event) -> None:
        """Keep the picture of a frame."""
        if isinstance(event, Frame):
            self._seen = None
            self._frame = self._pages.picture(event.image) if self._count % self._step == 0 else None

    def look(self, look: Look, local: LocalFrame) -> None:
        """Remember the latest search of the map for this frame."""
        if self._count % self._step == 0:
            self._seen = look, local

    def publish(self, estimate: Estimate) -> None:
        """Make the page of a frame."""
        if self._count % self._step == 0:
            self.pages[estimate.name] = self._pages.page(self._frame, self._seen, estimate)
        self._count += 1
        self._frame, self._seen = None, None

    def close(self) -> None:
        """Nothing is left to do."""


def on_ink(image: Pixels, mask: Mask) -> Pixels:
    """RGB in which what is not real is dark."""
    rgb = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    return np.where(mask[..., None], rgb, np.array(_INK, np.uint8))


def fit_colours(scores: Float32) -> Pixels:
    """RGB of a surface of scores, 0 to `FULL_SCORE`: the best of every block, so that no peak is lost."""
    block = max(1, math.ceil(max(scores.shape) / FIT_SIDE))
    rows, columns = (-(-side // block) for side in scores.shape)
    padded = np.full((rows * block, columns * block), -np.inf, np.float32)
    padded[: scores.shape[0], : scores.shape[1]] = scores
    best = padded.reshape(rows, block, columns, block).max(axis=(1, 3))
    level = np.clip(np.nan_to_num(best, neginf=0.0, posinf=FULL_SCORE) / FULL_SCORE, 0.0, 1.0)
    colours = cv2.cvtColor(
        cv2.applyColorMap(np.rint(255 * level).astype(np.uint8), cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB
    )
    return np.where(np.isfinite(best)[..., None], colours, np.array(_INK, np.uint8))
