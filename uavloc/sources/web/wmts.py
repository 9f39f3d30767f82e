"""WMTS 1.0.0: from capabilities to the address of a tile, on a tile matrix set like GoogleMapsCompatible."""

from __future__ import annotations

import math
import re
from urllib.parse import quote, urlsplit, urlunsplit
from xml.etree.ElementTree import Element

from uavloc.errors import InputError
from uavloc.frames import MAX_ZOOM, TILE_PX, WGS84_A_M
from uavloc.sources.web.address import check_address, printable, query_value, shown, with_query
from uavloc.sources.web.description import DEFAULT_ZOOM, Description
from uavloc.sources.web.service import Service, box_of_degrees, pick_layer, text_of

_HALF_M = math.pi * WGS84_A_M
_SCALE_OF_ZOOM_0 = 2.0 * _HALF_M / TILE_PX / 0.00028
"""WMTS takes a pixel for 0.28 mm."""
_TOLERANCE = 1e-4
_WEB_MERCATOR = ("3857", "900913")
_FORMATS = ("image/jpeg", "image/png", "image/webp")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def capabilities_url(url: str) -> str:
    """Where the capabilities are: a document as it is, or asked of a service."""
    if urlsplit(url).path.lower().endswith(".xml") and not query_value(url, "service"):
        return url
    return with_query(url, {"SERVICE": "WMTS", "REQUEST": "GetCapabilities", "VERSION": "1.0.0"})


