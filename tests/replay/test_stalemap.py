"""What is written about stale parts of the map: GeoJSON that others read, around the ground that is meant."""

from __future__ import annotations

import json
import math
from pathlib import Path

import mercantile
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import shape

from uavloc.commands.replay import summary
from uavloc.errors import UavlocError
from uavloc.replay.stalemap import write_stale
from uavloc.run import Result
from uavloc.staleness import BLOCK_PX, StaleBlock

ONE = StaleBlock((17, 93_000, 76_001), 0.1234567, 0.0512345, 5, 7)
BLOCKS = st.integers(10, 20).flatmap(
    lambda zoom: st.tuples(st.just(zoom), *[st.integers(0, 2 ** (zoom + 1) - 1)] * 2)
)  # fmt: skip


def document(path: Path, blocks: list[StaleBlock]) -> dict:
    write_stale(path, blocks)
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_block_is_told_with_its_evidence(tmp_path: Path) -> None:
    (feature,) = document(tmp_path / "stale.geojson", [ONE])["features"]
    assert feature["type"] == "Feature"
    assert feature["properties"] == {"agreement": 0.051, "weight": 0.123, "witnesses": 5, "agreeing_neighbours": 7}


@settings(max_examples=60, deadline=None)
@given(block=BLOCKS)
def test_the_polygon_is_the_quarter_of_a_tile_that_the_block_is(
    tmp_path_factory: pytest.TempPathFactory, block: tuple[int, int, int]
) -> None:
    """Two blocks to the side of a tile of 256 pixels: those of the tile grid one zoom on, as mercantile knows it."""
    assert BLOCK_PX == 128
    path = tmp_path_factory.getbasetemp() / "stale.geojson"
    (feature,) = document(path, [StaleBlock(block, 0.1, 0.0, 4, 3)])["features"]
    ring = feature["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    assert len(ring) == 5
    polygon = shape(feature["geometry"])
    assert polygon.is_valid
    zoom, column, row = block
    assert polygon.bounds == pytest.approx(tuple(mercantile.bounds(column, row, zoom + 1)), abs=2e-7)


def test_the_ring_runs_as_rfc_7946_wants_it(tmp_path: Path) -> None:
    (feature,) = document(tmp_path / "stale.geojson", [ONE])["features"]
    assert shape(feature["geometry"]).exterior.is_ccw


@pytest.mark.parametrize(("count", "said"), [(1, "1 place, "), (3, "3 places, ")])
def test_the_summary_leaves_open_what_the_reason_is(count: int, said: str) -> None:
    """Ground of another season looks unlike the map too, which then is not out of date."""
    told = dict(summary(Result(Path("out"), [], None, stale=[ONE] * count)))["unlike the map"]
    assert told.startswith(said)
    for word in ("out of date", "or another season or light", "stale.geojson"):
        assert word in told
    assert "unlike the map" not in dict(summary(Result(Path("out"), [], None)))


def test_every_block_is_a_feature_and_none_is_an_empty_collection(tmp_path: Path) -> None:
    zoom, column, row = ONE.block
    beside = [StaleBlock((zoom, column + k, row), 0.1, 0.0, 4, 3) for k in range(3)]
    found = document(tmp_path / "some.geojson", beside)
    assert found["type"] == "FeatureCollection"
    first, second, third = (shape(feature["geometry"]) for feature in found["features"])
    assert first.touches(second)
    assert first.disjoint(third)
    assert math.isclose(first.area, second.area, rel_tol=1e-3)
    assert document(tmp_path / "none.geojson", []) == {"type": "FeatureCollection", "features": []}


def test_a_folder_that_is_gone_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UavlocError, match=r"stale\.geojson: cannot write"):
        write_stale(tmp_path / "no" / "stale.geojson", [ONE])
