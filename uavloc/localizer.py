"""The one place where the stages meet: events in, one Estimate per frame out.

Flight, replay, benchmark and simulator all drive this object. It never raises on imagery and never invents a pose: what
a frame could not give is told by its Outcome.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from uavloc.camera import CameraModel
from uavloc.config import Config
from uavloc.errors import CacheError
from uavloc.filter import HEADING, SCALE, Advance, Measurement, State, VelocityReading, displacement_nis, start_state
from uavloc.frames import LocalFrame, mercator_gsd_m, rpy_from_rotation, world_px_from_geo, wrap_pi, yaw_rotation
from uavloc.odometry import View, measure_motion
from uavloc.ortho import footprint_ne, rectify, texture, variants
from uavloc.refine import refine, sharpened
from uavloc.register import Search, register
from uavloc.tiles import TileCache
from uavloc.track import Track
from uavloc.turns import Turn, all_turns, anchors, symmetric_steps, turned
from uavloc.types import (
    Attitude,
    Descriptors,
    Encoder,
    Estimate,
    Event,
    Fix,
    Float,
    Frame,
    GeoPoint,
    Height,
    Match,
    Outcome,
    Patch,
    Start,
    Velocity,
)

_SPEED_STD_MPS = 15.0
_REFINE_MARGIN_PX = 16
"""Map beyond the patch that features at its edge need."""


class _NoFixError(Exception):
    """Ends the work on a frame, with the reason."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


