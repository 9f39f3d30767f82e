"""A picture of what a frame was compared with, for whoever looks over the program's shoulder."""

from __future__ import annotations

import numpy as np

from uavloc.frames import LocalFrame, world_px_from_geo
from uavloc.hypotheses import Look
from uavloc.replay.album import on_ink
from uavloc.tiles import TileCache
from uavloc.types import Estimate, Pixels

_LINE_PX = 4


class LookPicture:
    """Remembers the last search of the map; for the thread of the localizer alone."""

    def __init__(self) -> None:
        self._seen: tuple[Look, LocalFrame] | None = None

    def look(self, look: Look, local: LocalFrame) -> None:
        """Remember a search."""
        self._seen = look, local

    def taken(self, estimate: Estimate, cache: TileCache) -> Pixels | None:
        """RGB, once: on the left the frame as it was laid on the ground, on the right the map where it is believed.

        Where nothing is believed the map is the one in the middle of the search; None where there was no search.
        """
        if self._seen is None:
            return None
        (look, local), self._seen = self._seen, None
        patch = look.query.patch
        place = local.geo_from_ne(*look.place_ne_m)
        if estimate.point is not None:
            place = estimate.point.lat_deg, estimate.point.lon_deg
        x, y = world_px_from_geo(*place, look.query.zoom)
        height, width = patch.image.shape[:2]
        left, top = round(x - patch.nadir_px[0]), round(y - patch.nadir_px[1])
        ground = cache.image(look.query.zoom, left, top, width, height)
        line = np.full((height, _LINE_PX, 3), 255, np.uint8)
        return np.hstack([on_ink(patch.image, patch.mask), line, on_ink(ground.rgb, ground.mask)])
