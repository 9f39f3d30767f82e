"""Terrain of caches that are joined, cut, compared and built again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from demfiles import grid, write_dem
from mapfiles import write_map
from program import at_once, is_refused

from uavloc.build import BuildReport, build_cache
from uavloc.cache import cachefile
from uavloc.cache.merge import merge_caches
from uavloc.cache.reuse import open_stored
from uavloc.cache.terrain import Terrain
from uavloc.encode import load_engine
from uavloc.errors import CacheError
from uavloc.region import parse_region
from uavloc.sources import open_source
from uavloc.sources.dem import open_dems
from uavloc.tiles import TileCache, verify
from uavloc.types import Encoder, GeoPoint

LAT, LON, GSD_M, SIZE = 47.4, 8.5, 0.5, 400
WEST, EAST = f"{LON - 0.01},{LAT - 0.01},{LON},{LAT + 0.01}", f"{LON},{LAT - 0.01},{LON + 0.01},{LAT + 0.01}"
STEP_DEG, SIDE = 1e-4, 120
AMSL, ELLIPSOID = "EPSG:4326+5773", "EPSG:4979"

Make = Callable[..., BuildReport]


def slope(base_m: float = 400.0) -> np.ndarray:
    """Heights that rise to the south and to the east."""
    rows, columns = np.indices((SIDE, SIDE))
    return (base_m + 0.5 * rows + 0.3 * columns).astype(np.float32)


def dem(path: Path, heights: np.ndarray, crs: str = AMSL, step_deg: float = STEP_DEG, **facts: float) -> Path:
    corner = LON - step_deg * SIDE / 2, LAT + step_deg * SIDE / 2
    return write_dem(path, heights, grid(*corner, step_deg), crs, **facts)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_engine("gradient", threads=1)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_map(tmp_path_factory.mktemp("ground") / "ground.png", LAT, LON, SIZE, GSD_M)


@pytest.fixture(scope="module")
def build(ground: Path, encoder: Encoder) -> Make:
    def made(out: Path, model: Path | None, region: str = "full", std_m: float = 2.0, older: Path | None = None):
        source = open_source(ground)
        terrain = Terrain(tuple(open_dems([model])), std_m) if model else None
        area, reuse = parse_region(region, [source.bounds]), [open_stored(older)] if older else []
        return build_cache(area, [source], encoder, out, terrain=terrain, reuse=reuse)

    return made


@pytest.fixture(scope="module")
def model(ground: Path) -> Path:
    return dem(ground.with_name("slope.tif"), slope())


@pytest.fixture(scope="module")
def whole(ground: Path, build: Make, model: Path) -> BuildReport:
    return build(ground.with_name("whole.mbtiles"), model)


@pytest.fixture(scope="module")
def west(ground: Path, build: Make, model: Path) -> BuildReport:
    return build(ground.with_name("west.mbtiles"), model, WEST)


@pytest.fixture(scope="module")
def east(ground: Path, build: Make, model: Path) -> BuildReport:
    return build(ground.with_name("east.mbtiles"), model, EAST)


@pytest.fixture(scope="module")
def plain_east(ground: Path, build: Make) -> BuildReport:
    return build(ground.with_name("plain.mbtiles"), None, EAST)


def merge(reports: list[BuildReport], encoder: Encoder, out: Path, text: str | None = None, progress=None):
    region = None if text is None else parse_region(text, [])
    return merge_caches([open_stored(report.path) for report in reports], encoder, out, region, progress)


def height(cache: TileCache, north_m: float, east_m: float) -> float | None:
    return cache.terrain_at(GeoPoint(LAT + north_m / 111_170.0, LON + east_m / 75_450.0))


def test_two_halves_make_the_whole_and_a_part_is_what_a_build_makes(whole, west, east, encoder, tmp_path):
    joined = merge([west, east], encoder, tmp_path / "joined.mbtiles")
    assert joined.content_digest == whole.content_digest
    assert joined.terrain == 1.0
    verify(joined.path)
    with TileCache.open(joined.path) as cache, TileCache.open(whole.path) as one:
        assert cache.manifest.terrain == one.manifest.terrain
        assert height(cache, 60, -60) == height(one, 60, -60) == pytest.approx(400 + 0.5 * 54.6 + 0.3 * 52, abs=1.0)
    cut = merge([joined], encoder, tmp_path / "cut.mbtiles", WEST)
    assert cut.content_digest == west.content_digest


def test_the_first_that_knows_a_height_tells_it(build, encoder, tmp_path):
    low = np.full((SIDE, SIDE), 100.0, np.float32)
    low[:, 60:] = -1.0
    one = build(tmp_path / "one.mbtiles", dem(tmp_path / "one.tif", low, nodata=-1.0), std_m=1.0)
    other = build(tmp_path / "other.mbtiles", dem(tmp_path / "other.tif", np.full_like(low, 200.0)), std_m=3.0)
    joined = merge([one, other], encoder, tmp_path / "joined.mbtiles")
    assert one.terrain < 0.6
    assert joined.terrain == 1.0
    with TileCache.open(joined.path) as cache:
        assert (height(cache, 0, -60), height(cache, 0, 60)) == pytest.approx((100.0, 200.0))
        assert cache.manifest.terrain.std_m == 3.0, "as far off as the worst of them"
        assert [source.name for source in cache.manifest.terrain.sources] == ["one.tif", "other.tif"]
    verify(joined.path)


def test_without_terrain_a_part_stays_without(west, plain_east, encoder, tmp_path):
    joined = merge([plain_east, west], encoder, tmp_path / "joined.mbtiles")
    assert 0.4 < joined.terrain <= 1.0
    with TileCache.open(joined.path) as cache, TileCache.open(west.path) as having:
        assert cache.manifest.terrain == having.manifest.terrain
    alone = merge([plain_east], encoder, tmp_path / "alone.mbtiles", EAST)
    assert alone.terrain is None
    with TileCache.open(alone.path) as cache:
        assert cache.manifest.terrain is None


def test_a_part_cut_out_where_no_height_is_known_says_so(build, encoder, tmp_path):
    heights = np.full((SIDE, SIDE), -1.0, np.float32)
    heights[50:57, 46:54] = 300.0
    known = build(tmp_path / "known.mbtiles", dem(tmp_path / "spot.tif", heights, nodata=-1.0))
    assert 0.0 < known.terrain < 0.5
    corner = f"{LON + 0.0008},{LAT - 0.001},{LON + 0.001},{LAT - 0.0008}"
    beside = merge([known], encoder, tmp_path / "beside.mbtiles", corner)
    assert beside.terrain == 0.0, "only the ring around it has heights"
    verify(beside.path)
    altered(known.path, "DELETE FROM uavloc_terrain", "DELETE FROM uavloc_hashes WHERE kind = 'terrain'")
    assert merge([known], encoder, tmp_path / "far.mbtiles", corner).terrain is None
    with TileCache.open(tmp_path / "far.mbtiles") as cache:
        assert cache.manifest.terrain is None


def test_terrain_that_does_not_go_together_is_refused(west, build, encoder, tmp_path):
    above = build(tmp_path / "ell.mbtiles", dem(tmp_path / "ell.tif", slope(), ELLIPSOID), EAST)
    with pytest.raises(
        CacheError, match=r"ell.mbtiles: terrain: .* from the ellipsoid, those of .*west.mbtiles from mean"
    ):
        merge([west, above], encoder, tmp_path / "no.mbtiles")
    coarse = build(tmp_path / "coarse.mbtiles", dem(tmp_path / "coarse.tif", slope(), step_deg=8 * STEP_DEG), EAST)
    with pytest.raises(
        CacheError,
        match=r"coarse.mbtiles: terrain: its samples are spaced for zoom \d+, those of .*west.mbtiles for zoom",
    ):
        merge([west, coarse], encoder, tmp_path / "no.mbtiles")
    is_refused(at_once("cache", "merge", west.path, above.path, "--out", tmp_path / "no.mbtiles"), "cannot be mixed")
    assert not list(tmp_path.glob("no.mbtiles*"))


class Interrupted(Exception):
    """Stands for whatever ends a merge."""


def test_a_merge_goes_on_only_with_the_same_terrain(west, east, build, model, encoder, tmp_path):
    """Another uncertainty is in no tile, but in the manifest."""
    surer = build(tmp_path / "surer.mbtiles", model, EAST, 1.0)
    assert surer.content_digest == east.content_digest

    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise Interrupted

    out = tmp_path / "joined.mbtiles"
    for other, resumed in ((east, True), (surer, True), (build(tmp_path / "w.mbtiles", model, EAST, 4.0), False)):
        with pytest.raises(Interrupted):
            merge([west, east], encoder, out, progress=stop)
        assert merge([west, other], encoder, out).resumed == resumed


def test_diff_tells_of_terrain(west, plain_east, east):
    told = at_once("cache", "diff", plain_east.path, east.path).out
    assert "terrain zoom" in told
    assert "only in B" in told
    found = json.loads(at_once("cache", "diff", plain_east.path, east.path, "--json").out)
    before, after = found["facts"]["terrain"]
    assert before is None
    assert (after["datum"], after["std_m"], after["sources"][0]["name"]) == ("amsl", 2.0, "slope.tif")
    differing = {tile["kind"] for tile in found["tiles"] if tile["changed_deg"]}
    assert differing == {"terrain"}


def test_a_rebuild_takes_descriptions_over_and_terrain_from_its_model(whole, build, tmp_path):
    higher = dem(tmp_path / "higher.tif", slope(900.0))
    fresh = build(tmp_path / "fresh.mbtiles", higher)
    again = build(tmp_path / "again.mbtiles", higher, older=whole.path)
    assert again.reused == again.embeddings == whole.embeddings
    assert again.content_digest == fresh.content_digest != whole.content_digest
    without = build(tmp_path / "without.mbtiles", None, older=whole.path)
    assert without.reused == without.embeddings
    with TileCache.open(without.path) as cache:
        assert cache.manifest.terrain is None
    verify(without.path)


def altered(path: Path, *statements: str) -> None:
    """Change a cache that has no index, and seal it again."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)
    cachefile.seal(path)


