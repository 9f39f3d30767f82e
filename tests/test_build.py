"""Building: what is stored, what is refused, and that nothing is lost when a build dies."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import cv2
import mercantile
import numpy as np
import pytest
import rasterio
from globalhead import write_engine
from mapfiles import bounds_around, card, textured, write_map, write_picture

import uavloc.build
from uavloc.build import build_cache
from uavloc.cache import cachefile
from uavloc.crew.chunks import halved
from uavloc.encode import load_engine
from uavloc.errors import BuildError, InputError, RegionError
from uavloc.frames import mercator_gsd_m, world_px_from_geo, zoom_for_gsd
from uavloc.region import Region, parse_region
from uavloc.sources import open_source
from uavloc.tiles import TileCache, verify
from uavloc.types import Bounds, GeoPoint, MapImage

LAT, LON, GSD_M, SIZE = -35.3, 149.1, 0.5, 600


@pytest.fixture(scope="module")
def encoder():
    return load_engine("gradient", threads=1)


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    return write_map(tmp_path_factory.mktemp("map") / "ground.png", LAT, LON, SIZE, GSD_M)


@pytest.fixture(scope="module")
def whole(picture, encoder):
    """A finished build of the whole picture."""
    out = picture.with_suffix(".mbtiles")
    return build(picture, encoder, out)


def build(picture, encoder, out, text="full", progress=None):
    source = open_source(picture)
    return build_cache(parse_region(text, [source.bounds]), [source], encoder, out, progress)


def box_text(north_m, east_m, size_m):
    b = bounds_around(*_moved(north_m, east_m), 2, 2, size_m / 2)
    return f"{b.west_deg!r},{b.south_deg!r},{b.east_deg!r},{b.north_deg!r}"


def _moved(north_m, east_m):
    return LAT + north_m / 110940.0, LON + east_m / 90978.0


def test_the_report_tells_what_was_built(whole, encoder):
    assert whole.base_zoom == zoom_for_gsd(GSD_M, LAT)
    finest, coarsest = encoder.gsd_range_m
    for zoom in range(10, 23):
        gsd = math.sqrt(math.prod(mercator_gsd_m(LAT, zoom)))
        assert (zoom in whole.levels) == (finest <= gsd <= coarsest and zoom <= whole.base_zoom)
    assert whole.coverage == pytest.approx(1.0, abs=0.01)
    assert whole.size_bytes == whole.path.stat().st_size
    assert not whole.resumed
    with closing(sqlite3.connect(whole.path)) as db:
        assert whole.images == db.execute("SELECT count(*) FROM tiles").fetchone()[0]
        assert whole.embeddings == db.execute("SELECT count(*) FROM uavloc_embeddings").fetchone()[0]


def test_exactly_the_tiles_of_the_source_are_stored(whole, picture):
    b = open_source(picture).bounds
    expected = {
        (tile.x, tile.y)
        for tile in mercantile.tiles(b.west_deg, b.south_deg, b.east_deg, b.north_deg, zooms=whole.base_zoom)
    }
    with closing(sqlite3.connect(whole.path)) as db:
        query = "SELECT tile_column, (1 << zoom_level) - 1 - tile_row FROM tiles WHERE zoom_level = ?"
        stored = set(db.execute(query, (whole.base_zoom,)))
        coarsest = db.execute("SELECT count(*) FROM tiles WHERE zoom_level = (SELECT min(zoom_level) FROM tiles)")
        assert coarsest.fetchone()[0] <= 4
    assert stored == expected
    with TileCache.open(whole.path) as cache:
        assert set(cache.tiles(whole.base_zoom)) == expected


def test_cells_do_not_know_where_tiles_end(whole, encoder):
    """Descriptors of the cache are those of one big mosaic, up to the loss of four bits."""
    with TileCache.open(whole.path, encoder) as cache:
        for level in cache.levels:
            x, y = (int(value) // 4 * 4 for value in world_px_from_geo(LAT, LON, level))
            half = int(SIZE * GSD_M / 2 / mercator_gsd_m(LAT, level)[0]) // 8 * 8 - 8
            picture = cache.image(level, x - half, y - half, 2 * half, 2 * half)
            assert picture.mask.all()
            grey = cv2.cvtColor(picture.rgb, cv2.COLOR_RGB2GRAY)
            direct = encoder.encode(grey[None], picture.mask[None])
            stored = cache.descriptors(level, (x - half) // 2, (y - half) // 2, half, half)
            edge = encoder.halo_px // encoder.stride
            inner = slice(edge, -edge)
            assert half - 2 * edge > 10
            assert stored.mask[0, inner, inner].all()
            difference = np.abs(stored.data - direct.data)[0, :, inner, inner]
            size = np.sqrt(np.square(direct.data).mean())
        assert np.sqrt(np.square(difference).mean()) < 0.17 * size
        assert np.median(difference) < 0.13 * size


def test_overviews_are_means_of_four(whole):
    with TileCache.open(whole.path) as cache:
        x, y = (int(value) - 60 for value in world_px_from_geo(LAT, LON, whole.base_zoom - 1))
        coarse = cv2.cvtColor(cache.image(whole.base_zoom - 1, x, y, 120, 120).rgb, cv2.COLOR_RGB2GRAY).astype(float)
        fine = cv2.cvtColor(cache.image(whole.base_zoom, 2 * x, 2 * y, 240, 240).rgb, cv2.COLOR_RGB2GRAY)
    difference = coarse - fine.reshape(120, 2, 120, 2).mean(axis=(1, 3))
    assert np.abs(difference).mean() < 3, "WebP loses a little"
    assert abs(difference.mean()) < 0.5


def test_halving_keeps_to_real_pixels():
    rgb = np.zeros((2, 8, 3), np.uint8)
    mask = np.zeros((2, 8), bool)
    rgb[:, 0:2], mask[:, 0:2] = [[[10] * 3, [20] * 3], [[30] * 3, [41] * 3]], True
    rgb[0, 2:4], mask[0, 2:4] = 100, True
    rgb[0, 4], mask[0, 4] = 100, True
    half = halved(MapImage(rgb, mask))
    assert half.rgb[0, :, 0].tolist() == [25, 100, 0, 0]
    assert half.mask[0].tolist() == [True, True, False, False]


def test_two_builds_have_the_same_content(whole, picture, encoder, tmp_path):
    again = build(picture, encoder, tmp_path / "again.mbtiles")
    assert again.content_digest == whole.content_digest
    with TileCache.open(again.path) as cache:
        assert cache.content_digest() == cache.manifest.content_digest == whole.content_digest
    assert [child.name for child in tmp_path.iterdir()] == ["again.mbtiles"], "nothing is left beside it"


def test_the_first_source_wins_and_later_ones_fill(encoder, tmp_path):
    size = 300
    red, green = np.zeros((2, size, size, 3), np.uint8)
    red[:, :, 0], green[:, :, 1] = 200, 200
    paths = []
    for name, rgb, east_m in (("red", red, 0.0), ("green", green, 60.0)):
        bounds = bounds_around(*_moved(0.0, east_m), size, size, GSD_M)
        paths.append(write_picture(tmp_path / f"{name}.png", rgb, card(rgb, bounds, GSD_M)))
    sources = [open_source(path) for path in paths]
    region = parse_region("full", [source.bounds for source in sources])
    report = build_cache(region, sources, encoder, tmp_path / "both.mbtiles")
    with TileCache.open(report.path) as cache:
        assert [record.name for record in cache.manifest.sources] == ["red.png", "green.png"]

        def colour(east_m):
            x, y = world_px_from_geo(*_moved(0.0, east_m), report.base_zoom)
            return cache.image(report.base_zoom, int(x), int(y), 1, 1).rgb[0, 0] > 100

        assert colour(0.0).tolist() == colour(70.0).tolist() == [True, False, False]
        assert colour(80.0).tolist() == colour(130.0).tolist() == [False, True, False]
    assert report.coverage == pytest.approx(1.0, abs=0.02)


def test_a_polygon_takes_only_its_tiles(picture, encoder, tmp_path, whole):
    frame = [_moved(n, e) for n, e in ((100, -100), (100, -60), (60, -60), (60, -100), (100, -100))]
    ring = tuple((lon, lat) for lat, lon in frame)
    lons, lats = zip(*ring, strict=True)
    region = Region(Bounds(min(lons), min(lats), max(lons), max(lats)), ((ring,),))
    report = build_cache(region, [open_source(picture)], encoder, tmp_path / "p.mbtiles")
    assert report.images < whole.images
    assert report.coverage == pytest.approx(1.0, abs=0.03)
    with TileCache.open(report.path) as cache:
        assert cache.covers(GeoPoint(*_moved(80, -80)))
        assert not cache.covers(GeoPoint(*_moved(-100, 100)))


def test_partly_outside_builds_what_there_is(picture, encoder, tmp_path):
    steps = []
    region = parse_region(box_text(0.0, 150.0, 200.0), [])
    report = build_cache(
        region,
        [open_source(picture)],
        encoder,
        tmp_path / "half.mbtiles",
        lambda done, total: steps.append((done, total)),
    )
    assert steps[-1][0] == steps[-1][1]
    assert report.coverage == pytest.approx(0.5, abs=0.02)


def test_outside_all_sources_is_refused(picture, encoder, tmp_path):
    with pytest.raises(RegionError, match=r"lies outside all sources \(ground.png: 149\.\d{6},-35\.\d{6},149"):
        build(picture, encoder, tmp_path / "no.mbtiles", "0,0,1,1")
    assert not list(tmp_path.iterdir())


def test_empty_sources_are_refused(encoder, tmp_path):
    nothing = np.dstack([textured(64, 64), np.zeros((64, 64), np.uint8)])
    facts = card(nothing, bounds_around(LAT, LON, 64, 64, GSD_M), GSD_M)
    path = write_picture(tmp_path / "none.png", nothing, facts)
    with pytest.raises(RegionError, match="the sources are empty there"):
        build(path, encoder, tmp_path / "no.mbtiles")
    assert not list(tmp_path.glob("no.mbtiles*"))


def test_too_coarse_for_the_engine_says_both(encoder, tmp_path):
    path = write_map(tmp_path / "coarse.png", LAT, LON, 100, 5.0)
    with pytest.raises(InputError, match=r"coarse.png: 5 m per pixel is too coarse: engine gradient works at 0.35 to"):
        build(path, encoder, tmp_path / "no.mbtiles")


def test_a_source_finer_than_the_engine_is_brought_down(encoder, tmp_path):
    path = write_map(tmp_path / "fine.png", LAT, LON, 900, 0.1)
    report = build(path, encoder, tmp_path / "fine.mbtiles")
    assert report.base_zoom == zoom_for_gsd(0.1, LAT)
    assert report.levels[0] == report.base_zoom - 2
    with TileCache.open(report.path) as cache:
        assert cache.manifest.min_zoom <= report.levels[-1]
        assert cache.covers(GeoPoint(LAT, LON))


def test_progress_grows_to_its_total(picture, encoder, tmp_path):
    steps = []
    build(picture, encoder, tmp_path / "p.mbtiles", progress=lambda done, total: steps.append((done, total)))
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]
    assert len({total for _, total in steps}) == 1


def test_names_that_look_like_sql(encoder, tmp_path):
    name = "a'; DROP TABLE tiles; --\udcff\".png"
    path = write_map(tmp_path / name, LAT, LON, 200, GSD_M)
    report = build(path, encoder, tmp_path / 'it\'s a "cache".mbtiles')
    with TileCache.open(report.path) as cache:
        assert cache.manifest.sources[0].name == "a'; DROP TABLE tiles; --?\".png"
    verify(report.path)


def test_unwritable_places_are_refused_in_one_line(picture, encoder, tmp_path):
    (tmp_path / "file").write_text("")
    for out, reason in (
        (tmp_path / "nowhere" / "a.mbtiles", "No such file"),
        (tmp_path / "file" / "a.mbtiles", "Not a directory"),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(BuildError, match=f"{out}: .*{reason}") as caught:
            build(picture, encoder, out)
        assert "\n" not in str(caught.value)


def test_a_second_build_onto_the_same_file_is_refused(picture, encoder, tmp_path):
    out = tmp_path / "a.mbtiles"
    refusals = []

    def meanwhile(done, total):
        if not refusals:
            with pytest.raises(BuildError, match=r"a.mbtiles: another build is writing it") as caught:
                build(picture, encoder, out)
            refusals.append(caught)

    build(picture, encoder, out, progress=meanwhile)
    assert refusals
    verify(out)


class Interrupted(Exception):
    """Stands for whatever ends a build."""


def interrupted_build(picture, encoder, out, share=0.6):
    """Leave a partial build with some of the work in it."""

    def stop(done, total):
        if done >= share * total:
            raise Interrupted

    with pytest.raises(Interrupted):
        build(picture, encoder, out, progress=stop)


def test_another_recipe_starts_anew(picture, encoder, tmp_path, whole, monkeypatch):
    monkeypatch.setattr(uavloc.build, "COMMIT_SECONDS", 0.0)
    out = tmp_path / "a.mbtiles"
    interrupted_build(picture, encoder, out)
    report = build(picture, encoder, out, box_text(50.0, 50.0, 100.0))
    assert not report.resumed
    assert report.images < whole.images
    verify(out)


@pytest.mark.parametrize("damage", ["garbage", "tile", "cut"])
def test_a_damaged_partial_starts_anew(picture, encoder, tmp_path, whole, monkeypatch, damage):
    monkeypatch.setattr(uavloc.build, "COMMIT_SECONDS", 0.0)
    out, work = tmp_path / "a.mbtiles", tmp_path / "a.mbtiles.building"
    interrupted_build(picture, encoder, out)
    if damage == "garbage":
        work.write_bytes(os.urandom(5000))
    elif damage == "cut":
        work.write_bytes(work.read_bytes()[: work.stat().st_size // 2])
    else:
        with closing(sqlite3.connect(work)) as db, db:
            db.execute("UPDATE tiles SET tile_data = x'00' WHERE rowid = 3")
    report = build(picture, encoder, out)
    assert not report.resumed
    assert report.content_digest == whole.content_digest


SCRIPT = """
import sys
from pathlib import Path
import uavloc.build
from uavloc.encode import load_engine
from uavloc.region import parse_region
from uavloc.sources import open_source
uavloc.build.COMMIT_SECONDS = 0.0
source = open_source(sys.argv[1])
def progress(done, total):
    print(f"{100 * done // total}", flush=True)
    sys.stdin.readline()
