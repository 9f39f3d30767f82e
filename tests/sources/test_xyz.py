"""A folder of map tiles: pixels as stored, resampling against GDAL, several zooms, and what is refused."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import cv2
import mercantile
import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from mapfiles import textured

from uavloc.errors import InputError
from uavloc.frames import mercator_gsd_m
from uavloc.pixels import grey
from uavloc.sources import open_source, xyz

ZOOM, COLUMN, ROW = 17, 68_600, 45_880
"""The north-west corner of the tiles, near 47 degrees north."""


def write_tiles(folder: Path, picture: np.ndarray, ending="png", zoom=ZOOM, corner=(COLUMN, ROW), side=256) -> Path:
    """The tiles of a picture (RGB or RGBA) whose sides are multiples of the tiles'."""
    for y in range(0, picture.shape[0], side):
        for x in range(0, picture.shape[1], side):
            path = folder / str(zoom) / str(corner[0] + x // side) / f"{corner[1] + y // side}.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            order = [2, 1, 0, 3][: picture.shape[2]]
            path.write_bytes(cv2.imencode(path.suffix, picture[y : y + side, x : x + side][:, :, order])[1].tobytes())
    return folder


def tile(folder: Path, column=COLUMN, row=ROW, zoom=ZOOM, ending="png") -> Path:
    return folder / str(zoom) / str(column) / f"{row}.{ending}"


def whole(source, side=768, zoom=ZOOM):
    return source.read(zoom, COLUMN * 256, ROW * 256, side, side)


@pytest.fixture
def tiles(tmp_path) -> Path:
    return write_tiles(tmp_path / "tiles", textured(768, 768))


def test_pixels_are_as_stored(tiles):
    found = whole(open_source(tiles))
    assert found.mask.all()
    np.testing.assert_array_equal(found.rgb, textured(768, 768))


@settings(deadline=None)
@given(x=st.integers(-300, 900), y=st.integers(-300, 900), width=st.integers(1, 600), height=st.integers(1, 600))
def test_any_window_is_cut_from_the_same_picture(tmp_path_factory, x, y, width, height):
    folder = tmp_path_factory.getbasetemp() / "window"
    if not folder.exists():
        write_tiles(folder, textured(768, 768))
    found = open_source(folder).read(ZOOM, COLUMN * 256 + x, ROW * 256 + y, width, height)
    padded = np.pad(textured(768, 768), ((300, 900), (300, 900), (0, 0)))
    there = np.pad(np.ones((768, 768), bool), ((300, 900), (300, 900)))
    window = np.s_[300 + y : 300 + y + height, 300 + x : 300 + x + width]
    np.testing.assert_array_equal(found.rgb, padded[window])
    np.testing.assert_array_equal(found.mask, there[window])


@pytest.mark.parametrize("zoom", [19, 18, 16, 15, 12])
def test_resampling_agrees_with_gdal(tmp_path, tiles, zoom):
    """The same picture as a GeoTIFF in Web-Mercator metres, with one tile of nine missing."""
    tile(tiles, COLUMN + 1, ROW).unlink()
    picture, mask = textured(768, 768), np.full((768, 768), 255, np.uint8)
    mask[:256, 256:512] = 0
    first, last = mercantile.xy_bounds(COLUMN, ROW, ZOOM), mercantile.xy_bounds(COLUMN + 2, ROW + 2, ZOOM)
    pixel_m = (last.right - first.left) / 768
    facts = {"transform": Affine(pixel_m, 0.0, first.left, 0.0, -pixel_m, first.top), "crs": "EPSG:3857"}
    with rasterio.open(tmp_path / "same.tif", "w", driver="GTiff", width=768, height=768, count=4, dtype="uint8",
                       photometric="RGB", alpha="YES", **facts) as file:  # fmt: skip
        file.write(np.moveaxis(np.dstack([picture, mask]), 2, 0))
    share = 2.0 ** (zoom - ZOOM)
    window = (zoom, int(COLUMN * 256 * share) - 3, int(ROW * 256 * share) - 3, 40, 36)
    if zoom > ZOOM:
        window = (zoom, int((COLUMN * 256 + 230) * share), int((ROW * 256 + 240) * share), 150, 120)
    ours, gdal = (open_source(path).read(*window) for path in (tiles, tmp_path / "same.tif"))
    assert ours.mask.any()
    assert (ours.mask != gdal.mask).mean() < 0.06
    both = cv2.erode((ours.mask & gdal.mask).astype(np.uint8), np.ones((3, 3))) > 0
    assert np.abs(ours.rgb.astype(int) - gdal.rgb)[both].max(initial=0) <= 2


def test_far_coarser_than_a_pixel_per_tile(tiles):
    """The 3 x 3 tiles are 2.25 of the 4 x 4 that make a pixel two zooms above a pixel per tile, or share it."""
    source = open_source(tiles)
    found = source.read(ZOOM - 9, (COLUMN >> 1) - 2, (ROW >> 1) - 2, 6, 6)
    assert found.mask[2, 2]
    assert found.mask.sum() <= 4
    np.testing.assert_allclose(found.rgb[2, 2], textured(768, 768)[:512, :512].mean(axis=(0, 1)), atol=1.0)


def test_place_and_scale_are_mercantiles(tiles):
    source = open_source(tiles)
    north_west, south_east = mercantile.bounds(COLUMN, ROW, ZOOM), mercantile.bounds(COLUMN + 2, ROW + 2, ZOOM)
    bounds = source.bounds
    assert (bounds.west_deg, bounds.north_deg) == pytest.approx((north_west.west, north_west.north), abs=1e-9)
    assert (bounds.east_deg, bounds.south_deg) == pytest.approx((south_east.east, south_east.south), abs=1e-9)
    middle = (bounds.south_deg + bounds.north_deg) / 2.0
    assert source.gsd_m == pytest.approx(np.sqrt(np.prod(mercator_gsd_m(middle, ZOOM))))
    assert source.name == "tiles"


def test_tiles_of_512_pixels_are_the_next_zoom(tmp_path):
    source = open_source(write_tiles(tmp_path, textured(1024, 1024), side=512))
    found = source.read(ZOOM + 1, COLUMN * 512, ROW * 512, 1024, 1024)
    np.testing.assert_array_equal(found.rgb, textured(1024, 1024))
    assert source.bounds.north_deg == pytest.approx(mercantile.bounds(COLUMN, ROW, ZOOM).north, abs=1e-9)


def test_alpha_is_a_mask_and_grey_is_colour(tmp_path):
    picture = np.dstack([textured(256, 256), np.full((256, 256), 255, np.uint8)])
    picture[:100, :, 3] = 0
    found = whole(open_source(write_tiles(tmp_path / "a", picture)), 256)
    assert not found.mask[:100].any()
    assert not found.rgb[:100].any()
    np.testing.assert_array_equal(found.rgb[100:], picture[100:, :, :3])
    single = write_tiles(tmp_path / "g", textured(256, 256))
    tile(single).write_bytes(cv2.imencode(".png", picture[:, :, 0])[1].tobytes())
    np.testing.assert_array_equal(whole(open_source(single), 256).rgb[:, :, 2], picture[:, :, 0])


def test_digest_knows_bytes_and_places(tiles):
    before = open_source(tiles).digest
    assert open_source(tiles).digest == before
    tile(tiles).rename(tile(tiles).with_name(f"{ROW + 3}.png"))
    moved = open_source(tiles).digest
    tile(tiles, row=ROW + 3).write_bytes(tile(tiles, row=ROW + 1).read_bytes())
    assert len({before, moved, open_source(tiles).digest}) == 3


@pytest.mark.parametrize(("parts", "used"), [(9, ZOOM + 1), (1, ZOOM)])
def test_the_finest_zoom_that_covers_is_used_and_told(tiles, caplog, parts, used):
    fine = cv2.resize(textured(768, 768), (1536, 1536))
    write_tiles(tiles, fine[: 512 * parts, : 512 * parts], zoom=ZOOM + 1, corner=(2 * COLUMN, 2 * ROW))
    with caplog.at_level(logging.WARNING):
        source = open_source(tiles)
    middle = (source.bounds.south_deg + source.bounds.north_deg) / 2.0
    assert source.gsd_m == pytest.approx(np.sqrt(np.prod(mercator_gsd_m(middle, used))))
    assert f"has zooms 17, 18; used is {used}" in caplog.text
    assert ("finer but not everywhere: 18" in caplog.text) == (used == ZOOM)


def test_coarser_tiles_may_reach_beyond(tiles):
    """One tile of zoom 10 covers far more ground than the tiles that were loaded for a box."""
    blank = np.zeros((256, 256, 3), np.uint8)
    write_tiles(tiles, blank, zoom=10, corner=(COLUMN >> 7, ROW >> 7))
    np.testing.assert_array_equal(whole(open_source(tiles)).rgb, textured(768, 768))


def test_pattern_takes_one_ending(tmp_path):
    write_tiles(tmp_path, textured(256, 256))
    write_tiles(tmp_path, textured(256, 256, seed=2), ending="jpg", corner=(COLUMN + 1, ROW))
    assert whole(open_source(tmp_path), 512).mask.sum() == 2 * 256 * 256
    assert whole(open_source(tmp_path / "{z}/{x}/{y}.png"), 512).mask.sum() == 256 * 256
    with pytest.raises(InputError, match="a folder without map tiles"):
        open_source(tmp_path / "{z}/{x}/{y}.jpeg")


def test_other_files_are_none_of_ours(tiles):
    for name in (".DS_Store", "tile.json", "17/readme.txt", f"17/{COLUMN}/{ROW}.webp", f"17/{COLUMN}/x.png"):
        (tiles / name).write_bytes(b"?")
    assert whole(open_source(tiles)).mask.all()


def _empty(tiles):
    (tiles / "only").mkdir()
    return tiles / "only"


def _no_folder(tiles):
    return tiles / "nowhere" / "{z}" / "{x}" / "{y}.png"


def _other_size(tiles):
    path = tile(tiles)
    path.write_bytes(cv2.imencode(".png", np.zeros((300, 300, 3), np.uint8))[1].tobytes())
    return tiles


def _bomb(tiles):
    data = bytearray(tile(tiles).read_bytes())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    tile(tiles).write_bytes(bytes(data))
    return tiles


def _web_page(tiles):
    tile(tiles).write_bytes(b"<html>quota exceeded</html>")
    return tiles


def _too_large(tiles):
    with tile(tiles).open("r+b") as file:
        file.truncate(xyz.MAX_TILE_BYTES + 1)
    return tiles


def _pipe(tiles):
    tile(tiles).unlink()
    os.mkfifo(tile(tiles))
    return tiles


def _beyond(tiles):
    return write_tiles(tiles, np.zeros((256, 256, 3), np.uint8), zoom=4, corner=(3, 16))


def _too_fine(tiles):
    return write_tiles(tiles, np.zeros((256, 256, 3), np.uint8), zoom=40)


def _twice(tiles):
    return write_tiles(tiles, textured(256, 256), ending="jpg")


def _scattered(tiles):
    return write_tiles(tiles, textured(256, 256), corner=(2, 2))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_empty, r"only: a folder without map tiles \(\{z\}/\{x\}/\{y\}.jpg"),
        (_no_folder, "nowhere: cannot list the tiles: No such file"),
        (_other_size, f"{ROW}.png: 300 x 300 pixels: tiles have 256 or 512 a side"),
        (_bomb, f"{ROW}.png: 60000 x 60000 pixels: tiles have 256 or 512 a side"),
        (_web_page, f"{ROW}.png: the tile has no readable header"),
        (_too_large, f"{ROW}.png: larger than 8 MiB"),
        (_pipe, f"{ROW}.png: not a file"),
        (_beyond, "16.png: zoom 4 has columns and rows from 0 to 15"),
        (_too_fine, "zoom 40 is finer than the finest, 22"),
        (_twice, f"{ROW}.png: {ROW}.jpg is the same tile: keep one"),
        (_scattered, "tiles lie too far apart: columns 2 to"),
    ],
)
def test_refused_when_opened(tiles, make, message):
    with pytest.raises(InputError, match=message) as caught:
        open_source(make(tiles))
    assert "\n" not in str(caught.value)


