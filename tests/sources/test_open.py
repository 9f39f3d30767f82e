"""Opening sources by their content; what every source of the table keeps to."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing, contextmanager

import cv2
import numpy as np
import pytest
import rasterio
from mapfiles import bounds_around, geotransform, textured, write_map
from mapserver import Reply, serving

from uavloc.errors import InputError
from uavloc.frames import TILE_PX, mercator_gsd_m, world_px_from_geo
from uavloc.sources import SOURCES, open_source

LAT, LON, SIZE = 47.4, 8.5, 120
GSD_M = math.sqrt(math.prod(mercator_gsd_m(LAT, 18)))


def make(kind, folder):
    """A source of a kind over the same place."""
    if kind == "corners":
        return open_source(write_map(folder / "same.png", LAT, LON, SIZE, GSD_M))
    if kind == "xyz":
        return open_source(_tiles(folder / "same.tiles"))
    if kind == "mbtiles":
        return open_source(_mbtiles(_tiles(folder / "same.tiles"), folder / "same.mbtiles"))
    b = bounds_around(LAT, LON, SIZE, SIZE, GSD_M)
    facts = {"count": 3, "dtype": "uint8", "crs": "EPSG:4326", "transform": geotransform(b, SIZE, SIZE)}
    with rasterio.open(folder / "same.tif", "w", driver="GTiff", width=SIZE, height=SIZE, **facts) as file:
        file.write(np.moveaxis(textured(SIZE, SIZE), 2, 0))
    return open_source(folder / "same.tif")


def _tiles(folder):
    """2 x 2 tiles of zoom 18 around the place."""
    left, top = (round(c / TILE_PX) - 1 for c in world_px_from_geo(LAT, LON, 18))
    picture = textured(2 * TILE_PX, 2 * TILE_PX)
    for x in (0, 1):
        path = folder / "18" / str(left + x)
        path.mkdir(parents=True, exist_ok=True)
        for y in (0, 1):
            part = picture[y * TILE_PX : (y + 1) * TILE_PX, x * TILE_PX : (x + 1) * TILE_PX]
            (path / f"{top + y}.png").write_bytes(cv2.imencode(".png", part)[1].tobytes())
    return folder


def _mbtiles(tiles, path):
    """The files of a folder in a table."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB)")
        for file in sorted(tiles.rglob("*.png")):
            zoom, x, y = (int(part.removesuffix(".png")) for part in file.parts[-3:])
            db.execute("INSERT INTO tiles VALUES (?, ?, ?, ?)", (zoom, x, (1 << zoom) - 1 - y, file.read_bytes()))
    return path


@contextmanager
def opened(kind, folder):
    """A source of a kind over the same place, as long as the server of its tiles is there."""
    if kind != "server":
        yield make(kind, folder)
        return
    tiles = _tiles(folder / "same.tiles")
    with serving(lambda path: Reply((tiles / path.strip("/")).read_bytes())) as server:
        box = make("xyz", folder).bounds
        told = f"name=same.server&bounds={box.west_deg},{box.south_deg},{box.east_deg},{box.north_deg}"
        yield open_source(f"{server.url}/{{z}}/{{x}}/{{y}}.png#{told}")


@pytest.mark.parametrize("kind", [*SOURCES, "server"])
def test_every_source_keeps_the_protocol(tmp_path, kind, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "kept"))
    with opened(kind, tmp_path) as source, opened(kind, tmp_path) as again:
        assert (again.digest == source.digest) == (kind != "server"), "the address of a server tells its port"
        _keeps_the_protocol(source)


def _keeps_the_protocol(source):
    assert source.name.startswith("same.")
    assert source.gsd_m == pytest.approx(GSD_M, rel=2e-3)
    b = source.bounds
    assert b.west_deg < LON < b.east_deg
    assert b.south_deg < LAT < b.north_deg
    assert len(source.digest) == 64
    assert isinstance(source.date, str)
    assert isinstance(source.licence, str)
    x, y = world_px_from_geo(LAT, LON, 18)
    found = source.read(18, int(x) - 10, int(y) - 20, 30, 40)
    assert (found.rgb.shape, found.rgb.dtype, found.mask.shape, found.mask.dtype) == (
        (40, 30, 3),
        np.uint8,
        (40, 30),
        bool,
    )
    assert found.mask.all()
    nothing = source.read(18, 0, 0, 5, 4)
    assert not nothing.mask.any()
    assert not nothing.rgb.any()


@pytest.mark.parametrize("zoom", [20, 19, 18, 17, 16])
def test_all_sources_of_one_picture_agree(tmp_path, zoom):
    """GDAL's warper is the oracle of the picture with corners, at finer and coarser zooms."""
    x, y = world_px_from_geo(LAT, LON, zoom)
    half = int(40 * 2.0 ** (zoom - 20)) + 2
    window = (zoom, int(x) - half, int(y) - half, 2 * half, 2 * half)
    ours, gdal = (make(kind, tmp_path).read(*window) for kind in ("corners", "geotiff"))
    assert ours.mask.all()
    assert gdal.mask.all()
    difference = ours.rgb.astype(float) - gdal.rgb
    shifted = ours.rgb[:, 1:].astype(float) - gdal.rgb[:, :-1]
    assert np.abs(difference).mean() < 2.5
    assert np.abs(difference).mean() < 0.25 * np.abs(shifted).mean()


@pytest.mark.parametrize("content", [b"", b"hello", b"RIFF1234WEBP", b'{"a": 1}'])
def test_other_files_are_refused_with_what_is_supported(tmp_path, content):
    path = tmp_path / "map.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"map.json: not a map source \(supported: JPEG or PNG .* GeoTIFF") as caught:
        open_source(path)
    assert "name the picture, not its JSON" in str(caught.value)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.tif: cannot read the map source: No such file"):
        open_source(tmp_path / "nowhere.tif")
    with pytest.raises(InputError, match="a folder without map tiles"):
        open_source(tmp_path)
    with pytest.raises(InputError, match="cannot read the map source"):
        open_source("a\0b")
