"""Which level of the map a view is matched on. Flight chooses by it, and so does what prepares a map for flight."""

from __future__ import annotations

from collections.abc import Iterable

from uavloc.frames import mercator_gsd_m


def finest_fitting(zooms: Iterable[int], lat_deg: float, patch: tuple[float, int], window: tuple[float, int]) -> int:
    """The finest of some zooms that keeps patch and search window small, else the coarsest.

    Each is the metres of its longer side and the pixels that it may have at most.
    """
    gsds = {zoom: min(mercator_gsd_m(lat_deg, zoom)) for zoom in zooms}
    least_m = max(side_m / most_px for side_m, most_px in (patch, window))
    return max((zoom for zoom, gsd_m in gsds.items() if gsd_m >= least_m), default=min(gsds))