def test_a_cache_of_version_2_is_built_and_joined_like_any_other(whole, east, build, model, encoder, tmp_path):
    old = Path(shutil.copy(whole.path, tmp_path / "old.mbtiles"))
    altered(
        old,
        "DROP TABLE uavloc_terrain",
        "DELETE FROM uavloc_hashes WHERE kind = 'terrain'",
        "UPDATE uavloc_manifest SET json = json_set(json_remove(json, '$.terrain'), '$.format_version', 2)",
    )
    again = build(tmp_path / "again.mbtiles", model, older=old)
    assert again.reused == 0, "descriptors are stored otherwise since version 4"
    assert again.content_digest == whole.content_digest
    joined = merge_caches([open_stored(old), open_stored(east.path)], encoder, tmp_path / "joined.mbtiles")
    assert joined.terrain > 0.4
    verify(joined.path)


@pytest.mark.parametrize("data", ["x'00'", "7", "zeroblob(9000)"])
def test_a_blob_that_is_no_terrain_is_refused_at_the_merge(west, east, encoder, tmp_path, data):
    bad = Path(shutil.copy(west.path, tmp_path / "bad.mbtiles"))
    altered(bad, f"UPDATE uavloc_terrain SET data = {data}")
    with pytest.raises(CacheError, match=r"bad.mbtiles: terrain \d+/\d+/\d+: terrain is not 8192 bytes"):
        merge_caches([open_stored(bad), open_stored(east.path)], encoder, tmp_path / "no.mbtiles")
    assert not (tmp_path / "no.mbtiles").exists()