def _cut_off(data):
    return data[: len(data) // 2]


def _page(data):
    return b"<html>not found</html>"


def _small(data):
    return cv2.imencode(".png", np.zeros((128, 128, 3), np.uint8))[1].tobytes()


def _deep(data):
    return cv2.imencode(".png", np.zeros((256, 256, 3), np.uint16))[1].tobytes()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_cut_off, "not a complete JPEG, PNG or WebP: remove the tile"),
        (_page, "not a complete JPEG, PNG or WebP: remove the tile"),
        (_small, "128 x 128 pixels, but the first tile has 256 a side"),
        (_deep, "pixels of uint16"),
    ],
)
def test_refused_when_read(tiles, spoil, message):
    path = tile(tiles, COLUMN + 2, ROW + 1)
    path.write_bytes(spoil(path.read_bytes()))
    source = open_source(tiles)
    with pytest.raises(InputError, match=f"{ROW + 1}.png: {message}"):
        whole(source)


@pytest.mark.real_data
def test_real_tiles_are_as_stored_in_their_place(data_dir):
    folder = data_dir / "ariel_oblique" / "tiles"
    source = open_source(folder)
    assert source.gsd_m == pytest.approx(0.506, abs=0.001)
    for path in sorted(folder.rglob("*.jpg"))[::13]:
        column, row = int(path.parent.name), int(path.stem)
        found = source.read(18, column * 256, row * 256, 256, 256)
        with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(path) as file:
            oracle = np.moveaxis(file.read(), 0, 2)
        assert found.mask.all()
        np.testing.assert_array_equal(found.rgb, cv2.imread(str(path))[:, :, ::-1])
        assert np.abs(grey(found.rgb).astype(int) - grey(oracle)).mean() < 0.5
