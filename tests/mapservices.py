"""A map served as XYZ tiles, WMTS and WMS, rendered by GDAL and placed by mercantile: none of our code."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import cv2
import mercantile
import numpy as np
import rasterio
from affine import Affine
from mapserver import PNG, Reply
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

HALF_M = 20037508.342789244
SCALE_OF_ZOOM_0 = 559082264.0287178
WMTS_SETS = """
<TileMatrixSet><ows:Identifier>EPSG:25832</ows:Identifier>
  <ows:SupportedCRS>urn:ogc:def:crs:EPSG::25832</ows:SupportedCRS></TileMatrixSet>
<TileMatrixSet><ows:Identifier>webmerc</ows:Identifier><ows:SupportedCRS>urn:ogc:def:crs:EPSG::3857</ows:SupportedCRS>
  {matrices}</TileMatrixSet>"""
MATRIX = """<TileMatrix><ows:Identifier>m{zoom}</ows:Identifier><ScaleDenominator>{scale!r}</ScaleDenominator>
  <TopLeftCorner>-20037508.3427892 20037508.3427892</TopLeftCorner>
  <TileWidth>256</TileWidth><TileHeight>256</TileHeight><MatrixWidth>{count}</MatrixWidth><MatrixHeight>{count}</MatrixHeight></TileMatrix>"""
WMTS = """<?xml version="1.0"?><Capabilities xmlns="http://www.opengis.net/wmts/1.0" version="1.0.0"
  xmlns:ows="http://www.opengis.net/ows/1.1" xmlns:xlink="http://www.w3.org/1999/xlink">
<ows:ServiceIdentification><ows:AccessConstraints>Open data, a survey</ows:AccessConstraints>
</ows:ServiceIdentification>
<Contents><Layer><ows:Identifier>roads</ows:Identifier></Layer>
<Layer><ows:Identifier>ortho</ows:Identifier>
  <ows:WGS84BoundingBox><ows:LowerCorner>{west} {south}</ows:LowerCorner>
  <ows:UpperCorner>{east} {north}</ows:UpperCorner></ows:WGS84BoundingBox>
  <Style><ows:Identifier>plain</ows:Identifier></Style><Style isDefault="true">
  <ows:Identifier>natural</ows:Identifier></Style><Format>image/png</Format>
  <Dimension><ows:Identifier>Time</ows:Identifier><Default>2024</Default></Dimension>
  <TileMatrixSetLink><TileMatrixSet>EPSG:25832</TileMatrixSet></TileMatrixSetLink>
  <TileMatrixSetLink><TileMatrixSet>webmerc</TileMatrixSet></TileMatrixSetLink>{resource}</Layer>{sets}</Contents></Capabilities>"""
RESOURCE = '<ResourceURL format="image/png" resourceType="tile" template="{template}"/>'
WMS = """<?xml version="1.0"?><WMS_Capabilities xmlns="http://www.opengis.net/wms" version="1.3.0">
<Service><Name>WMS</Name><AccessConstraints>Open data, a survey</AccessConstraints></Service>
<Capability><Request><GetMap><Format>image/jpeg</Format><Format>image/png</Format></GetMap></Request>
<Layer><CRS>EPSG:25832</CRS><CRS>EPSG:3857</CRS><Layer><Name>roads</Name></Layer><Layer><Name>ortho</Name>
<EX_GeographicBoundingBox><westBoundLongitude>{west}</westBoundLongitude><eastBoundLongitude>{east}</eastBoundLongitude>
<southBoundLatitude>{south}</southBoundLatitude><northBoundLatitude>{north}</northBoundLatitude>
</EX_GeographicBoundingBox></Layer></Layer></Capability></WMS_Capabilities>"""
OLD_WMS = """<?xml version="1.0"?><!DOCTYPE WMT_MS_Capabilities SYSTEM "http://schemas.example.org/1.1.1.dtd"
 [ <!ELEMENT VendorSpecificCapabilities EMPTY> ]><WMT_MS_Capabilities version="1.1.1">