def wmts_service(description: Description, capabilities: Element) -> Service:
    """The tiles of a layer at the zoom that is asked for, or the finest up to 18; raises InputError."""
    where = shown(description.url)
    layers = capabilities.findall("Contents/Layer")
    names = [(layer.findtext("Identifier") or "").strip() for layer in layers]
    layer = layers[pick_layer(where, names, description.layer)]
    where = f"{where}: layer {text_of(layer, 'Identifier')}"
    matrix_set, levels = _grid(where, layer, capabilities)
    zoom = _zoom(where, sorted(levels), description.zoom)
    matrix, tile_px = levels[zoom]
    values = {
        "Layer": text_of(layer, "Identifier"),
        "Style": description.style or _style(layer),
        "TileMatrixSet": matrix_set,
        "TileMatrix": matrix,
        **_dimensions(where, layer, description.time),
    }
    corners = [*text_of(layer, "WGS84BoundingBox/LowerCorner").split(), "", ""][:2]
    corners += [*text_of(layer, "WGS84BoundingBox/UpperCorner").split(), "", ""][:2]
    return Service(
        _Address(description, layer, where, values).of,
        zoom - int(math.log2(tile_px // TILE_PX)),
        tile_px,
        box_of_degrees(*corners),
        _rights(capabilities),
    )


class _Address:
    """Makes the address of a tile, from a template of the layer or as a query to the service."""

    def __init__(self, description: Description, layer: Element, where: str, values: dict[str, str]) -> None:
        offered = [(element.text or "").strip() for element in layer.findall("Format")]
        self._format: str = description.format or next((name for name in _FORMATS if name in offered), "")
        if self._format not in offered:
            told = ", ".join(printable(name, 40) for name in offered[:8])
            raise InputError(f"{where}: format: {self._format or 'none of ours'}; it has: {told}")
        self._url, self._values = description.url, values
        self._template = _template(layer, self._format, description)
        if self._template:
            check_address(_PLACEHOLDER.sub("0", self._template), description.plain_http)
            unknown = {name.lower() for name in _PLACEHOLDER.findall(self._template)} - {
                "tilerow", "tilecol", *(name.lower() for name in values),
            }  # fmt: skip
            if unknown:
                raise InputError(f"{where}: its address needs {{{printable(min(unknown), 40)}}}, which is not told")

    def of(self, column: int, row: int) -> str:
        values = {**self._values, "TileRow": str(row), "TileCol": str(column)}
        if not self._template:
            asked = {"SERVICE": "WMTS", "REQUEST": "GetTile", "VERSION": "1.0.0", "FORMAT": self._format}
            return with_query(self._url, {**asked, **{name.upper(): value for name, value in values.items()}})
        lower = {name.lower(): quote(value, safe="") for name, value in values.items()}
        return _PLACEHOLDER.sub(lambda found: lower[found[1].lower()], self._template)


def _grid(where: str, layer: Element, capabilities: Element) -> tuple[str, dict[int, tuple[str, int]]]:
    """The first tile matrix set of the layer on the Web-Mercator grid: its name, and matrix and tile side per zoom."""
    linked = [text_of(link, "TileMatrixSet") for link in layer.findall("TileMatrixSetLink")]
    for element in capabilities.findall("Contents/TileMatrixSet"):
        name = text_of(element, "Identifier")
        reference = re.findall(r"\d+", text_of(element, "SupportedCRS"))
        if name in linked and reference and reference[-1] in _WEB_MERCATOR:
            levels = dict(filter(None, map(_level, element.findall("TileMatrix"))))
            if levels:
                return name, levels
    told = ", ".join(linked[:8]) or "none"
    raise InputError(f"{where}: no tile matrix set like GoogleMapsCompatible (EPSG:3857); it has: {told}")


def _level(matrix: Element) -> tuple[int, tuple[str, int]] | None:
    """The zoom of the pixels of a matrix, with its name and tile side; None where it is not on the grid."""
    try:
        scale = float(text_of(matrix, "ScaleDenominator"))
        left, top = (float(value) for value in text_of(matrix, "TopLeftCorner").split())
        width, height = (int(text_of(matrix, name)) for name in ("TileWidth", "TileHeight"))
        zoom = round(math.log2(_SCALE_OF_ZOOM_0 / scale))
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    on_grid = abs(scale * 2.0**zoom / _SCALE_OF_ZOOM_0 - 1.0) < _TOLERANCE
    in_corner = max(abs(left + _HALF_M), abs(top - _HALF_M)) < 1.0
    if not (on_grid and in_corner and width == height and width in (TILE_PX, 2 * TILE_PX) and 0 <= zoom <= MAX_ZOOM):
        return None
    return zoom, (text_of(matrix, "Identifier"), width)


def _zoom(where: str, offered: list[int], wanted: int | None) -> int:
    if wanted is None:
        return max((zoom for zoom in offered if zoom <= DEFAULT_ZOOM), default=offered[0])
    if wanted not in offered:
        raise InputError(f"{where}: zoom: {wanted} is not offered; there are {offered[0]} to {offered[-1]}")
    return wanted


def _style(layer: Element) -> str:
    styles = layer.findall("Style")
    default = next((style for style in styles if style.get("isDefault") == "true"), styles[0] if styles else None)
    return text_of(default, "Identifier")


def _dimensions(where: str, layer: Element, time: str) -> dict[str, str]:
    """The values of dimensions: of time what is asked for, of others their defaults."""
    values = {text_of(element, "Identifier"): text_of(element, "Default") for element in layer.findall("Dimension")}
    for name in values:
        if time and name.lower() == "time":
            return {**values, name: time}
    if time:
        raise InputError(f"{where}: time: the layer has no such dimension")
    return values


def _template(layer: Element, picture_format: str, description: Description) -> str:
    """The address with placeholders that a layer gives for tiles, over https where the document came over https."""
    for resource in layer.findall("ResourceURL"):
        if resource.get("resourceType") == "tile" and resource.get("format") == picture_format:
            return _secured(resource.get("template") or "", description.url)
    return ""


def _secured(template: str, url: str) -> str:
    """Servers behind a proxy name themselves with http; the host we have asked over https is asked over https."""
    asked, told = urlsplit(url), urlsplit(template)
    if asked.scheme == "https" and told.scheme == "http" and asked.hostname == told.hostname:
        return urlunsplit(("https", asked.netloc, told.path, told.query, ""))
    return template


def _rights(capabilities: Element) -> str:
    told = [text_of(capabilities, f"ServiceIdentification/{name}") for name in ("AccessConstraints", "Fees")]
    return "; ".join(text for text in told if text and text.lower() != "none")
