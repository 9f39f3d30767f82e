"""What a build is about, in words and in JSON: the region, the levels a camera needs, and what it would take."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from uavloc.cache.terrain import DATUMS
from uavloc.commands.words import megabytes
from uavloc.frames import mean_gsd_m
from uavloc.prepare.estimate import Estimate, estimate
from uavloc.prepare.mapneed import MapNeed
from uavloc.prepare.plan import Plan, degrees
from uavloc.region import Area, Heights, swap_hint, told, told_each
from uavloc.types import MapSource

_log = logging.getLogger(__name__)

MAPPED = 0.8
"""A smaller share of a region with imagery is worth a warning."""
_ESTIMATE = "from figures measured once, on cores of one kind: half or twice as much is possible"


def region_rows(area: Area) -> list[tuple[str, str]]:
    """Where the region comes from, by how much it was widened, and what heights its file speaks of."""
    rows = [("drawn", area.drawn)] if area.drawn else []
    if area.buffer_m is not None:
        rows.append(("widened by", f"{area.buffer_m:g} m to every side"))
    return rows + [("heights in the file", _height_words(heights)) for heights in area.heights]


def need_rows(plan: Plan, need: MapNeed | None) -> list[tuple[str, str]]:
    """The levels that a camera can use and those that are built."""
    if need is None:
        return []
    low, high = (f"{agl_m:g}" for agl_m in need.agl_m)
    least_m, most_m = need.camera_gsd_m
    finest, coarsest = (
        f"zoom {zoom} ({mean_gsd_m(plan.lat_deg, zoom):.2f} m)" for zoom in (need.finest_zoom, need.coarsest_zoom)
    )
    return [
        ("camera", f"{least_m:.2f} to {most_m:.2f} m per pixel, {low} to {high} m above ground"),
        ("levels it needs", f"{finest}, finer is of no use, to {coarsest}, which must be there"),
    ]  # fmt: skip


def warn(plan: Plan, need: MapNeed | None, area: Area) -> None:
    """Warn where the built levels are not what the camera needs, or the file's heights are far from those given."""
    if need is None:
        return
    if plan.levels[-1] > need.coarsest_zoom:
        _log.warning(
            "engine %s has no level as coarse as zoom %d, which a view from %g m needs: its edges will not be used",
            plan.encoder.name, need.coarsest_zoom, need.agl_m[1],
        )  # fmt: skip
    if plan.levels[0] < need.coarsest_zoom:
        _log.warning(
            "the finest level is zoom %d (%.2f m), coarser than all that the camera needs: expect few fixes",
            plan.levels[0], mean_gsd_m(plan.lat_deg, plan.levels[0]),
        )  # fmt: skip
    for heights in area.heights:
        if heights.above != "sea level" and (heights.high_m < need.agl_m[0] or heights.low_m > need.agl_m[1]):
            _log.warning("--agl-m %g,%g has nothing in common with the mission, which flies %s",
                         *need.agl_m, _band(heights))  # fmt: skip


def warn_of_gaps(area: Area, sources: Sequence[MapSource]) -> None:
    """Warn, before anything is read, where much of a region lies off the sources; they are none where it is 'full'."""
    share = area.region.share_within([source.bounds for source in sources]) if sources else 1.0
    if share < MAPPED:
        places = [(source.name, source.bounds) for source in sources]
        _log.warning(
            "only %s of the region lies on the map; no position can be found over the rest (region %s; %s)%s",
            _part(share), told(area.region.bounds), told_each(places),
            swap_hint(area.region.bounds, [box for _, box in places]) if share < 0.5 else "",
        )  # fmt: skip


def warn_of_holes(area: Area, sources: Sequence[MapSource], coverage: float) -> None:
    """Warn where the sources turned out to have no imagery in much of a region that lies on them."""
    if sources and coverage < MAPPED <= area.region.share_within([source.bounds for source in sources]):
        _log.warning(
            "only %s of the region has imagery, since the sources have holes; no position can be found over the rest",
            _part(coverage),
        )  # fmt: skip


