"""Training samples: a camera-like query and the map window that holds it, from one site of one place."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from appearance import Rng, changed, grey_as_seen
from numpy.typing import NDArray
from places import MULTI_DATE_SHARE, Place, View

MAP_PX = 256
QUERY_PX = 192
REACH_PX = 56.0
"""How far the centre of a query may lie from the centre of its map window."""


@dataclass(frozen=True)
class Jitter:
    """How wrong heading and scale still are after the search in flight (1 sigma), and how far zoom is varied."""

    heading_rad: float = 0.045
    log_scale: float = 0.04
    zoom: tuple[float, float] = (0.65, 1.6)
    strength: float = 1.0


@dataclass(frozen=True)
class Sample:
    """Grey 8-bit pictures with masks; the centre of the query lies at `centre_px` (x, y, corner-based) of the map."""

    query: NDArray[np.uint8]
    query_mask: NDArray[np.bool_]
    window: NDArray[np.uint8]
    window_mask: NDArray[np.bool_]
    centre_px: tuple[float, float]


class Sampler:
    """Draws samples from places; `sites` are (place, centre) and can be named by index for hard negatives."""

    def __init__(self, places: list[Place], jitter: Jitter) -> None:
        self.sites = [(place, centre) for place in places for centre in place.sites()]
        self._jitter = jitter
        self._multi = [i for i, (place, _) in enumerate(self.sites) if len(place.views) > 1]
        self._single = [i for i, (place, _) in enumerate(self.sites) if len(place.views) == 1]

    def draw(self, rng: Rng) -> int:
        """A random site, mostly one seen at several dates."""
        multi = rng.random() < MULTI_DATE_SHARE if self._multi and self._single else bool(self._multi)
        return int(rng.choice(self._multi if multi else self._single))

    def sample(self, site: int, rng: Rng) -> Sample:
        """A query and its map window around a site, on two dates where there are two."""
        place, centre = self.sites[site]
        views = rng.permutation(len(place.views))
        map_view, query_view = place.views[views[0]], place.views[views[-1]]
        zoom = float(np.exp(rng.uniform(*np.log(self._jitter.zoom))))
        large = min(place.views[0].rgb.shape[:2]) > 1.5 * MAP_PX
        middle = np.array(centre) + (rng.uniform(-0.3, 0.3, 2) * MAP_PX if large else rng.uniform(-12, 12, 2))
        quarter = rng.integers(4) * np.pi / 2 + (rng.uniform(-np.pi, np.pi) if large else 0.0)
        flip = rng.choice([-1.0, 1.0])
        place_from_map = _similarity(quarter, zoom, flip, (MAP_PX / 2,) * 2, middle)

        offset = rng.uniform(-REACH_PX, REACH_PX, 2)
        at = MAP_PX / 2 + offset
        turn = float(np.clip(rng.normal(0.0, self._jitter.heading_rad), -0.12, 0.12))
        scale = float(np.exp(np.clip(rng.normal(0.0, self._jitter.log_scale), -0.11, 0.11)))
        map_from_query = _similarity(turn, scale, 1.0, (QUERY_PX / 2,) * 2, at)
        window, window_mask = self._picture(map_view, place_from_map, MAP_PX, rng)
        query, query_mask = self._picture(query_view, place_from_map @ _tilted(map_from_query, rng), QUERY_PX, rng)
        query_mask &= _footprint(rng)
        return Sample(query, query_mask, window, window_mask, (float(at[0]), float(at[1])))

    def _picture(
        self, view: View, place_from_picture: NDArray[np.float64], side: int, rng: Rng
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        view_from_place = np.array([[1, 0, -view.offset_px[0]], [0, 1, -view.offset_px[1]], [0, 0, 1.0]])
        view_from_picture = _centred(view_from_place @ place_from_picture)
        height, width = view.rgb.shape[:2]
        options = {"flags": cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, "borderMode": cv2.BORDER_REFLECT_101}
        rgb = _shrunk(view.rgb, view_from_picture)
        warped = cv2.warpPerspective(rgb[0], rgb[1] @ view_from_picture, (side, side), **options).astype(np.float32)
        inside = np.full((height, width), 255, np.uint8)
        options["borderMode"] = cv2.BORDER_CONSTANT
        mask = cv2.warpPerspective(inside, view_from_picture, (side, side), **options) == 255
        mask &= warped.max(axis=2) > 0
        grey = changed(grey_as_seen(warped, rng, self._jitter.strength), rng, self._jitter.strength)
        return np.clip(np.rint(grey), 0, 255).astype(np.uint8), mask


def _shrunk(
    rgb: NDArray[np.uint8], source_from_picture: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The source, smoothed as far as the picture is coarser than it, so that resampling does not alias."""
    coarser = float(np.sqrt(abs(np.linalg.det(source_from_picture[:2, :2]))))
    if coarser < 1.15:
        return rgb, np.eye(3)
    corners = source_from_picture @ np.array([[0, MAP_PX, 0, MAP_PX], [0, 0, MAP_PX, MAP_PX], [1.0, 1, 1, 1]])
    low = np.maximum(0, np.floor(corners[:2].min(axis=1) / corners[2].max() - 24)).astype(int)
    high = np.ceil(corners[:2].max(axis=1) / corners[2].min() + 24).astype(int)
    part = rgb[low[1] : max(high[1], low[1] + 8), low[0] : max(high[0], low[0] + 8)]
    if part.size == 0:
        return rgb, np.eye(3)
    shift = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1.0]])
    return np.asarray(cv2.GaussianBlur(part, (0, 0), 0.45 * coarser), np.uint8), shift


def _similarity(
    turn: float, scale: float, flip: float, about: tuple[float, float], to: NDArray[np.float64]
) -> NDArray[np.float64]:
    """3 x 3: turn and scale about a point (corner-based pixels), then carry that point to `to`."""
    c, s = np.cos(turn) * scale, np.sin(turn) * scale
    linear = np.array([[c, -s], [s, c]]) @ np.diag([flip, 1.0])
    out = np.eye(3)
    out[:2, :2] = linear
    out[:2, 2] = np.asarray(to) - linear @ np.asarray(about)
    return out


def _tilted(matrix: NDArray[np.float64], rng: Rng) -> NDArray[np.float64]:
    """With the slight perspective that unknown roll and pitch leave; the centre stays where it is."""
    half = QUERY_PX / 2
    lean = np.eye(3)
    lean[2, :2] = rng.normal(0.0, 0.02, 2) / half
    to, back = np.eye(3), np.eye(3)
    to[:2, 2], back[:2, 2] = -half, half
    return matrix @ back @ lean @ to


def _centred(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same map between pixel centres, as OpenCV counts, instead of corners."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    return np.linalg.inv(half) @ matrix @ half


def _footprint(rng: Rng) -> NDArray[np.bool_]:
    """What a camera sees, turned as it flies: a rectangle around the middle of the query."""
    long = rng.uniform(110.0, 250.0)
    box = ((QUERY_PX / 2,) * 2, (long, long * rng.uniform(0.5, 0.8)), float(rng.uniform(0.0, 180.0)))
    mask = np.zeros((QUERY_PX, QUERY_PX), np.uint8)
    cv2.fillConvexPoly(mask, cv2.boxPoints(box).astype(np.int32), 1)
    return mask > 0
