"""A frame as a question to the map: laid on the ground, encoded under a search of turns, compared with a window."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from time import perf_counter

import numpy as np

from uavloc.camera import CameraModel
from uavloc.config import Config
from uavloc.correlation import Spectra
from uavloc.frames import LocalFrame, mercator_gsd_m, rpy_from_rotation, world_px_from_geo, wrap_pi, yaw_rotation
from uavloc.levels import finest_fitting
from uavloc.ortho import footprint_ne, rectify, texture, variants
from uavloc.refine import refine, sharpened
from uavloc.register import Search, Surface, survey
from uavloc.staleness import StaleBlock, Staleness, block_agreements
from uavloc.tiles import TileCache
from uavloc.turns import Turn, all_turns, anchors, searched, smallest_steps, symmetric_steps, turned
from uavloc.types import Attitude, Descriptors, Encoder, Float, Frame, GeoPoint, Height, Match, Outcome, Patch

_REFINE_MARGIN_PX = 16
"""Map beyond the patch that features at its edge need."""

_MOST_SCALE_STD = 0.5


class NoFixError(Exception):
    """Ends the work on a frame, with the reason."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


@dataclass(frozen=True)
class Sight:
    """A frame with the attitude and the height that belong to it."""

    frame: Frame
    attitude: Attitude
    height: Height

    def log_scale_std(self, least: float) -> float:
        """How far the log of the measured height may be off; beyond a half, a height says nothing anyway."""
        return min(_MOST_SCALE_STD, max(least, self.height.std_m / self.height.agl_m))

    @property
    def yaw_rad(self) -> float:
        """The measured heading."""
        return rpy_from_rotation(self.attitude.ned_from_body)[2]

    @property
    def tilt_cov_m2(self) -> Float:
        """How uncertain roll and pitch move the point below the vehicle (north, east; m^2)."""
        along = self.height.agl_m * np.array([self.attitude.std_rad[1], self.attitude.std_rad[0]])
        heading = yaw_rotation(self.yaw_rad)[:2, :2]
        cov: Float = heading @ np.diag(np.square(along)) @ heading.T
        return cov


@dataclass(frozen=True)
class Pose:
    """Where a search begins: place, corrections of measured heading and log height, and their standard deviations."""

    place_ne_m: tuple[float, float]
    heading_rad: float
    log_scale: float
    heading_std_rad: float
    log_scale_std: float


@dataclass(frozen=True)
class Laid:
    """A frame laid on the ground about a pose, at a level of the cache."""

    pose: Pose
    zoom: int
    patch: Patch

    @cached_property
    def middle_ne_m(self) -> Float:
        """Middle of the ground that is seen, from below the vehicle."""
        rows, columns = np.nonzero(self.patch.mask)
        x, y = columns.mean() + 0.5 - self.patch.nadir_px[0], rows.mean() + 0.5 - self.patch.nadir_px[1]
        return np.array([-y * self.patch.gsd_m[0], x * self.patch.gsd_m[1]])


@dataclass(frozen=True)
class Query:
    """A frame laid on the ground about a pose, encoded under every turn of the search around it.

    `middle_ne_m` is the middle of the ground that is seen, from below the vehicle; `kept` is there where it will be
    asked of several places.
    """

    pose: Pose
    patch: Patch
    zoom: int
    middle_ne_m: Float
    descriptors: Descriptors
    turns: tuple[Turn, ...]
    nadir_cell: tuple[float, float]
    cell_m: tuple[float, float]
    kept: Spectra | None = None

    @property
    def reach(self) -> tuple[float, float]:
        """How far from the pose headings and log scales are covered by the search: half a step beyond the last."""
        heading_step, scale_step = smallest_steps(self.turns)
        headings, log_scales = zip(*self.turns, strict=True)
        return max(headings) + heading_step / 2.0, max(log_scales) + scale_step / 2.0

    @property
    def ground_m(self) -> float:
        """Side of a square as large as the ground that is seen."""
        return math.sqrt(float(self.patch.mask.sum()) * self.patch.gsd_m[0] * self.patch.gsd_m[1])


class Stopwatch:
    """Milliseconds spent in the stages of one frame; stages entered twice add up."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Time what is done inside."""
        started = perf_counter()
        try:
            yield
        finally:
            self.ms[stage] = self.ms.get(stage, 0.0) + (perf_counter() - started) * 1e3


