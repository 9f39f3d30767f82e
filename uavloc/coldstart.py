"""Where to look when nothing is known but the map: regions that resemble the frame, as poses to search about."""

from __future__ import annotations

import math

from uavloc.camera import CameraModel
from uavloc.config import Config
from uavloc.frames import LocalFrame, rpy_from_rotation, wrap_pi
from uavloc.motion.state import State
from uavloc.query import Pose, Sight
from uavloc.regions import HEADING_STEP_RAD, heading_turns, query_pictures
from uavloc.retrieve import Hint, Picture, Retriever
from uavloc.tiles import TileCache
from uavloc.types import Encoder, GeoPoint


class ColdStart:
    """Finds poses worth searching about; none where the cache has no index. Raises CacheError, MissingExtraError."""

    def __init__(
        self, cache: TileCache, encoder: Encoder, camera: CameraModel, config: Config, local: LocalFrame
    ) -> None:
        self._camera, self._config, self._local = camera, config, local
        self._lat_deg = local.lat_deg
        index = cache.index()
        self._retriever = None if index is None else Retriever(index, encoder)
        self._first_turn = 0
        self._area_m2 = _area_m2(local, *cache.manifest.region_bounds_deg)

    @property
    def possible(self) -> bool:
        """Whether the cache can be asked."""
        return self._retriever is not None

    def log_density(self, heading_std_rad: float | None) -> float:
        """Log of the prior density (per m^2) of being anywhere on the map, under a heading as rare as all tried."""
        width = math.tau if heading_std_rad is None else max(2.0 * HEADING_STEP_RAD, 4.0 * heading_std_rad)
        return -math.log(self._area_m2 * width / (2.0 * HEADING_STEP_RAD))

    def poses(self, sight: Sight, prior: State | None, heading_std_rad: float | None) -> list[Pose]:
        """Poses to search about, the likeliest first; with a prior, those within 3 sigma of it.

        The measured heading is off by `heading_std_rad` (1 sigma), or by anything where that is None.
        """
        if self._retriever is None or sight.frame.image is None:
            return []
        config, pictures = self._config, self._pictures(sight, self._retriever, heading_std_rad)
        yaw_rad = rpy_from_rotation(sight.attitude.ned_from_body)[2]
        scale_std = sight.log_scale_std(config.filter.min_scale_std)
        return [
            Pose(
                self._local.ne_from_geo(region.point.lat_deg, region.point.lon_deg),
                wrap_pi(region.heading_rad - yaw_rad), 0.0, HEADING_STEP_RAD / 2.0, scale_std,
            )
            for region in self._retriever.regions(pictures, config.cold_start.regions, self._hint(prior))
        ]  # fmt: skip

    def _turns(self, heading_std_rad: float | None) -> list[float]:
        """Corrections of the heading to try: all round, every other one, and those between them with the next frame."""
        turns = heading_turns(heading_std_rad)
        if heading_std_rad is not None:
            return turns
        first, self._first_turn = self._first_turn, 1 - self._first_turn
        return turns[first::2]

    def _hint(self, prior: State | None) -> Hint | None:
        if prior is None:
            return None
        return Hint(GeoPoint(*self._local.geo_from_ne(float(prior.mean[0]), float(prior.mean[1]))), 3.0 * prior.std_m)

    def _pictures(self, sight: Sight, retriever: Retriever, heading_std_rad: float | None) -> list[Picture]:
        """The frame as windows of the coarsest level that it fills: the more it shows, the better it is told apart."""
        assert sight.frame.image is not None
        turns = self._turns(heading_std_rad)
        for zoom in sorted(retriever.zooms):
            pictures = query_pictures(
                sight.frame.image, self._camera, sight.attitude.ned_from_body, sight.height.agl_m, turns,
                self._lat_deg, [zoom], retriever.window_px, math.radians(self._config.ortho.max_oblique_deg),
            )  # fmt: skip
            if pictures:
                return pictures
        return []

    def heading_std_rad(self, sight: Sight, doubted: bool) -> float | None:
        """How far the heading may be off; None for all round, where there is no compass.

        A compass that is doubted may be off by much more than it says, but not by anything: a map under which the
        vehicle would fly backwards is the map of another place.
        """
        std_rad = sight.attitude.std_rad[2]
        if std_rad >= math.pi:
            return None
        return max(std_rad, math.radians(self._config.cold_start.compass_fault_deg) / 2.0) if doubted else std_rad


def _area_m2(local: LocalFrame, west: float, south: float, east: float, north: float) -> float:
    low, high = local.ne_from_geo(south, west), local.ne_from_geo(north, east)
    return abs((high[0] - low[0]) * (high[1] - low[1]))
