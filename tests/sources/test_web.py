"""Maps on servers: the same place through every kind of source, GDAL being the oracle; and what is refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager

import cv2
import mercantile
import numpy as np
import pytest
import rasterio
import rasterio.warp
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from mapfiles import bounds_around, card, geotransform, textured, write_picture
from mapserver import Reply, in_turn, serving
from mapservices import HALF_M, Ortho, pixel_m, tiles_around
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from uavloc.errors import InputError
from uavloc.frames import world_px_from_geo
from uavloc.sources import open_source
from uavloc.sources.web.template import quadkey
from uavloc.types import Bounds

LAT, LON, SIZE, ZOOM = 47.4, 8.5, 400, 18
GSD_M = 0.4
BOX = bounds_around(LAT, LON, SIZE, SIZE, GSD_M)


@pytest.fixture(autouse=True)
def kept_here(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "kept"))


@pytest.fixture(scope="module")
def ortho(tmp_path_factory):
    """A smooth picture, so that a shift of a pixel shows and how it is resampled does not."""
    path = tmp_path_factory.mktemp("ortho") / "ortho.tif"
    rgb = cv2.GaussianBlur(textured(SIZE, SIZE), (0, 0), 2.0)
    facts = {"count": 3, "dtype": "uint8", "crs": "EPSG:4326", "transform": geotransform(BOX, SIZE, SIZE)}
    with rasterio.open(path, "w", driver="GTiff", width=SIZE, height=SIZE, **facts) as file:
        file.write(np.moveaxis(rgb, 2, 0))
    return path


@contextmanager
def served(ortho, **options):
    service = Ortho(ortho, **options)
    with serving(service.answer) as server:
        service.url = server.url
        yield service, server


def quickly(place):
    """An address with more requests per second than is polite."""
    text = str(place)
    return f"{text}{'&' if '#' in text else '#'}requests_per_s=50" if "://" in text else place


def gdal_reads(path, zoom, x, y, width, height):
    """World pixels by GDAL's warper from the original."""
    step = pixel_m(zoom)
    grid = Affine(step, 0.0, x * step - HALF_M, 0.0, -step, HALF_M - y * step)
    with (
        rasterio.open(path) as data,
        WarpedVRT(
            data, crs="EPSG:3857", transform=grid, width=width, height=height, resampling=Resampling.bilinear
        ) as warped,
    ):
        return np.moveaxis(warped.read(), 0, 2)


def as_folder(ortho, folder, sign=""):
    for tile in tiles_around(ortho, ZOOM):
        path = folder / str(tile.z) / str(tile.x) / f"{(1 << ZOOM) - 1 - tile.y if sign else tile.y}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(Ortho(ortho).tile(tile.z, tile.x, tile.y).body)
    return folder / "{z}" / "{x}" / f"{{{sign}y}}.png"


def as_mbtiles(ortho, path):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB)")
        for tile in tiles_around(ortho, ZOOM):
            body = Ortho(ortho).tile(tile.z, tile.x, tile.y).body
            db.execute("INSERT INTO tiles VALUES (?, ?, ?, ?)", (tile.z, tile.x, (1 << ZOOM) - 1 - tile.y, body))
    return path


def as_corners(ortho, path):
    with rasterio.open(ortho) as data:
        rgb = np.moveaxis(data.read(), 0, 2)
    return write_picture(path, rgb, card(rgb, BOX, GSD_M))


