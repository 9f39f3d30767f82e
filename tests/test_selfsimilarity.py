"""Self-similarity: aliases are found where they are, and generated country is told apart from repeating rows."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapfiles import bounds_around, card, textured, write_picture
from program import works

import uavloc.build
from uavloc import selfsimilarity
from uavloc.build import build_cache
from uavloc.cache import cachefile
from uavloc.cache.cachefile import SelfSimilarity
from uavloc.config import RegisterConfig
from uavloc.encode import load_engine
from uavloc.errors import CacheError
from uavloc.frames import geo_from_world_px, mercator_gsd_m
from uavloc.region import parse_region
from uavloc.selfsimilarity import self_similarity
from uavloc.sim import SUMMER, WorldSpec, scene_from_world
from uavloc.sources import open_source
from uavloc.tiles import TileCache, verify
from uavloc.types import Descriptors, Encoder

SIDE = 32
CELL_M = (2.0, 2.0)
LAT, LON, GSD_M = 48.0, 11.0, 0.5


def noise(seed: int, channels: int = 8) -> np.ndarray:
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(channels, 3 * SIDE, 3 * SIDE))
    smooth = np.stack([cv2.GaussianBlur(channel, (0, 0), 1.0) for channel in data])
    return (smooth / np.abs(smooth).max())[None].astype(np.float32)


def window(data: np.ndarray, mask: np.ndarray | None = None) -> Descriptors:
    known = np.ones((1, *data.shape[2:]), np.bool_) if mask is None else mask[None]
    return Descriptors(data * known[:, None], known)


def test_the_numbers_of_the_format_are_those_of_registration() -> None:
    config = RegisterConfig()
    assert config.surroundings_m == selfsimilarity.SURROUNDINGS_M
    assert config.exclusion_m == selfsimilarity.EXCLUSION_M
    assert config.min_overlap == selfsimilarity.MIN_OVERLAP


def test_ground_without_a_likeness_is_unique() -> None:
    found = self_similarity(window(noise(1)), CELL_M)
    assert found is not None
    assert found.score < 0.25


@given(st.integers(-SIDE, SIDE), st.integers(-SIDE, SIDE), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_copy_is_found_at_its_place(south: int, east: int, seed: int) -> None:
    """What is written `south` and `east` cells away is the tile itself, as far as the copy does not overlap it."""
    if max(abs(south), abs(east)) < SIDE // 2:
        return
    data = noise(seed)
    tile = data[..., SIDE : 2 * SIDE, SIDE : 2 * SIDE].copy()
    data[..., SIDE + south : 2 * SIDE + south, SIDE + east : 2 * SIDE + east] = tile
    data[..., SIDE : 2 * SIDE, SIDE : 2 * SIDE] = tile
    found = self_similarity(window(data), CELL_M)
    assert found is not None
    assert found.alias_ne_m == (-2.0 * south, 2.0 * east)
    assert found.score > 0.45


def test_a_whole_copy_is_a_perfect_alias() -> None:
    data = noise(5)
    data[..., SIDE : 2 * SIDE, :SIDE] = data[..., SIDE : 2 * SIDE, SIDE : 2 * SIDE]
    found = self_similarity(window(data), CELL_M)
    assert found is not None
    assert found.score == pytest.approx(1.0, abs=0.02)
    assert found.alias_ne_m == (0.0, -2.0 * SIDE)


def test_ground_that_shows_nothing_looks_like_everything() -> None:
    found = self_similarity(window(np.zeros((1, 4, 3 * SIDE, 3 * SIDE), np.float32)), CELL_M)
    assert found is not None
    assert found.score == 1.0


def test_unknown_ground_tells_nothing() -> None:
    mask = np.zeros((3 * SIDE, 3 * SIDE), np.bool_)
    assert self_similarity(window(noise(1), mask), CELL_M) is None
    mask[SIDE : 2 * SIDE, SIDE : SIDE + SIDE // 2 - 1] = True
    assert self_similarity(window(noise(1), mask), CELL_M) is None
    mask[SIDE : 2 * SIDE] = True
    assert self_similarity(window(noise(1), mask), CELL_M) is not None


@given(st.floats(0, 1), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_storage_keeps_thousandths_and_decimetres(score: float, north: float, east: float) -> None:
    back = cachefile.decode_similarity(cachefile.encode_similarity(SelfSimilarity(score, (north, east))), "here")
    assert back.score == pytest.approx(score, abs=0.0005001)
    assert back.alias_ne_m == pytest.approx((north, east), abs=0.0501)


@pytest.mark.parametrize("data", [b"", b"x" * 9, b"x" * 11, b"\xe9\x03" + bytes(8)])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(CacheError, match=r"^here: "):
        cachefile.decode_similarity(data, "here")


# ---- in a cache


@pytest.fixture(scope="module")
def engine() -> Encoder:
    return load_engine("evergreen", threads=1)


def built(folder: Path, rgb: np.ndarray, engine: Encoder) -> Path:
    facts = card(rgb, bounds_around(LAT, LON, rgb.shape[1], rgb.shape[0], GSD_M), GSD_M)
    source = open_source(write_picture(folder / "ground.png", rgb, facts))
    return build_cache(parse_region("full", [source.bounds]), [source], engine, folder / "ground.mbtiles").path


def scores(path: Path) -> np.ndarray:
    with TileCache.open(path) as cache:
        found = [cache.self_similarity(cache.levels[0], *tile) for tile in cache.tiles(cache.levels[0])]
    return np.array([similarity.score for similarity in found if similarity is not None])


def equal_parcels(size_px: int, parcel_m: float) -> np.ndarray:
    """Fields of one size and one pattern of trees, side by side, row after row, with a little noise."""
    parcel = round(parcel_m / GSD_M)
    one = textured(parcel, parcel, seed=7)
    one[:4], one[:, :4] = 90, 90
    count = -(-size_px // parcel)
    rgb = np.tile(one, (count, count, 1))[:size_px, :size_px].astype(np.float32)
    grain = np.random.default_rng(1).normal(0, 4, rgb.shape)
    return np.clip(rgb + grain, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory, engine: Encoder) -> Path:
    return built(tmp_path_factory.mktemp("parcels"), equal_parcels(600, 60.0), engine)


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory, engine: Encoder) -> Path:
    """A generated world: a village, roads, fields and woods as they come."""
    scene = scene_from_world(WorldSpec(seed=4, size_m=300.0, gsd_m=GSD_M), SUMMER)
    return built(tmp_path_factory.mktemp("country"), scene.rgb, engine)


def test_equal_parcels_are_aliases_and_country_is_not(parcels: Path, country: Path) -> None:
    alike, apart = scores(parcels), scores(country)
    assert len(alike) >= 4
    assert np.median(alike) > 0.8
    assert np.median(apart) < 0.4


def test_the_alias_of_a_parcel_is_a_parcel_away(parcels: Path) -> None:
    with TileCache.open(parcels) as cache:
        zoom = cache.levels[0]
        found = [cache.self_similarity(zoom, *tile) for tile in cache.tiles(zoom)]
    offsets = np.array([similarity.alias_ne_m for similarity in found if similarity is not None]) / 60.0
    assert np.abs(offsets - offsets.round()).max() < 0.1
    assert (np.abs(offsets).max(axis=1) > 0.5).all()


def test_the_stored_score_is_that_of_the_stored_descriptors(country: Path) -> None:
    with TileCache.open(country) as cache:
        zoom = cache.levels[0]
        side = 256 // cache.manifest.stride
        for column, row in cache.tiles(zoom):
            lat_deg, _ = geo_from_world_px(0.0, (row + 0.5) * 256, zoom)
            north_m, east_m = (cache.manifest.stride * gsd_m for gsd_m in mercator_gsd_m(lat_deg, zoom))
            around = cache.descriptors(zoom, (column - 1) * side, (row - 1) * side, 3 * side, 3 * side)
            direct = self_similarity(around, (north_m, east_m))
            stored = cache.self_similarity_at(zoom, column * side + side - 1, row * side)
            assert (stored is None) == (direct is None)
            if stored is not None and direct is not None:
                assert stored.score == pytest.approx(direct.score, abs=0.001)
                assert stored.alias_ne_m == pytest.approx(direct.alias_ne_m, abs=0.051)
        assert cache.self_similarity(zoom, 0, 0) is None
        assert cache.self_similarity(3, 0, 0) is None


def test_a_build_interrupted_while_comparing_ends_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped with some of the tiles compared, continued, and stored to the last bit like one that ran through."""
    monkeypatch.setattr(uavloc.build, "COMMIT_SECONDS", 0.0)
    engine = load_engine("gradient", threads=1)
    rgb = textured(700, 700)
    source = open_source(
        write_picture(tmp_path / "ground.png", rgb, card(rgb, bounds_around(LAT, LON, 700, 700, GSD_M), GSD_M))
    )
    region = parse_region("full", [source.bounds])
    through = build_cache(region, [source], engine, tmp_path / "through.mbtiles")

    def stop(done: int, total: int) -> None:
        if done >= 0.9 * total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_cache(region, [source], engine, tmp_path / "twice.mbtiles", stop)
    partly = rows_of(tmp_path / "twice.mbtiles.building")
    twice = build_cache(region, [source], engine, tmp_path / "twice.mbtiles")
    assert twice.resumed
    assert twice.content_digest == through.content_digest
    assert 0 < len(partly) < len(rows_of(twice.path))
    assert rows_of(twice.path) == rows_of(through.path)