@dataclass(frozen=True)
class _Query:
    """A frame laid on the ground and encoded under every turn of the search around a state."""

    t_ns: int
    patch: Patch
    descriptors: Descriptors
    headings_rad: tuple[float, ...]
    log_scales: tuple[float, ...]
    nadir_cell: tuple[float, float]
    cell_m: tuple[float, float]
    zoom: int

    def view(self, turns: slice) -> View:
        """Some of the turns, as odometry sees them."""
        some = Descriptors(self.descriptors.data[turns], self.descriptors.mask[turns])
        return View(self.t_ns, some, self.nadir_cell, self.cell_m, self.zoom)

    def headings_view(self) -> View:
        """Every heading at the expected height."""
        scales = len(self.log_scales)
        return self.view(slice(scales // 2, None, scales))

    def turned_patch(self, heading_rad: float, log_scale: float) -> Patch:
        """The patch under one turn."""
        images, masks = variants(self.patch, [(heading_rad, log_scale)], 1)
        return Patch(images[0], masks[0], self.patch.gsd_m, self.patch.nadir_px)

    def nearest_view(self, heading_rad: float, log_scale: float) -> View:
        """The one turn nearest to a heading and log scale."""
        i = int(np.abs(np.array(self.headings_rad) - heading_rad).argmin())
        j = int(np.abs(np.array(self.log_scales) - log_scale).argmin())
        k = i * len(self.log_scales) + j
        return self.view(slice(k, k + 1))


class Localizer:
    """Turns camera frames with attitude and height into positions on a tile cache.

    Raises CacheError when the cache holds nothing to match with; never on what it sees in flight.
    """

    def __init__(
        self, cache: TileCache, encoder: Encoder, camera: CameraModel, config: Config, start: Start | None
    ) -> None:
        if not cache.levels or not cache.manifest.channels:
            raise CacheError(f"{cache.path}: holds no dense descriptors to localize with: build it with another engine")
        self._cache, self._encoder, self._camera, self._config = cache, encoder, camera, config
        self._start = start
        self._local = LocalFrame(start.point.lat_deg, start.point.lon_deg) if start else LocalFrame(0.0, 0.0)
        self._track: Track | None = None
        self._attitude: Attitude | None = None
        self._height: Height | None = None
        self._view: View | None = None
        self._first_ns: int | None = None
        self._timings_ms: dict[str, float] = {}

    def handle(self, event: Event) -> Estimate | None:
        """Take any event in time order; a Frame gives an Estimate."""
        if isinstance(event, Frame):
            return self.locate(event)
        if isinstance(event, Attitude):
            self._attitude = event
        elif isinstance(event, Height):
            self._height = event
        elif isinstance(event, Velocity) and self._track is not None:
            self._track.velocity(VelocityReading(event.t_ns, event.vel_ne_mps, event.std_mps))
        return None

    def locate(self, frame: Frame) -> Estimate:
        """What is known of the vehicle at the exposure of this frame."""
        self._timings_ms = {}
        self._first_ns = frame.t_ns if self._first_ns is None else self._first_ns
        fix, outcome = None, Outcome.FIX
        with self._timed("total"):
            try:
                fix = self._fix(frame)
            except _NoFixError as no_fix:
                outcome = no_fix.outcome
                if self._track is not None:
                    self._track.advance(Advance(frame.t_ns))
        return self._estimate(frame, outcome, fix)

    def _fix(self, frame: Frame) -> Fix:
        attitude, height = self._sensors(frame)
        track = self._started_track(frame.t_ns, attitude, height)
        query = self._query(frame, attitude, height, track.search_state)
        with self._timed("odometry"):
            track.advance(self._motion(query, track.state, _tilt_cov(attitude, height.agl_m)))
        prior = track.search_state
        with self._timed("register"):
            match = self._match(query, prior)
        if self._config.refine.enabled:
            with self._timed("refine"):
                match = self._refined(query, prior, match)
        if self._view is not None and self._view.t_ns == frame.t_ns:
            self._view = query.nearest_view(match.heading_rad, match.log_scale)
        measurement = self._measurement(match, prior, attitude, height)
        outcome = track.consider(measurement)
        if outcome is not Outcome.FIX:
            raise _NoFixError(outcome)
        north, east = measurement.values[:2]
        return Fix(frame.t_ns, self._geo(north, east), measurement.cov[:2, :2], match)

    def _sensors(self, frame: Frame) -> tuple[Attitude, Height]:
        """The attitude and height that belong to a frame; without an image there is nothing to do with them."""
        limits = self._config.ortho
        if frame.image is None:
            raise _NoFixError(Outcome.NO_IMAGE)
        if self._attitude is None:
            raise _NoFixError(Outcome.NO_ATTITUDE)
        if _age_s(frame, self._attitude) > limits.max_attitude_age_s:
            raise _NoFixError(Outcome.STALE_ATTITUDE)
        if self._height is None or _age_s(frame, self._height) > limits.max_height_age_s:
            raise _NoFixError(Outcome.NO_HEIGHT)
        return self._attitude, self._height

    def _started_track(self, t_ns: int, attitude: Attitude, height: Height) -> Track:
        """The track; the operator's start holds for the first frame of the flight, usable or not."""
        if self._start is None:
            raise _NoFixError(Outcome.LOST)
        if self._track is None:
            scale_std = max(self._config.filter.min_scale_std, height.std_m / height.agl_m)
            first_ns = t_ns if self._first_ns is None else self._first_ns
            prior = start_state(first_ns, self._start.std_m, _SPEED_STD_MPS, attitude.std_rad[2], scale_std)
            self._track = Track(prior, self._config)
        return self._track

    def _query(self, frame: Frame, attitude: Attitude, height: Height, state: State) -> _Query:
        assert frame.image is not None
        ned_from_body = yaw_rotation(state.mean[HEADING]) @ attitude.ned_from_body
        agl_m = height.agl_m * math.exp(state.mean[SCALE])
        with self._timed("rectify"):
            zoom, patch = self._patch(frame, ned_from_body, agl_m, state)
            headings, log_scales = self._turns(state)
            at = self._anchors(headings, log_scales)
            stride = self._encoder.stride
            images, masks = variants(patch, at, stride)
        with self._timed("encode"):
            encoded = self._encoder.encode(images, masks)
        nadir_cell = (patch.nadir_px[0] / stride, patch.nadir_px[1] / stride)
        cell_m = (patch.gsd_m[0] * stride, patch.gsd_m[1] * stride)
        with self._timed("turn"):
            descriptors = turned(encoded, at, all_turns(headings, log_scales), nadir_cell, cell_m)
        return _Query(frame.t_ns, patch, descriptors, headings, log_scales, nadir_cell, cell_m, zoom)

    def _patch(self, frame: Frame, ned_from_body: Float, agl_m: float, state: State) -> tuple[int, Patch]:
        """The frame on the ground, at the finest level of the cache whose patch is not too large."""
        assert frame.image is not None
        limits = self._config.ortho
        oblique_rad = math.radians(limits.max_oblique_deg)
        ground = footprint_ne(self._camera, ned_from_body, agl_m, oblique_rad)
        if len(ground) == 0:
            raise _NoFixError(Outcome.OUTSIDE_CACHE)
        reach_m = float(np.ptp(ground, axis=0).max())
        lat_deg = self._geo(*state.mean[:2]).lat_deg
        gsds = {zoom: mercator_gsd_m(lat_deg, zoom) for zoom in self._cache.levels}
        fitting = [zoom for zoom, gsd in gsds.items() if reach_m / min(gsd) <= limits.max_patch_px]
        zoom = max(fitting, default=min(gsds))
        patch = rectify(frame.image, self._camera, ned_from_body, agl_m, gsds[zoom], oblique_rad, limits.max_patch_px)
        if patch is None or patch.mask.mean() < limits.min_valid_share or texture(patch) < limits.min_texture:
            raise _NoFixError(Outcome.LOW_TEXTURE)
        return zoom, patch

    def _turns(self, state: State) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Headings and log scales to search."""
        config = self._config.registration
        heading_std, scale_std = self._turn_std(state)
        headings = symmetric_steps(heading_std, math.radians(config.heading_step_deg), config.max_steps)
        return headings, symmetric_steps(scale_std, config.scale_step, config.max_steps)

    def _anchors(self, headings: tuple[float, ...], log_scales: tuple[float, ...]) -> list[Turn]:
        """The turns under which the frame is encoded."""
        config = self._config.registration
        reach_rad = math.radians(config.heading_reach_deg)
        return all_turns(anchors(headings, reach_rad), anchors(log_scales, config.scale_reach))

    def _turn_std(self, state: State) -> tuple[float, float]:
        """How far heading and log scale of one frame may be from the corrected ones: bias and noise together."""
        noise = self._config.filter
        heading = math.hypot(math.sqrt(state.cov[HEADING, HEADING]), math.radians(noise.heading_noise_deg))
        return heading, math.hypot(math.sqrt(state.cov[SCALE, SCALE]), noise.scale_noise)

    def _motion(self, query: _Query, state: State, tilt_cov: Float) -> Advance:
        """How the vehicle moved since the last view, which this frame then replaces unless it is too young.

        A displacement that no vehicle could have made from its last velocity is a false peak, and is not used.
        """
        still, previous = Advance(query.t_ns), self._view
        if previous is not None and query.t_ns - previous.t_ns < self._config.odometry.min_gap_s * 1e9:
            return still
        self._view = query.nearest_view(0.0, 0.0)
        if previous is None:
            return still
        config = self._config
        motion = measure_motion(previous, query.headings_view(), config.filter.max_speed_mps, config.odometry)
        if motion is None:
            return still
        cov = motion.cov_ne_m2 + config.odometry.tilt_share**2 * tilt_cov
        step = Advance(query.t_ns, motion.since_ns, motion.displacement_ne_m, cov)
        plausible = displacement_nis(state, step, config.filter) <= config.filter.gate_chi2
        return step if plausible else still

    def _match(self, query: _Query, prior: State) -> Match:
        """The query's place on the map around a state."""
        config = self._config.registration
        radius_m = min(max(config.search_sigmas * prior.std_m, config.min_radius_m), config.max_radius_m)
        here = self._geo(*prior.mean[:2])
        x, y = (c / self._encoder.stride for c in world_px_from_geo(here.lat_deg, here.lon_deg, query.zoom))
        radius = math.ceil(radius_m / min(query.cell_m))
        left = math.floor(x - query.nadir_cell[0]) - radius
        top = math.floor(y - query.nadir_cell[1]) - radius
        _, height, width = query.descriptors.mask.shape
        window = self._cache.descriptors(query.zoom, left, top, width + 2 * radius + 1, height + 2 * radius + 1)
        origin = (x - query.nadir_cell[0] - left, y - query.nadir_cell[1] - top)
        cov = prior.cov[:2, :2]
        search = Search(origin, query.cell_m, cov, query.headings_rad, query.log_scales, *self._turn_std(prior))
        match = register(query.descriptors, window, search, config)
        if isinstance(match, Outcome):
            raise _NoFixError(match)
        return match

    def _refined(self, query: _Query, prior: State, match: Match) -> Match:
        """The match, sharpened where local features of the patch and of the map around it bear it out."""
        config, patch = self._config, query.turned_patch(match.heading_rad, match.log_scale)
        here = self._geo(prior.mean[0] + match.offset_ne_m[0], prior.mean[1] + match.offset_ne_m[1])
        x, y = world_px_from_geo(here.lat_deg, here.lon_deg, query.zoom)
        reach_m = config.refine.max_sigmas * math.sqrt(float(np.linalg.eigvalsh(match.cov_ne_m2)[-1]))
        margin = _REFINE_MARGIN_PX + math.ceil(reach_m / min(patch.gsd_m))
        corner = (x - patch.nadir_px[0], y - patch.nadir_px[1])
        left, top = math.floor(corner[0]) - margin, math.floor(corner[1]) - margin
        height, width = patch.mask.shape
        window = self._cache.image(query.zoom, left, top, width + 2 * margin + 1, height + 2 * margin + 1)
        found = refine(patch, window, (corner[0] - left, corner[1] - top), match.cov_ne_m2, config.refine)
        return match if found is None else sharpened(match, found, config.registration.map_std_m)

    def _measurement(self, match: Match, prior: State, attitude: Attitude, height: Height) -> Measurement:
        """The match in terms of the state, with the noise of tilt, heading and height added."""
        noise = self._config.filter
        values = np.array(
            [
                prior.mean[0] + match.offset_ne_m[0],
                prior.mean[1] + match.offset_ne_m[1],
                prior.mean[HEADING] + match.heading_rad,
                prior.mean[SCALE] + match.log_scale,
            ]
        )
        cov = np.zeros((4, 4))
        cov[:2, :2] = match.cov_ne_m2 + _tilt_cov(attitude, height.agl_m)
        cov[2, 2] = match.heading_std_rad**2 + math.radians(noise.heading_noise_deg) ** 2
        cov[3, 3] = match.log_scale_std**2 + noise.scale_noise**2
        return Measurement(prior.t_ns, values, cov)

    def _estimate(self, frame: Frame, outcome: Outcome, fix: Fix | None) -> Estimate:
        state = self._track.published if self._track else None
        if state is None:
            return Estimate(frame.t_ns, frame.name, outcome, timings_ms=self._timings_ms)
        heading = None
        if self._attitude is not None and _age_s(frame, self._attitude) <= self._config.ortho.max_attitude_age_s:
            heading = wrap_pi(rpy_from_rotation(self._attitude.ned_from_body)[2] + float(state.mean[HEADING]))
        return Estimate(
            frame.t_ns,
            frame.name,
            outcome,
            point=self._geo(*state.mean[:2]),
            cov_ne_m2=state.cov[:2, :2],
            vel_ne_mps=(float(state.mean[2]), float(state.mean[3])),
            heading_rad=heading,
            fix=fix,
            timings_ms=self._timings_ms,
        )

    def _geo(self, north_m: float, east_m: float) -> GeoPoint:
        return GeoPoint(*self._local.geo_from_ne(float(north_m), float(east_m)))

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._timings_ms[stage] = (time.perf_counter() - started) * 1e3


def _age_s(frame: Frame, reading: Attitude | Height) -> float:
    return (frame.t_ns - reading.t_ns) * 1e-9


def _tilt_cov(attitude: Attitude, agl_m: float) -> Float:
    """How uncertain roll and pitch move the point below the vehicle (north, east; m^2)."""
    along = agl_m * np.array([attitude.std_rad[1], attitude.std_rad[0]])
    heading = yaw_rotation(rpy_from_rotation(attitude.ned_from_body)[2])[:2, :2]
    cov: Float = heading @ np.diag(np.square(along)) @ heading.T
    return cov
