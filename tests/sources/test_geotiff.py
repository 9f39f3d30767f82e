"""GeoTIFF and VRT: any coordinate system, masks of every kind, and what is refused."""

from __future__ import annotations

import builtins

import numpy as np
import pytest
import rasterio
from affine import Affine
from mapfiles import bounds_around, geotransform, ramp, textured
from pyproj import Transformer
from rasterio.enums import ColorInterp
from rasterio.shutil import copy
from scipy.ndimage import map_coordinates

from uavloc.errors import InputError, MissingExtraError
from uavloc.frames import world_px_from_geo
from uavloc.sources import open_source

LAT, LON, GSD_M, SIZE = 47.4, 8.5, 0.5, 120
BOUNDS = bounds_around(LAT, LON, SIZE, SIZE, GSD_M)
BASE = {
    "driver": "GTiff", "width": SIZE, "height": SIZE, "count": 3, "dtype": "uint8", "crs": "EPSG:4326",
    "transform": geotransform(BOUNDS, SIZE, SIZE),
}  # fmt: skip


def write(path, bands, *, mask=None, tags=None, colours=None, **changes):
    """A GeoTIFF of (count, height, width) bands."""
    with rasterio.open(path, "w", **{**BASE, "count": len(bands), "dtype": bands.dtype.name, **changes}) as file:
        if colours is not None:
            file.colorinterp = colours
        file.write(bands)
        file.update_tags(**(tags or {}))
        if mask is not None:
            file.write_mask(mask)
    return path


def whole(source, zoom=19):
    """The source with some pixels around it, and the (u, v) shares of the box at pixel centres."""
    left, top = world_px_from_geo(BOUNDS.north_deg, BOUNDS.west_deg, zoom)
    right, bottom = world_px_from_geo(BOUNDS.south_deg, BOUNDS.east_deg, zoom)
    x, y, width, height = int(left) - 2, int(top) - 2, int(right - left) + 5, int(bottom - top) + 5
    u, v = np.meshgrid(
        (x + 0.5 + np.arange(width) - left) / (right - left), (y + 0.5 + np.arange(height) - top) / (bottom - top)
    )
    return source.read(zoom, x, y, width, height), u, v


def colours_of(height=SIZE, width=SIZE, seed=1):
    return np.moveaxis(textured(height, width, seed), 2, 0).clip(1, 255)


