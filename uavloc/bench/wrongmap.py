"""The map of another place under the coordinates of the flight: a real map, turned by half a turn about its middle."""

from __future__ import annotations

import hashlib

import numpy as np

from uavloc.frames import world_px_from_geo
from uavloc.types import Bounds, MapImage, MapSource


class HalfTurned:
    """A map whose ground is the ground on the opposite side, upside down; nothing of it is where it should be."""

    def __init__(self, source: MapSource) -> None:
        self._source = source

    @property
    def name(self) -> str:
        """Name of the map, with a word on what was done to it."""
        return f"half-turned {self._source.name}"

    @property
    def bounds(self) -> Bounds:
        """The box of the map."""
        return self._source.bounds

    @property
    def gsd_m(self) -> float:
        """Metres per pixel of the map."""
        return self._source.gsd_m

    @property
    def date(self) -> str:
        """Date of the map."""
        return self._source.date

    @property
    def licence(self) -> str:
        """Licence of the map."""
        return self._source.licence

    @property
    def digest(self) -> str:
        """SHA-256 over the name of the turn and the digest of the map."""
        return hashlib.sha256(f"half-turned {self._source.digest}".encode()).hexdigest()

    def read(self, zoom: int, x_px: int, y_px: int, width_px: int, height_px: int) -> MapImage:
        """A window of world pixels: the opposite window of the map, turned. The middle is a whole or a half pixel."""
        b = self.bounds
        corners = (world_px_from_geo(b.north_deg, b.west_deg, zoom), world_px_from_geo(b.south_deg, b.east_deg, zoom))
        x_sum, y_sum = (round(first + last) for first, last in zip(*corners, strict=True))
        opposite = self._source.read(zoom, x_sum - x_px - width_px, y_sum - y_px - height_px, width_px, height_px)
        return MapImage(np.ascontiguousarray(opposite.rgb[::-1, ::-1]), np.ascontiguousarray(opposite.mask[::-1, ::-1]))
