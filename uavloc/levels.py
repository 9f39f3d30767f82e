"""Which level of the map a view is matched on. Flight chooses by it, and so does what prepares a map for flight."""

from __future__ import annotations

from collections.abc import Iterable

from uavloc.config import Config
from uavloc.frames import mercator_gsd_m


def finest_fitting(zooms: Iterable[int], reach_m: float, radius_m: float, lat_deg: float, config: Config) -> int:
    """The finest of some zooms that keeps patch and search window small, else the coarsest.

    `reach_m` is the longer side of the box around the ground that is seen, `radius_m` how far it is searched around.
    """
    gsds = {zoom: min(mercator_gsd_m(lat_deg, zoom)) for zoom in zooms}
    fitting = [
        zoom
        for zoom, gsd_m in gsds.items()
        if reach_m / gsd_m <= config.ortho.max_patch_px
        and (reach_m + 2.0 * radius_m) / gsd_m <= config.registration.max_window_px
    ]
    return max(fitting, default=min(gsds))
