"""Pictures with corners: exact placement, anti-aliasing, masks, and what is refused."""

from __future__ import annotations

import json
import struct
import zlib

import cv2
import numpy as np
import pytest
from mapfiles import bounds_around, card, ramp, textured, write_map, write_picture
from pyproj import Transformer
from scipy.ndimage import map_coordinates

from uavloc.errors import InputError
from uavloc.frames import LocalFrame, mercator_gsd_m, world_px_from_geo
from uavloc.sources import open_source
from uavloc.sources.quad import Quad
from uavloc.types import Bounds

LAT, LON, GSD_M = -35.3, 149.1, 0.6
GEO_FROM_MERCATOR = Transformer.from_crs("EPSG:3857", "EPSG:4326", always_xy=True)


def grid_of(zoom, x_px, y_px, width, height):
    """(lat, lon) of world pixel centres by pyproj, independent of uavloc.frames."""
    world_m = 2 * 20037508.342789244
    pixel_m = world_m / (256 * 2**zoom)
    east = (x_px + np.arange(width) + 0.5) * pixel_m - world_m / 2
    north = world_m / 2 - (y_px + np.arange(height) + 0.5) * pixel_m
    lon, lat = GEO_FROM_MERCATOR.transform(*np.meshgrid(east, north))
    return lat, lon


def window_around(bounds, zoom, margin=3):
    left, top = world_px_from_geo(bounds.north_deg, bounds.west_deg, zoom)
    right, bottom = world_px_from_geo(bounds.south_deg, bounds.east_deg, zoom)
    x, y = int(left) - margin, int(top) - margin
    return zoom, x, y, int(right) + margin - x, int(bottom) + margin - y


@pytest.fixture
def ramp_source(tmp_path):
    rgb = ramp(96, 64)
    bounds = bounds_around(LAT, LON, 64, 96, GSD_M)
    return open_source(write_picture(tmp_path / "ramp.png", rgb, card(rgb, bounds, GSD_M)))


@pytest.mark.parametrize("zoom", [20, 18, 17, 16])
def test_every_pixel_shows_the_ground_at_its_centre(ramp_source, zoom):
    """A ramp of 4 grey levels per pixel shows a shift of half a pixel as 2 levels; rounding twice makes 1."""
    window = window_around(ramp_source.bounds, zoom)
    found = ramp_source.read(*window)
    lat, lon = grid_of(*window)
    b = ramp_source.bounds
    u = (lon - b.west_deg) / (b.east_deg - b.west_deg)
    v = (b.north_deg - lat) / (b.north_deg - b.south_deg)
    inner = (u > 0.1) & (u < 0.9) & (v > 0.1) & (v < 0.9)
    assert found.mask[inner].all()
    for band, share in enumerate((u, v)):
        difference = found.rgb[inner][:, band] - 255 * share[inner]
        assert abs(difference.mean()) < 0.4
        assert np.abs(difference).max() < 1.3


def test_the_mask_is_exactly_the_picture(ramp_source):
    window = window_around(ramp_source.bounds, 20)
    lat, lon = grid_of(*window)
    b = ramp_source.bounds
    expected = (lon > b.west_deg) & (lon < b.east_deg) & (lat > b.south_deg) & (lat < b.north_deg)
    found = ramp_source.read(*window)
    assert (found.mask == expected).all()
    assert (found.rgb[~expected] == 0).all()


def test_a_window_elsewhere_is_empty(ramp_source):
    found = ramp_source.read(18, 0, 0, 20, 10)
    assert found.rgb.shape == (10, 20, 3)
    assert not found.mask.any()


def test_windows_join_without_a_seam(ramp_source):
    zoom, x, y, width, height = window_around(ramp_source.bounds, 18)
    whole = ramp_source.read(zoom, x, y, width, height)
    half = width // 2
    left, right = ramp_source.read(zoom, x, y, half, height), ramp_source.read(zoom, x + half, y, width - half, height)
    difference = np.hstack([left.rgb, right.rgb]).astype(int) - whole.rgb
    assert np.abs(difference).max() <= 1
    assert (np.hstack([left.mask, right.mask]) == whole.mask).all()


@pytest.mark.parametrize("zoom", [15, 16, 17])
def test_coarser_zooms_average_instead_of_picking(tmp_path, zoom):
    board = np.zeros((400, 400, 3), np.uint8)
    board[::2, ::2] = board[1::2, 1::2] = 255
    source = open_source(
        write_picture(tmp_path / "b.png", board, card(board, bounds_around(LAT, LON, 400, 400, 0.3), 0.3))
    )
    found = source.read(*window_around(source.bounds, zoom))
    inner = cv2.erode(found.mask.astype(np.uint8), np.ones((5, 5)), borderValue=0) > 0
    assert np.abs(found.rgb[inner].astype(float) - 127.5).max() < 16