region = parse_region("full", [source.bounds])
uavloc.build.build_cache(region, [source], load_engine("gradient", threads=1), Path(sys.argv[2]), progress)
"""


def killed_build(picture, out, how, percent):
    """Run a build in a process of its own and end it with a signal once `percent` is done; its exit status."""
    command = [sys.executable, "-c", SCRIPT, str(picture), str(out)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        while int(process.stdout.readline()) < percent:
            process.stdin.write("\n")
            process.stdin.flush()
        process.send_signal(how)
        process.communicate()
    return process.returncode


@pytest.mark.parametrize(("how", "percent"), [(signal.SIGKILL, 20), (signal.SIGKILL, 90), (signal.SIGINT, 55)])
def test_a_killed_build_is_continued_and_the_old_cache_stays(picture, encoder, tmp_path, whole, how, percent):
    out = tmp_path / "a.mbtiles"
    old = build(picture, encoder, out, box_text(50.0, 50.0, 100.0))
    with TileCache.open(out) as in_use:
        assert killed_build(picture, out, how, percent) != 0
        assert out.with_name("a.mbtiles.building").exists()
        with TileCache.open(out) as cache:
            assert cache.manifest.content_digest == old.content_digest
        steps = []
        report = build(picture, encoder, out, progress=lambda done, total: steps.append(done))
        assert report.resumed
        assert report.content_digest == whole.content_digest
        assert in_use.covers(GeoPoint(*_moved(50.0, 50.0))), "a reader keeps the file it opened"
    verify(out)
    assert [child.name for child in tmp_path.iterdir()] == ["a.mbtiles"]


def test_killed_before_the_last_rename(picture, encoder, tmp_path, whole, monkeypatch):
    """Finished and sealed, but not yet in place: the next run finds everything done."""
    out = tmp_path / "a.mbtiles"

    def die(self, target):
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die)
        with pytest.raises(Interrupted):
            build(picture, encoder, out)
    assert not out.exists()
    report = build(picture, encoder, out)
    assert report.resumed
    assert report.content_digest == whole.content_digest
    verify(out)


def test_a_full_disk_is_one_line_and_the_old_cache_stays(picture, encoder, tmp_path):
    out = tmp_path / "a.mbtiles"
    build(picture, encoder, out, box_text(50.0, 50.0, 100.0))
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))\n" + SCRIPT
    command = [sys.executable, "-c", limited.replace("sys.stdin.readline()", "pass"), str(picture), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"uavloc.errors.BuildError: {out}: cannot write the cache: ")
    verify(out)


WINDOW_PX, STEP_PX = 96, 24


@pytest.fixture(scope="module")
def looker(tmp_path_factory):
    """An engine that also describes windows."""
    return load_engine(write_engine(tmp_path_factory.mktemp("engines") / "both", WINDOW_PX, dense=True), threads=1)


@pytest.fixture(scope="module")
def searchable(picture, looker, tmp_path_factory):
    return build(picture, looker, tmp_path_factory.mktemp("searchable") / "a.mbtiles")


def windows(cache):
    stored = cache.index()
    return [(int(zoom), *map(int, corner)) for zoom, corner in zip(stored.zooms, stored.corners_px, strict=True)]


def test_every_window_that_is_known_by_half_is_described(searchable, looker):
    with TileCache.open(searchable.path, looker) as cache:
        found = set(windows(cache))
        assert len(found) == len(windows(cache)) == searchable.windows
        for zoom in searchable.levels:
            columns, rows = zip(*cache.tiles(zoom), strict=True)
            left, top = min(columns) * 256, min(rows) * 256
            width, height = (max(columns) + 1) * 256 - left, (max(rows) + 1) * 256 - top
            margin = 2 * WINDOW_PX
            mask = cache.image(zoom, left - margin, top - margin, width + 2 * margin, height + 2 * margin).mask
            starts_x = [x for x in range(left - WINDOW_PX, left + width) if x % STEP_PX == 0]
            starts_y = [y for y in range(top - WINDOW_PX, top + height) if y % STEP_PX == 0]
            for x in starts_x:
                for y in starts_y:
                    part = mask[y - top + margin :, x - left + margin :][:WINDOW_PX, :WINDOW_PX]
                    assert ((zoom, x, y) in found) == (part.mean() >= 0.5)


def test_vectors_are_those_of_the_pictures_in_the_cache(searchable, looker):
    with TileCache.open(searchable.path, looker) as cache, closing(sqlite3.connect(searchable.path)) as db:
        checked = 0
        for zoom, column, row, places, vectors in db.execute("SELECT * FROM uavloc_regions ORDER BY 1, 2, 3"):
            corners = np.frombuffer(places, [("x", "<i4"), ("y", "<i4"), ("known", "<f4")])
            stored = np.frombuffer(vectors, np.int8).reshape(len(corners), looker.global_dim)
            for (x, y, known), vector in zip(corners.tolist()[::5], stored[::5], strict=True):
                assert column == (x + WINDOW_PX // 2) // 256
                assert row == (y + WINDOW_PX // 2) // 256
                image = cache.image(zoom, x, y, WINDOW_PX, WINDOW_PX)
                grey = cv2.cvtColor(image.rgb, cv2.COLOR_RGB2GRAY)
                direct = looker.describe(grey[None], image.mask[None])[0]
                assert known == pytest.approx(image.mask.mean())
                assert np.abs(vector / 127.0 - direct).max() <= 0.5 / 127 + 1e-5
                checked += 1
    assert checked > 30


def test_the_manifest_tells_of_the_index(searchable, looker):
    with TileCache.open(searchable.path) as cache:
        index = cache.manifest.index
        assert (index.kind, index.dim, index.window_px) == ("flat", looker.global_dim, WINDOW_PX)
        assert set(index.windows) == set(searchable.levels)
        assert sum(index.windows.values()) == searchable.windows
        assert len(cache.index().data) == index.bytes
    verify(searchable.path)


def test_an_engine_without_a_global_head_leaves_no_trace(whole):
    assert whole.windows == 0
    with TileCache.open(whole.path) as cache, closing(sqlite3.connect(whole.path)) as db:
        assert cache.index() is None
        assert "index" not in db.execute("SELECT json FROM uavloc_manifest").fetchone()[0]
        pages, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    assert whole.size_bytes == pages * size


def test_an_engine_without_a_dense_head_gives_windows_only(picture, searchable, tmp_path):
    blind = load_engine(write_engine(tmp_path / "global", WINDOW_PX), threads=1)
    report = build(picture, blind, tmp_path / "g.mbtiles")
    assert (report.embeddings, report.windows) == (0, searchable.windows)
    with TileCache.open(report.path, blind) as cache:
        assert cache.manifest.channels == 0
        assert not cache.covers(GeoPoint(LAT, LON))
        assert len(cache.index().zooms) == report.windows
    verify(report.path)


def test_other_programs_do_not_mind_the_index(searchable):
    with closing(sqlite3.connect(f"file:{searchable.path}?mode=ro", uri=True)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with rasterio.open(searchable.path) as data:
        assert (data.driver, data.crs.to_epsg()) == ("MBTiles", 3857)
        assert data.read(4).any()


@pytest.mark.parametrize(("share", "some"), [(0.5, False), (0.8, True), (0.95, True)])
def test_an_interrupted_search_part_is_continued(picture, looker, searchable, tmp_path, monkeypatch, share, some):
    monkeypatch.setattr(uavloc.build, "COMMIT_SECONDS", 0.0)
    out, work = tmp_path / "a.mbtiles", tmp_path / "a.mbtiles.building"
    interrupted_build(picture, looker, out, share)
    with closing(sqlite3.connect(work)) as db:
        assert bool(db.execute("SELECT count(*) FROM uavloc_regions").fetchone()[0]) == some
    report = build(picture, looker, out)
    assert report.resumed
    assert report.content_digest == searchable.content_digest
    with TileCache.open(out) as cache, TileCache.open(searchable.path) as other:
        assert cache.manifest.index == other.manifest.index
    verify(out)


def test_killed_after_the_index_was_written(picture, looker, searchable, tmp_path, monkeypatch):
    """What lies behind the database of the partial cache is cut off and made again."""
    out = tmp_path / "a.mbtiles"

    def die(path):
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(cachefile, "seal", die)
        with pytest.raises(Interrupted):
            build(picture, looker, out)
    report = build(picture, looker, out)
    assert report.resumed
    assert (report.content_digest, report.size_bytes) == (searchable.content_digest, searchable.size_bytes)
    verify(out)


def test_a_damaged_window_starts_anew(picture, looker, searchable, tmp_path, monkeypatch):
    monkeypatch.setattr(uavloc.build, "COMMIT_SECONDS", 0.0)
    out, work = tmp_path / "a.mbtiles", tmp_path / "a.mbtiles.building"
    interrupted_build(picture, looker, out, 0.95)
    with closing(sqlite3.connect(work)) as db, db:
        assert db.execute("UPDATE uavloc_regions SET vectors = vectors || x'00'").rowcount > 0
    report = build(picture, looker, out)
    assert not report.resumed
    assert report.content_digest == searchable.content_digest


@pytest.mark.real_data
def test_the_real_map(data_dir, encoder, tmp_path):
    path = data_dir / "adm" / "map_2014-01.jpg"
    report = build(path, encoder, tmp_path / "adm.mbtiles", "-51.9475,-29.4030,-51.9430,-29.3995")
    assert (report.base_zoom, report.levels) == (19, (18, 17))
    assert report.coverage == pytest.approx(1.0, abs=0.01)
    with TileCache.open(report.path, encoder) as cache:
        assert cache.covers(GeoPoint(-29.401, -51.945))
        assert cache.manifest.sources[0].date == "2014-01"
        x, y = (int(value) for value in world_px_from_geo(-29.401, -51.945, 18))
        found = cache.descriptors(18, x // 2 - 64, y // 2 - 64, 128, 128)
        assert found.mask.mean() > 0.99
        assert 0.05 < np.abs(found.data).mean() < 0.95