KINDS = {
    "geotiff": lambda ortho, folder, url: ortho,
    "corners": lambda ortho, folder, url: as_corners(ortho, folder / "c.png"),
    "mbtiles": lambda ortho, folder, url: as_mbtiles(ortho, folder / "m.mbtiles"),
    "xyz folder": lambda ortho, folder, url: as_folder(ortho, folder / "xyz"),
    "tms folder": lambda ortho, folder, url: as_folder(ortho, folder / "tms", "-"),
    "xyz": lambda ortho, folder, url: url + "/xyz/{z}/{x}/{y}.png",
    "tms as -y": lambda ortho, folder, url: url + "/tms/{z}/{x}/{-y}.png",
    "tms as told": lambda ortho, folder, url: url + "/tms/{z}/{x}/{y}.png#tms=true",
    "quadkey": lambda ortho, folder, url: url + "/q/{q}.png#zoom=18",
    "wmts": lambda ortho, folder, url: url + "/wmts.xml#kind=wmts&layer=ortho&zoom=18",
    "wmts by query": lambda ortho, folder, url: url + "/?SERVICE=WMTS&REQUEST=GetCapabilities#layer=ortho",
    "wms": lambda ortho, folder, url: url + "/ows?service=WMS#layer=ortho",
    "old wms": lambda ortho, folder, url: url + "/ows?map=/a/b.map&service=WMS#layer=ortho",
}


@pytest.mark.parametrize(
    ("kind", "zoom"),
    [(kind, ZOOM) for kind in KINDS] + [(kind, zoom) for kind in ("corners", "mbtiles", "wms") for zoom in (17, 19)],
)
def test_the_same_place_through_every_source(ortho, tmp_path, kind, zoom):
    """Against GDAL reading the original: the shift between the two is a small part of a pixel, the values agree."""
    with served(ortho, resource=kind == "wmts", old_wms=kind == "old wms") as (_, server):
        source = open_source(quickly(KINDS[kind](ortho, tmp_path, server.url)), BOX)
        assert source.gsd_m == pytest.approx(0.404 if kind not in ("geotiff", "corners") else GSD_M, rel=0.01)
        x, y = (int(value) for value in world_px_from_geo(LAT, LON, zoom))
        half = int(140 * 2.0 ** (zoom - ZOOM))
        window = (zoom, x - half, y - half, 2 * half, 2 * half)
        found = source.read(*window)
    assert found.mask.all()
    expected = gdal_reads(ortho, *window)
    ours, theirs = (cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float64) for rgb in (found.rgb, expected))
    shift, _ = cv2.phaseCorrelate(ours, theirs, cv2.createHanningWindow(ours.shape[::-1], cv2.CV_64F))
    assert np.hypot(*shift) < 0.1
    assert np.abs(ours - theirs).mean() < 2.0
    assert np.abs(ours - theirs).mean() < 0.4 * np.abs(ours[:, 1:] - theirs[:, :-1]).mean()


def test_edges_are_masked_where_the_server_shows_nothing(ortho):
    with served(ortho) as (_, server):
        source = open_source(server.url + "/ows?service=WMS#layer=ortho", BOX)
        left, top = (int(value) for value in world_px_from_geo(BOX.north_deg, BOX.west_deg, ZOOM))
        found = source.read(ZOOM, left - 30, top - 30, 60, 60)
    assert found.mask[35:, 35:].all()
    assert not found.mask[:28].any()
    assert not found.mask[:, :28].any()


def test_places_without_a_tile_are_masked_counted_and_told(ortho, caplog):
    with served(ortho) as (service, server):
        tile = mercantile.tile(LON, LAT, ZOOM)
        service.missing = {(ZOOM, tile.x, tile.y)}
        source = open_source(server.url + "/xyz/{z}/{x}/{y}.png", BOX)
        for _ in range(2):
            found = source.read(ZOOM, (tile.x - 1) * 256, tile.y * 256, 512, 256)
        assert not found.mask[:, 256:].any()
        assert found.mask[:, 200:256].any()
        assert (source.missing, source.answers, len(server.asked)) == (1, 2, 2)
    assert caplog.text.count("the server has no tile there") == 1