class Asker:
    """Asks the map of a cache where a frame fits."""

    def __init__(
        self, cache: TileCache, encoder: Encoder, camera: CameraModel, config: Config, local: LocalFrame
    ) -> None:
        self._cache, self._encoder, self._camera, self._config, self._local = cache, encoder, camera, config, local
        self._staleness = Staleness()
        self.watch = Stopwatch()

    def lay(self, sight: Sight, pose: Pose, radius_m: float = 0.0) -> Laid:
        """A frame on the ground, at the finest level at which patch and search window are not too large.

        Raises NoFixError where there is nothing to match with.
        """
        with self.watch.timed("rectify"):
            return self._laid(sight, pose, radius_m)

    def much_the_same(self, one: Pose, other: Pose, widening: float = 1.0) -> bool:
        """Whether searches of turns about two poses differ by no more than half a step."""
        config = self._config.registration
        turn_rad = abs(wrap_pi(one.heading_rad - other.heading_rad))
        if turn_rad > math.radians(config.heading_step_deg) * widening / 2.0:
            return False
        return abs(one.log_scale - other.log_scale) <= config.scale_step * widening / 2.0

    def query(self, laid: Laid, pose: Pose, widening: float = 1.0) -> Query:
        """A frame encoded under every turn of the search around a pose, their steps widened by a factor.

        The search is about the corrections under which the frame was laid, as far as the pose is uncertain.
        """
        config, stride, patch = self._config.registration, self._encoder.stride, laid.patch
        steps = math.radians(config.heading_step_deg) * widening, config.scale_step * widening
        headings = symmetric_steps(pose.heading_std_rad, steps[0], config.max_steps)
        log_scales = symmetric_steps(pose.log_scale_std, steps[1], config.max_steps)
        reach_rad = math.radians(config.heading_reach_deg)
        at = all_turns(anchors(headings, reach_rad), anchors(log_scales, config.scale_reach))
        with self.watch.timed("rectify"):
            images, masks = variants(patch, at, stride)
        with self.watch.timed("encode"):
            encoded = self._encoder.encode(images, masks)
        nadir_cell = (patch.nadir_px[0] / stride, patch.nadir_px[1] / stride)
        cell_m = (patch.gsd_m[0] * stride, patch.gsd_m[1] * stride)
        with self.watch.timed("turn"):
            turns = searched(headings, log_scales, wide=widening > 1.0)
            descriptors = turned(encoded, at, turns, nadir_cell, cell_m)
        about = replace(pose, heading_rad=laid.pose.heading_rad, log_scale=laid.pose.log_scale)
        return Query(about, patch, laid.zoom, laid.middle_ne_m, descriptors, turns, nadir_cell, cell_m)

    def survey(self, query: Query, place_ne_m: tuple[float, float], radius_m: float) -> Surface | None:
        """How well a query fits within a radius of a place; None where there is no map."""
        x, y = self._cell(query, place_ne_m)
        radius = math.ceil(radius_m / min(query.cell_m))
        left = math.floor(x - query.nadir_cell[0]) - radius
        top = math.floor(y - query.nadir_cell[1]) - radius
        _, height, width = query.descriptors.mask.shape
        origin = (x - query.nadir_cell[0] - left, y - query.nadir_cell[1] - top)
        config = self._config
        displaced_m = config.integrity.relief_share * float(np.hypot(*query.middle_ne_m))
        same_place_m = max(config.registration.exclusion_m, min(displaced_m, radius_m / 2.0))
        search = Search(
            origin, query.cell_m, query.turns, query.pose.heading_std_rad, query.pose.log_scale_std, same_place_m
        )
        with self.watch.timed("register"):
            window = self._cache.descriptors(query.zoom, left, top, width + 2 * radius + 1, height + 2 * radius + 1)
            window = self._staleness.weighted(window, query.zoom, (left, top), self._encoder.stride)
            return survey(query.descriptors, window, search, config.registration, config.evidence, query.kept)

    def sharpened(self, query: Query, place_ne_m: tuple[float, float], match: Match) -> Match:
        """A match made more exact where local features of patch and map bear it out, and that is asked for."""
        config = self._config
        if not config.refine.enabled:
            return match
        images, masks = variants(query.patch, [(match.heading_rad, match.log_scale)], 1)
        patch = replace(query.patch, image=images[0], mask=masks[0])
        here = self.geo((place_ne_m[0] + match.offset_ne_m[0], place_ne_m[1] + match.offset_ne_m[1]))
        x, y = world_px_from_geo(here.lat_deg, here.lon_deg, query.zoom)
        reach_m = config.refine.max_sigmas * math.sqrt(float(np.linalg.eigvalsh(match.cov_ne_m2)[-1]))
        margin = _REFINE_MARGIN_PX + math.ceil(reach_m / min(patch.gsd_m))
        corner = (x - patch.nadir_px[0], y - patch.nadir_px[1])
        left, top = math.floor(corner[0]) - margin, math.floor(corner[1]) - margin
        height, width = patch.mask.shape
        with self.watch.timed("refine"):
            window = self._cache.image(query.zoom, left, top, width + 2 * margin + 1, height + 2 * margin + 1)
            found = refine(patch, window, (corner[0] - left, corner[1] - top), match.cov_ne_m2, config.refine)
        return match if found is None else sharpened(match, found, config.registration.map_std_m)

    def alias_share(self, query: Query, place_ne_m: tuple[float, float]) -> float:
        """How much the ground seen from a place looks like other ground near it, 0 to 1; 0 where nothing tells."""
        x, y = self._cell(query, (place_ne_m[0] + query.middle_ne_m[0], place_ne_m[1] + query.middle_ne_m[1]))
        found = self._cache.self_similarity_at(query.zoom, math.floor(x), math.floor(y))
        return 0.0 if found is None else found.score

    def witness(self, query: Query, match: Match, place_ne_m: tuple[float, float]) -> None:
        """Remember how well every part of the map agreed with a frame whose place was accepted."""
        k, stride = match.cell[0], self._encoder.stride
        one = Descriptors(query.descriptors.data[k : k + 1], query.descriptors.mask[k : k + 1])
        x, y = self._cell(query, place_ne_m)
        corner = (round(x - query.nadir_cell[0]), round(y - query.nadir_cell[1]))
        _, height, width = one.mask.shape
        with self.watch.timed("staleness"):
            ground = self._cache.descriptors(query.zoom, *corner, width, height)
            self._staleness.witness(block_agreements(one, ground, query.zoom, corner, stride), place_ne_m)

    def stale(self) -> list[StaleBlock]:
        """Parts of the map that the ground looked unlike again and again."""
        return self._staleness.stale()

    def _cell(self, query: Query, place_ne_m: tuple[float, float]) -> tuple[float, float]:
        """World cell (x, y) of a place at the level of a query."""
        here = self.geo(place_ne_m)
        x, y = world_px_from_geo(here.lat_deg, here.lon_deg, query.zoom)
        return x / self._encoder.stride, y / self._encoder.stride

    def geo(self, place_ne_m: tuple[float, float] | Float) -> GeoPoint:
        """A place of the local frame on the ellipsoid."""
        return GeoPoint(*self._local.geo_from_ne(float(place_ne_m[0]), float(place_ne_m[1])))

    def _laid(self, sight: Sight, pose: Pose, radius_m: float) -> Laid:
        image, limits = sight.frame.image, self._config.ortho
        assert image is not None
        ned_from_body = yaw_rotation(pose.heading_rad) @ sight.attitude.ned_from_body
        agl_m = sight.height.agl_m * math.exp(pose.log_scale)
        oblique_rad = math.radians(limits.max_oblique_deg)
        ground = footprint_ne(self._camera, ned_from_body, agl_m, oblique_rad)
        if len(ground) == 0:
            raise NoFixError(Outcome.OUTSIDE_CACHE)
        reach_m = float(np.ptp(ground, axis=0).max())
        zoom, gsd_m = self._level(reach_m, reach_m + 2.0 * radius_m, self.geo(pose.place_ne_m).lat_deg)
        patch = rectify(image, self._camera, ned_from_body, agl_m, gsd_m, oblique_rad, limits.cut_px)
        if patch is None or patch.mask.mean() < limits.min_valid_share or texture(patch) < limits.min_texture:
            raise NoFixError(Outcome.LOW_TEXTURE)
        return Laid(pose, zoom, patch)

    def _level(self, patch_m: float, window_m: float, lat_deg: float) -> tuple[int, tuple[float, float]]:
        """(zoom, metres per pixel) of the finest level that keeps patch and window small, else of the coarsest."""
        config = self._config
        patch, window = (patch_m, config.ortho.max_patch_px), (window_m, config.registration.max_window_px)
        zoom = finest_fitting(self._cache.levels, lat_deg, patch, window)
        return zoom, mercator_gsd_m(lat_deg, zoom)