def rows_of(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT * FROM uavloc_similarity ORDER BY 1, 2, 3").fetchall()


def test_inspect_shows_the_spread(parcels: Path) -> None:
    levels = json.loads(works("inspect", parcels, "--json").out)["self_similarity"]
    with TileCache.open(parcels) as cache:
        assert [level["zoom"] for level in levels] == list(cache.levels)
    assert levels[0]["median"] == pytest.approx(np.median(scores(parcels)))
    assert levels[0]["share_above_half"] == pytest.approx((scores(parcels) > 0.5).mean())
    lines = [line for line in works("inspect", parcels).out.splitlines() if "looks like itself" in line]
    assert len(lines) == sum(level["tiles"] > 0 for level in levels)
    assert f"median {levels[0]['median']:.2f}" in lines[0]


def altered(path: Path, copy: Path, *statements: str) -> Path:
    """A copy, changed and sealed again, without the index behind its database."""
    with closing(sqlite3.connect(path)) as db:
        pages, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    content = path.read_bytes()
    copy.write_bytes(content[: pages * size])
    with closing(sqlite3.connect(copy)) as db, db:
        for statement in statements:
            db.execute(statement)
    with copy.open("ab") as file:
        file.write(content[pages * size :])
    cachefile.seal(copy)
    return copy


def test_a_cache_of_version_1_opens_and_tells_nothing(country: Path, tmp_path: Path) -> None:
    """As version 1 was written: neither the table nor its hashes, nor that of terrain."""
    old = altered(
        country,
        tmp_path / "old.mbtiles",
        "DROP TABLE uavloc_similarity",
        "DROP TABLE uavloc_terrain",
        "DELETE FROM uavloc_hashes WHERE kind = 'similarity'",
        "UPDATE uavloc_manifest SET json = replace(json, '\"format_version\":4', '\"format_version\":1')",
    )
    with closing(sqlite3.connect(old)) as db, db:
        digest = cachefile.content_digest(db)
        db.execute("UPDATE uavloc_manifest SET json = json_set(json, '$.content_digest', ?)", (digest,))
    cachefile.seal(old)
    with TileCache.open(old) as cache:
        assert cache.manifest.format_version == 1
        assert cache.self_similarity(cache.levels[0], *cache.tiles(cache.levels[0])[0]) is None
    verify(old)
    assert json.loads(works("inspect", old, "--json").out)["self_similarity"] == []
    assert "looks like itself" not in works("inspect", old).out


def test_a_missing_table_is_refused(country: Path, tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="table uavloc_similarity: missing"):
        TileCache.open(altered(country, tmp_path / "cut.mbtiles", "DROP TABLE uavloc_similarity"))


@pytest.mark.parametrize("data", ["x'00'", "7", "zeroblob(999999)", "x'FFFF0000000000000000'"])
def test_wrong_scores_are_refused_and_named(country: Path, tmp_path: Path, data: str) -> None:
    path = altered(country, tmp_path / "bad.mbtiles", f"UPDATE uavloc_similarity SET data = {data}")
    with TileCache.open(path) as cache:
        zoom = cache.levels[0]
        with pytest.raises(CacheError, match=r"bad.mbtiles: similarity \d+/\d+/\d+: "):
            [cache.self_similarity(zoom, *tile) for tile in cache.tiles(zoom)]
    with pytest.raises(CacheError, match=r"similarity \d+/\d+/\d+: does not match its hash"):
        verify(path)