def test_alpha_is_the_mask(tmp_path):
    rgb = np.full((60, 60, 3), 200, np.uint8)
    alpha = np.full((60, 60, 1), 255, np.uint8)
    alpha[:, :30] = 0
    rgb[:, :30] = 0
    picture = np.dstack([rgb, alpha])
    bounds = bounds_around(LAT, LON, 60, 60, GSD_M)
    source = open_source(write_picture(tmp_path / "a.png", picture, card(picture, bounds, GSD_M)))
    window = window_around(bounds, 20, 0)
    _, lon = grid_of(*window)
    found = source.read(*window)
    middle = (bounds.west_deg + bounds.east_deg) / 2
    near = np.abs(lon - middle) < 1e-6
    inner = slice(5, -5)
    assert (found.mask == (lon > middle))[inner, inner][~near[inner, inner]].all()
    assert found.rgb[found.mask].min() == 200, "transparent black does not bleed in"


@pytest.mark.parametrize("heading_deg", [10.0, 135.0, -80.0])
@pytest.mark.parametrize("twist_m", [0.0, 2.0])
def test_four_corners_turned_and_twisted(tmp_path, heading_deg, twist_m):
    frame, turn = LocalFrame(LAT, LON), np.radians(heading_deg)
    corners = []
    for right_m, down_m in ((-24, -24), (24, -24), (24 + twist_m, 24 + twist_m), (-24, 24)):
        north_m = -down_m * np.cos(turn) - right_m * np.sin(turn)
        corners.append(frame.geo_from_ne(north_m, right_m * np.cos(turn) - down_m * np.sin(turn)))
    rgb = ramp(80, 80)
    facts = {"width_px": 80, "height_px": 80, "gsd_m": GSD_M, "north_up": False, "corners": corners}
    source = open_source(write_picture(tmp_path / "q.png", rgb, facts))
    window = window_around(source.bounds, 20)
    found = source.read(*window)
    u, v = np.meshgrid(np.linspace(0.1, 0.9, 9), np.linspace(0.1, 0.9, 9))
    weights = np.stack([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v], axis=-1)
    places = np.array([world_px_from_geo(lat, lon, 20) for lat, lon in (weights @ np.array(corners)).reshape(-1, 2)])
    at = (places[:, 1] - window[2] - 0.5, places[:, 0] - window[1] - 0.5)
    red, green = (map_coordinates(found.rgb[:, :, band].astype(float), at, order=1) for band in (0, 1))
    assert np.abs(red - 255 * u.ravel()).max() < 1.0
    assert np.abs(green - 255 * v.ravel()).max() < 1.0
    outside = Quad(tuple(corners)).uv_from_geo(np.array([[LAT + 0.01]]), np.array([[LON]]))
    assert not (0 <= float(outside[0][0, 0]) <= 1 and 0 <= float(outside[1][0, 0]) <= 1)


def test_facts(tmp_path):
    path = write_map(tmp_path / "m.jpg", LAT, LON, 100, GSD_M)
    source = open_source(path)
    assert (source.name, source.date, source.licence) == ("m.jpg", "2020-05", "")
    assert source.gsd_m == pytest.approx(GSD_M, rel=1e-4)
    digest = source.digest
    facts = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**facts, "licence": "CC0"}))
    changed = open_source(path)
    assert (changed.digest != digest, changed.licence) == (True, "CC0")


def test_the_real_map(data_dir):
    source = open_source(data_dir / "adm" / "map_2014-01.jpg")
    assert source.gsd_m == pytest.approx(0.243, rel=1e-3)
    assert source.date == "2014-01"
    b = source.bounds
    lat, lon = (b.south_deg + b.north_deg) / 2, (b.west_deg + b.east_deg) / 2
    x, y = world_px_from_geo(lat, lon, 20)
    found = source.read(20, round(x) - 200, round(y) - 200, 400, 400)
    picture = cv2.imread(str(data_dir / "adm" / "map_2014-01.jpg"))[:, :, ::-1]
    gsd = mercator_gsd_m(lat, 20)[0] / 0.243
    columns = 2400 + (round(x) - 200 + np.arange(400) + 0.5 - x) * gsd * 1.0051 - 0.5
    rows = 2400 + (round(y) - 200 + np.arange(400) + 0.5 - y) * gsd - 0.5
    at = np.meshgrid(rows, columns, indexing="ij")
    expected = map_coordinates(picture[:, :, 1].astype(float), at, order=1)
    assert np.abs(found.rgb[:, :, 1] - expected).mean() < 1.0