HOLED = np.ones((SIZE, SIZE), bool)
HOLED[: SIZE // 2, : SIZE // 2] = False


def _nodata(path):
    return write(path, colours_of() * HOLED, nodata=0)


def _alpha(path):
    bands = np.concatenate([colours_of(), HOLED[None] * np.uint8(255)])
    roles = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
    return write(path, bands, colours=roles)


def _mask_band(path):
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        return write(path, colours_of(), mask=HOLED)


def _mask_file(path):
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        return write(path, colours_of(), mask=HOLED)


def _grey_alpha_16(path):
    bands = np.concatenate([colours_of()[:1].astype(np.uint16) * 40, HOLED[None] * np.uint16(65535)])
    return write(path, bands, colours=[ColorInterp.gray, ColorInterp.alpha])


@pytest.mark.parametrize("make", [_nodata, _alpha, _mask_band, _mask_file, _grey_alpha_16])
@pytest.mark.parametrize("zoom", [19, 17])
def test_missing_pixels_are_masked_whatever_says_so(tmp_path, make, zoom):
    source = open_source(make(tmp_path / "m.tif"))
    found, u, v = whole(source, zoom)
    expected = (u > 0) & (u < 1) & (v > 0) & (v < 1) & ((u > 0.5) | (v > 0.5))
    pixel = float(u[0, 1] - u[0, 0])
    edge = np.min([np.abs(x - e) for x in (u, v) for e in (0.0, 0.5, 1.0)], axis=0) < pixel
    assert (found.mask == expected)[~edge].all()
    assert not found.rgb[~found.mask].any()
    assert found.rgb[found.mask].mean() > 60


@pytest.mark.parametrize("crs", ["EPSG:32632", "EPSG:2056", "EPSG:3857", "EPSG:4326"])
@pytest.mark.parametrize("zoom", [20, 19, 17])
def test_every_pixel_shows_the_ground_at_its_centre(tmp_path, crs, zoom):
    """A ramp of 2 grey levels per pixel: half a pixel is 1 level in the mean."""
    transform = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    side_m = {"EPSG:4326": None, "EPSG:3857": GSD_M / 0.6766}.get(crs, GSD_M)
    east, north = transform.transform(BOUNDS.west_deg, BOUNDS.north_deg)
    grid = BASE["transform"] if side_m is None else Affine(side_m, 0.0, east, 0.0, -side_m, north)
    path = write(tmp_path / "r.tif", np.moveaxis(ramp(SIZE, SIZE), 2, 0), crs=crs, transform=grid)
    source = open_source(path)
    assert source.gsd_m == pytest.approx(GSD_M, rel=3e-3)
    x, y = (int(value) for value in world_px_from_geo(LAT, LON, zoom))
    half = int(30 * 2.0 ** (zoom - 20)) + 2
    found = source.read(zoom, x - half, y - half, 2 * half, 2 * half)
    world_m = 2 * 20037508.342789244
    step = world_m / (256 * 2**zoom)
    mercator = np.meshgrid(
        (x - half + 0.5 + np.arange(2 * half)) * step - world_m / 2,
        world_m / 2 - (y - half + 0.5 + np.arange(2 * half)) * step,
    )
    columns, rows = ~grid @ np.stack(Transformer.from_crs("EPSG:3857", crs, always_xy=True).transform(*mercator))
    assert found.mask.all()
    for band, place in enumerate((columns, rows)):
        difference = found.rgb[:, :, band] - 255.0 * place / SIZE
        assert abs(difference.mean()) < 0.3
        assert np.abs(difference).max() < 1.3


def test_a_real_quad_in_utm(data_dir):
    """World pixels read at a finer zoom give back the raster's own values at its own pixel centres."""
    path = sorted((data_dir / "open_imagery" / "naip_5m_dakota").glob("*20120731.tif"))[0]
    source = open_source(path)
    assert source.gsd_m == pytest.approx(5.0, rel=2e-3)
    with rasterio.open(path) as data:
        raster, grid = data.read(2).astype(float), data.transform
        to_geo = Transformer.from_crs(data.crs, "EPSG:4326", always_xy=True)
    columns, rows = np.meshgrid(np.arange(400, 440), np.arange(300, 340))
    zoom = 18

    def seen(shift_px):
        east, north = grid @ np.stack([columns + 0.5 + shift_px, rows + 0.5])
        places = np.array(
            [
                world_px_from_geo(lat, lon, zoom)
                for lon, lat in zip(*to_geo.transform(east.ravel(), north.ravel()), strict=True)
            ]
        )
        x, y = np.floor(places.min(axis=0)).astype(int) - 2
        width, height = np.ceil(places.max(axis=0)).astype(int) + 3 - (x, y)
        green = source.read(zoom, int(x), int(y), int(width), int(height)).rgb[:, :, 1].astype(float)
        return map_coordinates(green, (places[:, 1] - y - 0.5, places[:, 0] - x - 0.5), order=1)

    right = np.abs(seen(0.0) - raster[rows, columns].ravel()).mean()
    assert right < 0.6
    assert np.abs(seen(0.5) - raster[rows, columns].ravel()).mean() > 4 * right


def test_coarser_zooms_average(tmp_path):
    board = np.indices((SIZE, SIZE)).sum(axis=0) % 2 * np.full((3, 1, 1), 255)
    found, u, v = whole(open_source(write(tmp_path / "b.tif", board.astype(np.uint8))), 16)
    inner = (u > 0.1) & (u < 0.9) & (v > 0.1) & (v < 0.9)
    assert np.abs(found.rgb[inner].astype(float) - 127.5).max() < 16


def test_grey_becomes_rgb_and_infrared_is_left_out(tmp_path):
    grey, _, _ = whole(open_source(write(tmp_path / "g.tif", colours_of()[:1])))
    assert (grey.rgb[:, :, 0] == grey.rgb[:, :, 2]).all()
    assert grey.mask.mean() > 0.8
    four = np.concatenate([colours_of(), colours_of(seed=5)[:1]])
    roles = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined]
    infrared, _, _ = whole(open_source(write(tmp_path / "i.tif", four, colours=roles)))
    colour, _, _ = whole(open_source(write(tmp_path / "c.tif", four[:3])))
    assert (infrared.rgb == colour.rgb).all()
    assert infrared.mask.any()
    swapped = [ColorInterp.blue, ColorInterp.green, ColorInterp.red]
    turned, _, _ = whole(open_source(write(tmp_path / "s.tif", four[:3], colours=swapped)))
    assert (turned.rgb[:, :, ::-1] == colour.rgb).all()


