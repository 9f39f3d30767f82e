"""Parts of the map that the ground looked unlike in flight, as GeoJSON for QGIS and the next preparation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from uavloc.files import write_atomic
from uavloc.frames import geo_from_world_px
from uavloc.staleness import BLOCK_PX, StaleBlock


def write_stale(path: Path, blocks: Sequence[StaleBlock]) -> None:
    """Write one polygon for each block, with the evidence; raises UavlocError."""
    document = {"type": "FeatureCollection", "features": [_feature(block) for block in blocks]}
    write_atomic(path, (json.dumps(document, indent=1) + "\n").encode())


def _feature(stale: StaleBlock) -> dict[str, Any]:
    zoom, column, row = stale.block
    corners = [(0, 0), (0, 1), (1, 1), (1, 0), (0, 0)]
    ring = [geo_from_world_px((column + x) * BLOCK_PX, (row + y) * BLOCK_PX, zoom) for x, y in corners]
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [[[round(lon, 7), round(lat, 7)] for lat, lon in ring]]},
        "properties": {
            "agreement": round(stale.share, 3),
            "weight": round(stale.weight, 3),
            "witnesses": stale.witnesses,
            "agreeing_neighbours": stale.agreeing_neighbours,
        },
    }