GOOD = Bounds(149.1, -35.3004, 149.1005, -35.3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width_px": None}, "m.json: width_px: is missing"),
        ({"gsd_m": None}, "m.json: gsd_m: is missing"),
        ({"gsd_m": "fine"}, "m.json: gsd_m: "),
        ({"gsd_m": -1}, "m.json: gsd_m: "),
        ({"gsd_m": 0.66}, "m.json: gsd_m: 0.66 contradicts the corners"),
        ({"gsd_m": float("nan")}, "m.json: gsd_m: "),
        ({"top_left_lat_deg": None}, "m.json: top_left_lat_deg: missing"),
        ({"top_left_lat_deg": -36.0}, "bottom_right_lat_deg: .* is not south of"),
        ({"top_left_lat_deg": 95.0}, "top_left_lat_deg, bottom_right_lat_deg: 95 is beyond"),
        ({"top_left_lon_deg": 149.2}, "bottom_right_lon_deg: .* is not east of .*antimeridian"),
        ({"top_left_lon_deg": -190}, "_lon_deg: -190 is beyond"),
        ({"width_px": 70}, "m.json: gsd_m|m.json: width_px: 70, but m.png has 72"),
        ({"height_px": 73}, "m.json: height_px: 73, but m.png has 72"),
        ({"north_up": False}, "north_up: false needs four corners"),
        ({"date": "May 2020"}, "m.json: date: "),
        ({"corners": [[0, 0]] * 4}, "corners and top_left_lat_deg are both given"),
        ({"corners": [[0, 0]]}, "m.json: corners: "),
    ],
)
def test_bad_cards_are_refused_naming_file_and_field(tmp_path, changes, message):
    rgb = textured(72, 72)
    bounds = bounds_around(LAT, LON, 72, 72, GSD_M)
    path = write_picture(tmp_path / "m.png", rgb, card(rgb, bounds, GSD_M, **changes))
    with pytest.raises(InputError, match=message) as caught:
        open_source(path)
    assert "\n" not in str(caught.value)


FOUR = [(-35.3, 149.1), (-35.3, 149.1005), (-35.3004, 149.1005), (-35.3004, 149.1)]


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        (FOUR[::-1], "corners: do not run clockwise"),
        ([FOUR[0], FOUR[2], FOUR[1], FOUR[3]], "corners: do not run clockwise"),
        ([FOUR[0]] * 4, "corners: do not run clockwise"),
        ([(-35.3, 149.1)] * 2 + FOUR[2:], "corners: do not run clockwise"),
        ([FOUR[3], FOUR[0], FOUR[1], FOUR[2]], "north_up: true contradicts corners"),
        ([(lat - 60, lon) for lat, lon in FOUR], "corners: -95.3 is beyond"),
    ],
)
def test_impossible_corners_are_refused(tmp_path, corners, message):
    rgb = textured(72, 72)
    two = dict.fromkeys(("top_left_lat_deg", "top_left_lon_deg", "bottom_right_lat_deg", "bottom_right_lon_deg"), None)
    path = write_picture(tmp_path / "m.png", rgb, card(rgb, GOOD, GSD_M, corners=corners, **two))
    with pytest.raises(InputError, match=message):
        open_source(path)


def _png(width: int, height: int) -> bytes:
    """The header of a PNG and nothing more."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def test_pixel_bombs_are_refused_from_the_header(tmp_path):
    path = write_map(tmp_path / "m.png", LAT, LON, 72, GSD_M)
    path.write_bytes(_png(60000, 60000))
    with pytest.raises(InputError, match=r"m.png: 60000 x 60000 pixels are too many"):
        open_source(path)


@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_cut_off_pictures_are_refused(tmp_path, ending):
    path = write_map(tmp_path / f"m{ending}", LAT, LON, 72, GSD_M)
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InputError, match=rf"m\{ending}: .*(cut off|header)"):
            open_source(path)


def test_damaged_pixels_are_refused_when_read(tmp_path):
    path = write_map(tmp_path / "m.png", LAT, LON, 72, GSD_M)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(whole)
    with pytest.raises(InputError, match=r"m.png: the picture cannot be decoded"):
        open_source(path).read(*window_around(bounds_around(LAT, LON, 72, 72, GSD_M), 18))


def test_16_bit_pictures_are_refused(tmp_path):
    path = write_map(tmp_path / "m.png", LAT, LON, 72, GSD_M)
    path.write_bytes(cv2.imencode(".png", np.zeros((72, 72), np.uint16))[1].tobytes())
    with pytest.raises(InputError, match="uint16: convert the picture to 8 bit"):
        open_source(path).read(*window_around(bounds_around(LAT, LON, 72, 72, GSD_M), 18))


def test_missing_and_broken_cards(tmp_path):
    path = write_map(tmp_path / "m.png", LAT, LON, 72, GSD_M)
    for content, message in (("{", "not JSON"), ("[1]", "must be a JSON object"), ("[" * 99999, "not JSON")):
        path.with_suffix(".json").write_text(content)
        with pytest.raises(InputError, match=f"m.json: {message}"):
            open_source(path)
    path.with_suffix(".json").unlink()
    with pytest.raises(InputError, match=r"m.png: needs m.json beside it"):
        open_source(path)