def test_of_two_bands_the_first_is_grey_and_that_is_told(tmp_path, caplog):
    found, _, _ = whole(open_source(write(tmp_path / "two.tif", colours_of()[:2])))
    grey, _, _ = whole(open_source(write(tmp_path / "one.tif", colours_of()[:1])))
    assert (found.rgb == grey.rgb).all()
    assert "two.tif: has two bands besides alpha: the first is taken as grey" in caplog.text


def test_a_colour_without_one_of_its_parts_is_not_nodata(tmp_path):
    """Pure red where nodata is 0: missing is only what is 0 in every band."""
    bands = np.zeros((3, SIZE, SIZE), np.uint8)
    bands[0] = 250 * HOLED
    found, u, v = whole(open_source(write(tmp_path / "red.tif", bands, nodata=0)))
    there = (u > 0.52) & (u < 0.98) & (v > 0.02) & (v < 0.98)
    assert found.mask[there].all()
    assert (found.rgb[there] == (250, 0, 0)).all()
    assert not found.mask[(u < 0.48) & (v < 0.48)].any()


def test_a_render_exported_by_qgis(tmp_path):
    """Four bands, the last alpha, tiled and compressed, nothing where the project showed nothing; outside is black."""
    bands = np.concatenate([colours_of() * HOLED, HOLED[None] * np.uint8(255)])
    made = {"photometric": "RGB", "alpha": "YES", "tiled": True, "blockxsize": 64, "blockysize": 64}
    grid = Affine(0.7, 0.0, 946_000.0, 0.0, -0.7, 6_002_000.0)
    path = write(tmp_path / "q.tif", bands, compress="deflate", crs="EPSG:3857", transform=grid, **made)
    source = open_source(path)
    b = source.bounds
    x, y = world_px_from_geo(b.north_deg, b.west_deg, 19)
    found = source.read(19, int(x) - 3, int(y) - 3, 300, 300)
    assert 0.6 < found.mask.sum() / (0.75 * (SIZE * 0.7 / 0.29858) ** 2) < 1.1
    assert found.rgb[found.mask].min() >= 1
    assert not found.rgb[~found.mask].any()