<Capability><Request><GetMap><Format>image/png</Format></GetMap></Request><Layer><SRS>EPSG:4326 EPSG:900913</SRS>
<Layer><Name>ortho</Name><LatLonBoundingBox minx="{west}" miny="{south}" maxx="{east}" maxy="{north}"/></Layer></Layer>
</Capability></WMT_MS_Capabilities>"""


class Ortho:
    """A GeoTIFF as servers show it; `missing` tiles (zoom, column, row) are not there."""

    def __init__(self, path: Path, *, resource: bool = True, old_wms: bool = False) -> None:
        self.path, self.missing, self.url = path, set[tuple[int, int, int]](), ""
        self._resource, self._old_wms = resource, old_wms

    def answer(self, path: str) -> Reply:
        parts = urlsplit(path)
        query = {key.upper(): value for key, value in parse_qsl(parts.query)}
        if parts.path == "/wmts.xml" or query.get("SERVICE") == "WMTS":
            return self._wmts(query)
        if query.get("SERVICE") == "WMS":
            return self._wms(query)
        _, kind, *place = parts.path.removesuffix(".png").split("/")
        if kind == "q":
            return self.tile(*_zxy(mercantile.quadkey_to_tile(place[0])))
        zoom, x, y = (int(text.removeprefix("m")) for text in place[-3:])
        return self.tile(zoom, x, (1 << zoom) - 1 - y if kind == "tms" else y)

    def tile(self, zoom: int, x: int, y: int) -> Reply:
        if (zoom, x, y) in self.missing:
            return Reply(b"not found", 404, "text/plain")
        box = mercantile.xy_bounds(x, y, zoom)
        return Reply(self.render((box.left, box.bottom, box.right, box.top), 256))

    def render(self, box: tuple[float, float, float, float], side: int) -> bytes:
        west, south, east, north = box
        grid = Affine((east - west) / side, 0.0, west, 0.0, (south - north) / side, north)
        facts = {"crs": "EPSG:3857", "transform": grid, "width": side, "height": side, "add_alpha": True}
        with rasterio.open(self.path) as data, WarpedVRT(data, resampling=Resampling.bilinear, **facts) as warped:
            rgba = np.moveaxis(warped.read(), 0, 2)
        return cv2.imencode(".png", rgba[:, :, [2, 1, 0, 3]])[1].tobytes()

    def _wmts(self, query: dict[str, str]) -> Reply:
        if query.get("REQUEST") == "GetTile":
            assert (query["LAYER"], query["STYLE"], query["TILEMATRIXSET"]) == ("ortho", "natural", "webmerc")
            assert (query["FORMAT"], query["VERSION"], query["TIME"]) == (PNG, "1.0.0", "2024")
            return self.tile(int(query["TILEMATRIX"][1:]), int(query["TILECOL"]), int(query["TILEROW"]))
        matrices = "".join(MATRIX.format(zoom=z, scale=SCALE_OF_ZOOM_0 / 2**z, count=1 << z) for z in range(12, 20))
        template = self.url + "/wmts/{Style}/{Time}/{TileMatrixSet}/{TileMatrix}/{TileCol}/{TileRow}.png"
        resource = RESOURCE.format(template=template) if self._resource else ""
        document = WMTS.format(**self._box(), resource=resource, sets=WMTS_SETS.format(matrices=matrices))
        return Reply(document.encode(), kind="text/xml")

    def _wms(self, query: dict[str, str]) -> Reply:
        if query["REQUEST"] == "GetCapabilities":
            return Reply((OLD_WMS if self._old_wms else WMS).format(**self._box()).encode(), kind="text/xml")
        assert query["REQUEST"] == "GetMap"
        assert (query["LAYERS"], query["FORMAT"], query["TRANSPARENT"]) == ("ortho", PNG, "TRUE")
        key, value = ("SRS", "EPSG:900913") if self._old_wms else ("CRS", "EPSG:3857")
        assert query[key] == value
        west, south, east, north = map(float, query["BBOX"].split(","))
        return Reply(self.render((west, south, east, north), int(query["WIDTH"])))

    def _box(self) -> dict[str, float]:
        with rasterio.open(self.path) as data:
            west, south, east, north = rasterio.warp.transform_bounds(data.crs, "EPSG:4326", *data.bounds)
        return {"west": west, "south": south, "east": east, "north": north}


def _zxy(tile: mercantile.Tile) -> tuple[int, int, int]:
    return tile.z, tile.x, tile.y


def tiles_around(path: Path, zoom: int) -> list[mercantile.Tile]:
    """The tiles that a GeoTIFF touches."""
    with rasterio.open(path) as data:
        box = rasterio.warp.transform_bounds(data.crs, "EPSG:4326", *data.bounds)
    return list(mercantile.tiles(*box, zoom))


def pixel_m(zoom: int) -> float:
    return 2.0 * HALF_M / 256 / 2**zoom