def _part(share: float) -> str:
    return f"{100.0 * share:.2g} %"


def dry_run_rows(area: Area, plan: Plan, sources: Sequence[MapSource], workers: int) -> list[tuple[str, str]]:
    """Area, what the sources cover of it, tiles, megabytes and minutes."""
    guess = estimate(plan, workers)
    tiles = ", ".join(f"zoom {zoom}: {count}" for zoom, count in guess.pictures.items())
    return [
        ("area", f"{area.region.area_km2:.3f} km2"),
        ("inside the outlines of the sources", _percent(area.region.share_within([s.bounds for s in sources]))),
        *((f"of it {s.name}", f"{_percent(area.region.share_within([s.bounds]))}, {s.gsd_m:.2f} m per pixel")
          for s in sources),
        ("finest map", f"zoom {plan.base_zoom}, {mean_gsd_m(plan.lat_deg, plan.base_zoom):.2f} m per pixel"),
        ("levels to match on", "zoom " + ", ".join(map(str, plan.levels))),
        ("tiles", f"{sum(guess.pictures.values())} pictures ({tiles}), {guess.described} described"),
        ("terrain", _terrain_words(plan, guess)),
        ("size, about", megabytes(guess.size_bytes)),
        ("time, about", _minutes(guess.seconds) + (f" with {workers} workers" if workers > 1 else "")),
        ("both are estimates", _ESTIMATE),
    ]  # fmt: skip


def dry_run_facts(
    area: Area, plan: Plan, sources: Sequence[MapSource], need: MapNeed | None, workers: int
) -> dict[str, Any]:
    """The same for programs."""
    guess, terrain = estimate(plan, workers), plan.terrain_facts()
    return {
        "region": {
            "bounds_deg": list(degrees(area.region.bounds)), "area_km2": area.region.area_km2, "drawn": area.drawn,
            "buffer_m": area.buffer_m,
            "heights": [{"low_m": h.low_m, "high_m": h.high_m, "above": h.above} for h in area.heights],
        },
        "sources": [
            {"name": source.name, "gsd_m": source.gsd_m, "share_at_most": area.region.share_within([source.bounds])}
            for source in sources
        ],
        "share_at_most": area.region.share_within([source.bounds for source in sources]),
        "base_zoom": plan.base_zoom,
        "levels": list(plan.levels),
        "needed": need and {
            "agl_m": list(need.agl_m), "camera_gsd_m": list(need.camera_gsd_m), "finest_zoom": need.finest_zoom,
            "coarsest_zoom": need.coarsest_zoom,
        },
        "pictures": {str(zoom): count for zoom, count in guess.pictures.items()},
        "described": guess.described,
        "terrain": terrain and {
            "zoom": terrain.zoom, "tiles": guess.terrain, "datum": terrain.datum, "std_m": terrain.std_m,
        },
        "estimate": {
            "megabytes": guess.size_bytes / 1e6, "minutes": guess.seconds / 60.0, "workers": workers, "of": _ESTIMATE,
        },
    }  # fmt: skip


def _height_words(heights: Heights) -> str:
    if heights.above == "terrain":
        return f"{_band(heights)}, by the terrain model of the planner; say with --agl-m what is true"
    return f"{_band(heights)}; that is not above the ground below: say that with --agl-m"


def _band(heights: Heights) -> str:
    low, high = f"{heights.low_m:g}", f"{heights.high_m:g}"
    return f"{low if low == high else f'{low} to {high}'} m above {heights.above}"


def _terrain_words(plan: Plan, guess: Estimate) -> str:
    facts = plan.terrain_facts()
    return f"{guess.terrain} tiles at zoom {facts.zoom}, heights over {DATUMS[facts.datum]}" if facts else "none"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60.0:.1f} minutes" if seconds < 7200.0 else f"{seconds / 3600.0:.1f} hours"


def _percent(share: float) -> str:
    return f"at most {100.0 * share:.1f} %"