def test_a_description_is_a_file(ortho, tmp_path):
    with served(ortho) as (_, server):
        path = tmp_path / "ortho.toml"
        path.write_text(
            f'url = "{server.url}/{{s}}/{{z}}/{{x}}/{{y}}.png"\nname = "Ortho"\nzoom = 17\ndate = "2024-05"\n'
            f'licence = "CC BY 4.0"\nattribution = "A survey"\nsubdomains = "abc"\n'
            f"bounds = [{BOX.west_deg}, {BOX.south_deg}, {BOX.east_deg}, {BOX.north_deg}]\n"
        )
        source = open_source(path)
        assert (source.name, source.date, source.licence) == ("Ortho", "2024-05", "CC BY 4.0; A survey")
        assert source.bounds == BOX
        x, y = (int(value) for value in world_px_from_geo(LAT, LON, 17))
        assert source.read(17, x - 50, y - 50, 100, 100).mask.all()
        assert {path.split("/")[1] for path in server.paths} <= {"a", "b", "c"}
    assert open_source(path).digest == source.digest
    path.write_text(path.read_text().replace("2024-05", "2025-05"))
    assert open_source(path).digest != source.digest
    path.write_text(path.read_text() + "requests_per_s = 1\n")
    assert open_source(path).digest == open_source(path, BOX).digest


def test_server_facts_are_used_where_nothing_is_told(ortho):
    with served(ortho) as (_, server):
        wmts = open_source(server.url + "/wmts.xml#kind=wmts&layer=ortho")
        wms = open_source(server.url + "/ows?service=WMS&key=secret#layer=ortho")
    for source in (wmts, wms):
        assert source.licence == "Open data, a survey"
        assert source.bounds.west_deg == pytest.approx(BOX.west_deg, abs=1e-6)
        assert source.bounds.north_deg == pytest.approx(BOX.north_deg, abs=1e-6)
    assert (wmts.name, wms.name) == (f"{server.url}/wmts.xml ortho", f"{server.url}/ows ortho")


@given(st.integers(1, 22).flatmap(lambda z: st.tuples(st.just(z), *[st.integers(0, (1 << z) - 1)] * 2)))
def test_quadkeys_are_mercantiles(place):
    zoom, x, y = place
    assert quadkey(zoom, x, y) == mercantile.quadkey(x, y, zoom)


HOST = "https://tiles.example.org"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HOST + "/{z}/{x}/{y}.png", "bounds: not told, so the region cannot be 'full': give a box or a file"),
        (HOST + "/{z}/{x}.png", r"url: needs \{z\}, \{x\} and \{y\} or \{-y\}, or \{q\}"),
        (HOST + "/{z}/{x}/{y}/{r}.png", r"url: \{r\} is not one of \{z\} \{x\} \{y\}"),
        (HOST + "/map", "kind: missing: 'xyz'"),
        (HOST + "/{z}/{x}/{y}.png#zoom=23", "zoom: must be at most 22, not '23'"),
        (HOST + "/{z}/{x}/{y}.png#zoom=a", "zoom: must be a whole number, not 'a'"),
        (HOST + "/{z}/{x}/{y}.png#licence", "behind # belong keys and values"),
        (HOST + "/{z}/{x}/{y}.png#zoom=1&zoom=2", "zoom: given twice"),
        (HOST + "/{z}/{x}/{y}.png#colour=1", "colour: is not known"),
        (HOST + "/{z}/{x}/{y}.png#tile_px=300", "tile_px: tiles have 256 or 512 pixels a side"),
        (HOST + "/{z}/{x}/{y}.png#bounds=1,2,3", "bounds.3: has too few values"),
        (HOST + "/{z}/{x}/{y}.png#bounds=9,47,8,48", "bounds: not west, south, east, north"),
        (HOST + "/{z}/{x}/{y}.png#bounds=-180,-85,180,85", "more than 20000000: give a smaller region"),
        (HOST + "/{z}/{x}/{y}.png#date=May", "date: must be a date as 2024"),
        (HOST + "/{z}/{x}/{y}.png#requests_per_s=1000", "requests_per_s: must be at most 50, not '1000'"),
        (
            "http://tiles.example.org/{z}/{x}/{y}.png",
            r"tiles.example.org/\{z\}/\{x\}/\{y\}.png: plain http .*#plain_http=true",
        ),
        ("ftp://tiles.example.org/{z}/{x}/{y}.png", "not an address of a server"),
        ("https://me:pw@tiles.example.org/{z}/{x}/{y}.png", "user and password in an address are not supported"),
    ],
)
def test_descriptions_that_cannot_be_are_refused_before_anything_is_asked(text, message):
    with pytest.raises(InputError, match=message) as caught:
        open_source(text)
    assert "\n" not in str(caught.value)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"url = ", "d.toml: not TOML"),
        (b"\xff\xfe", "d.toml: not TOML"),
        (b'zoom = 3\n', "d.toml: .*(url|kind): is missing"),
        (b'url = 3\n', "d.toml: "),
        (b"#" * 70_000, "d.toml: larger than 64 KiB"),
        (None, "d.toml: cannot be read: No such file"),
    ],
)  # fmt: skip
def test_files_that_describe_nothing_are_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "d.toml").write_bytes(content)
    with pytest.raises(InputError, match=message):
        open_source(tmp_path / "d.toml")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("kind=wmts", "layer: missing; there are: roads, ortho"),
        ("kind=wmts&layer=orto", "layer: 'orto' is not offered; there are: roads, ortho"),
        ("kind=wmts&layer=roads", "layer roads: no tile matrix set like GoogleMapsCompatible"),
        ("kind=wmts&layer=ortho&zoom=21", "layer ortho: zoom: 21 is not offered; there are 12 to 19"),
        ("kind=wmts&layer=ortho&format=image/jpeg", "layer ortho: format: image/jpeg; it has: image/png"),
    ],
)
def test_what_a_wmts_does_not_offer(ortho, options, message):
    with served(ortho) as (_, server), pytest.raises(InputError, match=message):
        open_source(f"{server.url}/wmts.xml#{options}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("layer=", "layer: missing; there are: roads, ortho"),
        ("layer=ortho&format=image/webp", "format: image/webp is not offered; it has: image/jpeg, image/png"),
    ],
)
def test_what_a_wms_does_not_offer(ortho, options, message):
    with served(ortho) as (_, server), pytest.raises(InputError, match=message):
        open_source(f"{server.url}/?service=WMS#{options}")