@pytest.mark.parametrize("dtype", ["uint16", "int16"])
def test_16_bit_is_scaled_the_same_everywhere(tmp_path, dtype):
    """Neighbouring windows of a dark and a bright half, and any window, agree with the percentiles of the whole."""
    rng = np.random.default_rng(3)
    values = rng.integers(200, 900, (3, SIZE, SIZE)).astype(dtype)
    values[:, :, SIZE // 2 :] += 2000
    source = open_source(write(tmp_path / "deep.tif", values))
    low, high = np.percentile(values, (1, 99))
    found, u, v = whole(source, 21)
    for columns, mean in ((slice(None, SIZE // 2), 0.25), (slice(SIZE // 2, None), 0.75)):
        inner = (abs(u - mean) < 0.2) & (v > 0.05) & (v < 0.95)
        expected = np.clip((values[:, :, columns] - low) / (high - low) * 255, 0, 255).mean()
        assert found.rgb[inner].mean() == pytest.approx(expected, abs=2)
    x, y = world_px_from_geo(LAT, LON, 21)
    for at in (-60, 20):
        part = source.read(21, int(x) + at, int(y), 30, 30)
        left, top = world_px_from_geo(BOUNDS.north_deg, BOUNDS.west_deg, 21)
        i, j = int(y) - int(top) + 2, int(x) + at - int(left) + 2
        assert (part.rgb == found.rgb[i : i + 30, j : j + 30]).all()


def test_a_mosaic_is_a_vrt_or_several_sources(tmp_path):
    """Two halves as a VRT give the pixels of the whole; the scaling of 16 bit is that of both together."""
    values = (colours_of().astype(np.uint16) + 100) * 20
    values[:, :, SIZE // 2 :] += 3000
    grid = BASE["transform"]
    write(tmp_path / "whole.tif", values)
    for name, start in (("west", 0), ("east", SIZE // 2)):
        half = values[:, :, start : start + SIZE // 2]
        write(tmp_path / f"{name}.tif", half, width=SIZE // 2, transform=grid @ Affine.translation(start, 0))
    band = """<VRTRasterBand dataType="UInt16" band="{b}"><ColorInterp>{c}</ColorInterp>{s}</VRTRasterBand>"""
    part = """<SimpleSource><SourceFilename relativeToVRT="1">{n}.tif</SourceFilename><SourceBand>{b}</SourceBand>
      <SrcRect xOff="0" yOff="0" xSize="{h}" ySize="{w}"/>
      <DstRect xOff="{x}" yOff="0" xSize="{h}" ySize="{w}"/></SimpleSource>"""
    bands = "".join(
        band.format(b=b, c=c, s="".join(part.format(n=n, b=b, h=SIZE // 2, w=SIZE, x=x)
                                        for n, x in (("west", 0), ("east", SIZE // 2))))
        for b, c in ((1, "Red"), (2, "Green"), (3, "Blue"))
    )  # fmt: skip
    transform = ", ".join(map(str, grid.to_gdal()))
    (tmp_path / "set.vrt").write_text(
        f'<VRTDataset rasterXSize="{SIZE}" rasterYSize="{SIZE}"><SRS>EPSG:4326</SRS>'
        f"<GeoTransform>{transform}</GeoTransform>{bands}</VRTDataset>"
    )
    one, _, _ = whole(open_source(tmp_path / "whole.tif"))
    mosaic, _, _ = whole(open_source(tmp_path / "set.vrt"))
    assert (one.mask == mosaic.mask).all()
    assert (one.rgb == mosaic.rgb).all()


def _vrt_of(path, source, attributes='relativeToVRT="1"'):
    path.write_text(
        f'<VRTDataset rasterXSize="9" rasterYSize="9"><SRS>EPSG:4326</SRS>'
        f"<GeoTransform>8,1e-5,0,47,0,-1e-5</GeoTransform>"
        f'<VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename {attributes}>{source}</SourceFilename>'
        f"<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    return path


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("gone.tif", "gone.tif', which is not a file here"),
        ("/vsicurl/https://example.org/a.tif", "which is not a file here"),
        ("WMS:https://example.org/wms", "which is not a file here"),
        ("wms.xml", "wms.xml', which is text and not a picture"),
        ("self.vrt", "more than 4 deep"),
    ],
)
def test_a_vrt_names_pictures_on_this_machine_only(tmp_path, source, message):
    (tmp_path / "wms.xml").write_text("<GDAL_WMS><Service name='WMS'/></GDAL_WMS>")
    for attributes in ('relativeToVRT="1"', ""):
        with pytest.raises(InputError, match=message if attributes else "names .*which is|more than 4 deep"):
            open_source(_vrt_of(tmp_path / "self.vrt", source, attributes))


def test_a_vrt_declares_no_entities(tmp_path):
    path = _vrt_of(tmp_path / "e.vrt", "a.tif")
    path.write_text(path.read_text().replace("<VRTDataset", '<!DOCTYPE V [<!ENTITY a "aaaa">]><VRTDataset', 1))
    with pytest.raises(InputError, match=r"e.vrt: not a map source"):
        open_source(path)
    path.write_text(path.read_text().replace("<!DOCTYPE", "<VRTDataset/><!DOCTYPE", 1))
    with pytest.raises(InputError, match=r"e.vrt: not XML"):
        open_source(path)


def test_16_bit_is_stretched_between_percentiles(tmp_path):
    values = (colours_of().astype(np.uint16) + 100) * 20
    found, _, _ = whole(open_source(write(tmp_path / "deep.tif", values)))
    low, high = np.percentile(values, (1, 99))
    assert (low, high) != (0, 255)
    seen = found.rgb[found.mask].astype(float)
    assert 0.005 < (seen == 0).mean() < 0.03
    assert 0.003 < (seen == 255).mean() < 0.03
    expected = np.clip((values - low) / (high - low) * 255, 0, 255).mean()
    assert seen.mean() == pytest.approx(expected, abs=2)


def test_cog_and_vrt(tmp_path):
    path = write(tmp_path / "plain.tif", colours_of())
    copy(path, tmp_path / "cog.tif", driver="COG")
    copy(path, tmp_path / "set.vrt", driver="VRT")
    plain, _, _ = whole(open_source(path))
    for name in ("cog.tif", "set.vrt"):
        found, _, _ = whole(open_source(tmp_path / name))
        assert (found.rgb == plain.rgb).all()
    before = open_source(tmp_path / "set.vrt").digest
    write(path, colours_of(seed=9))
    assert open_source(tmp_path / "set.vrt").digest != before, "the parts of a VRT count"


def test_date_and_licence(tmp_path):
    tags = {"TIFFTAG_DATETIME": "2019:07:04 11:00:00", "TIFFTAG_COPYRIGHT": "CC-BY somebody"}
    source = open_source(write(tmp_path / "t.tif", colours_of(), tags=tags))
    assert (source.date, source.licence, source.name) == ("2019-07-04", "CC-BY somebody", "t.tif")
    assert open_source(write(tmp_path / "u.tif", colours_of(), tags={"TIFFTAG_DATETIME": "yesterday"})).date == ""


def _no_crs(path):
    return write(path, colours_of(), crs=None)


def _no_geotransform(path):
    return write(path, colours_of(), transform=Affine(1.0, 0.0, 0.0, 0.0, 1.0, 0.0))


def _float(path):
    return write(path, colours_of().astype(np.float32))


def _only_alpha(path):
    return write(path, colours_of()[:1], colours=[ColorInterp.alpha])


def _palette(path):
    write(path, colours_of()[:1])
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {0: (1, 2, 3, 255)})
    return path


def _cut_off(path):
    write(path, colours_of())
    path.write_bytes(path.read_bytes()[:200])
    return path


def _antimeridian(path):
    return write(path, colours_of(), transform=Affine(0.001, 0.0, 179.95, 0.0, -0.001, 10.0))


def _polar(path):
    return write(path, colours_of(), transform=Affine(0.001, 0.0, 10.0, 0.0, -0.001, 89.0))


def _local_crs(path):
    return write(path, colours_of(), crs='LOCAL_CS["site",UNIT["metre",1]]')


def _metres_as_degrees(path):
    return write(path, colours_of(), transform=Affine(0.5, 0.0, 465_000.0, 0.0, -0.5, 5_250_000.0))


def _pixels_without_size(path):
    return write(path, colours_of(), transform=Affine(0.0, 0.0, 8.0, 0.0, 0.0, 47.0))


def _huge_claim(path):
    """The header of a small file, its width and height overwritten: tags 256 and 257."""
    write(path, colours_of())
    return _with_size(path, 100_000_000, 20_000)


def _huge_block(path):
    """A file of 16 KB, all one compressed tile that claims 1.6 GB."""
    write(path, colours_of()[:1], compress="deflate", tiled=True, blockxsize=128, blockysize=128)
    path.write_bytes(path.read_bytes() + bytes(16_000))
    return _with_size(path, 40_000, 40_000, tile=40_000)


def _with_size(path, width, height, tile=None):
    data = bytearray(path.read_bytes())
    at = int.from_bytes(data[4:8], "little")
    for entry in range(at + 2, at + 2 + 12 * int.from_bytes(data[at : at + 2], "little"), 12):
        tag = int.from_bytes(data[entry : entry + 2], "little")
        value = {256: width, 257: height, 322: tile, 323: tile}.get(tag)
        if value is not None:
            data[entry + 2 : entry + 12] = b"\x04\0\x01\0\0\0" + value.to_bytes(4, "little")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_no_crs, "has no coordinate system"),
        (_float, "bands of type float32 are not supported"),
        (_only_alpha, "no bands besides alpha"),
        (_palette, "palette colours are not supported"),
        (_cut_off, "not a readable GeoTIFF|bands"),
        (_antimeridian, "crosses the antimeridian"),
        (_polar, "lies beyond .* degrees of latitude"),
        (_local_crs, "outline has no latitude and longitude: check the coordinate system"),
        (_metres_as_degrees, "outline has no latitude and longitude: check the coordinate system"),
        (_pixels_without_size, "its geotransform gives pixels no size"),
        (_huge_claim, "its header claims 100000000 x 20000 pixels, too many for a file of"),
        (_huge_block, "in blocks of 40000 x 40000: convert with gdal_translate -co TILED=YES"),
    ],
)
def test_refusals_name_the_file(tmp_path, make, message):
    with pytest.raises(InputError, match=message) as caught:
        open_source(make(tmp_path / "bad.tif"))
    assert "bad.tif" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_a_geotransform(tmp_path):
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        path = _no_geotransform(tmp_path / "bad.tif")
    with pytest.raises(InputError, match="has no geotransform"):
        open_source(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pixels_that_are_missing_in_the_file_are_refused_when_read(tmp_path, dtype):
    path = write(tmp_path / "cut.tif", colours_of().astype(dtype), compress="deflate")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"cut.tif: (cannot be read|not a readable)"):
        whole(open_source(path))


def test_without_rasterio_the_extra_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "t.tif", colours_of())
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == "rasterio":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"rasterio is not installed: pip install 'uavloc\[build\]'"):
        open_source(path)