BILLION = b'<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><Capabilities>&b;</Capabilities>'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html><body>log in</body></html>", "not a capabilities document but html"),
        (b"not xml", "not a capabilities document: not XML"),
        (BILLION, "declares entities, which are not expanded"),
        (b"<a>" * 200, "more than 100 elements deep"),
        (b"<Capabilities/>", "layer: missing; there are: none"),
        (b'<?xml version="1.0" encoding="nonsense"?><Capabilities/>', "not a capabilities document"),
    ],
)
@pytest.mark.parametrize("kind", ["wmts", "wms"])
def test_capabilities_that_are_none(body, message, kind):
    reply = Reply(body, kind="text/xml")
    with serving(in_turn(reply)) as server, pytest.raises(InputError, match=message) as caught:
        open_source(f"{server.url}/c#kind={kind}")
    assert "\n" not in str(caught.value)


def test_a_wms_that_answers_with_an_exception(ortho):
    """Status 200, as WMS does it."""
    with served(ortho) as (_, server):
        source = open_source(server.url + "/ows?service=WMS#layer=ortho", BOX)
        server.answer = in_turn(
            Reply(b"<ServiceExceptionReport>no such layer</ServiceExceptionReport>", kind="text/xml")
        )
        x, y = (int(value) for value in world_px_from_geo(LAT, LON, ZOOM))
        with pytest.raises(InputError, match="not a picture but '<ServiceExceptionReport>no such layer"):
            source.read(ZOOM, x, y, 10, 10)


def test_a_template_of_another_host_over_plain_http_is_refused(ortho):
    with serving(in_turn(Reply())) as server:
        service = Ortho(ortho)
        service.url, server.answer = "http://tiles.example.org", service.answer
        with pytest.raises(InputError, match=r"http://tiles.example.org/.*: plain http"):
            open_source(server.url + "/wmts.xml#kind=wmts&layer=ortho")


def test_a_region_elsewhere_keeps_the_bounds(ortho):
    with served(ortho) as (_, server):
        source = open_source(server.url + "/wmts.xml#kind=wmts&layer=ortho", Bounds(1.0, 1.0, 1.1, 1.1))
    assert source.bounds.west_deg == pytest.approx(BOX.west_deg, abs=1e-6)
