"""WMS 1.3.0 and 1.1.1: a map asked for tile by tile, in Web-Mercator."""

from __future__ import annotations

import math
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from uavloc.errors import InputError
from uavloc.frames import TILE_PX, WGS84_A_M
from uavloc.sources.web.address import printable, shown, with_query
from uavloc.sources.web.description import DEFAULT_ZOOM, Description
from uavloc.sources.web.service import Service, box_of_degrees, pick_layer, text_of
from uavloc.types import Bounds

_HALF_M = math.pi * WGS84_A_M
_TILE_PX = 2 * TILE_PX
"""Large tiles are fewer requests."""
_REFERENCES = ("EPSG:3857", "EPSG:900913", "EPSG:102100")
_FORMATS = ("image/png", "image/webp", "image/jpeg")
"""In order: a JPEG cannot tell where the server has nothing."""


def capabilities_url(url: str) -> str:
    """Where the capabilities are."""
    return with_query(url, {"SERVICE": "WMS", "REQUEST": "GetCapabilities", "VERSION": "1.3.0"})


def wms_service(description: Description, capabilities: Element) -> Service:
    """The tiles of a layer, 512 pixels a side; raises InputError."""
    where = shown(description.url)
    layers = [(chain, name) for chain in _chains(capabilities.find("Capability"))
              if (name := (chain[-1].findtext("Name") or "").strip())]  # fmt: skip
    chain, layer = layers[pick_layer(where, [name for _, name in layers], description.layer)]
    where = f"{where}: layer {printable(layer, 60)}"
    version = capabilities.get("version") or "1.3.0"
    zoom = DEFAULT_ZOOM if description.zoom is None else description.zoom
    tile_px = _TILE_PX if zoom else TILE_PX
    tile_zoom = zoom - 1 if zoom else zoom
    picture_format = _format(where, capabilities, description.format)
    query = {
        "SERVICE": "WMS", "REQUEST": "GetMap", "VERSION": "1.1.1" if version.startswith("1.1") else "1.3.0",
        "LAYERS": layer, "STYLES": description.style, "FORMAT": picture_format,
        "TRANSPARENT": "FALSE" if picture_format == "image/jpeg" else "TRUE",
        "SRS" if version.startswith("1.1") else "CRS": _reference(where, chain),
        "WIDTH": str(tile_px), "HEIGHT": str(tile_px), **({"TIME": description.time} if description.time else {}),
    }  # fmt: skip

    def url(column: int, row: int) -> str:
        return with_query(description.url, {**query, "BBOX": _box(tile_zoom, column, row)})

    return Service(url, tile_zoom, tile_px, _bounds(chain), _rights(capabilities, chain))


def _chains(parent: Element | None, above: tuple[Element, ...] = ()) -> Iterator[tuple[Element, ...]]:
    """Every layer with those it inherits from before it."""
    for layer in parent.findall("Layer") if parent is not None else ():
        yield (*above, layer)
        yield from _chains(layer, (*above, layer))


def _box(zoom: int, column: int, row: int) -> str:
    side_m = 2.0 * _HALF_M / 2**zoom
    west, north = column * side_m - _HALF_M, _HALF_M - row * side_m
    return ",".join(f"{value:.6f}" for value in (west, north - side_m, west + side_m, north))


def _reference(where: str, chain: tuple[Element, ...]) -> str:
    offered = {
        name.upper()
        for layer in chain
        for tag in ("CRS", "SRS")
        for element in layer.findall(tag)
        for name in (element.text or "").split()
    }
    found = next((name for name in _REFERENCES if name in offered), None)
    if found is None:
        told = ", ".join(printable(name, 40) for name in sorted(offered)[:8]) or "none"
        raise InputError(f"{where}: not offered in EPSG:3857; it has: {told}")
    return found


def _format(where: str, capabilities: Element, wanted: str) -> str:
    offered = [(element.text or "").strip() for element in capabilities.findall("Capability/Request/GetMap/Format")]
    found = next((name for name in ((wanted,) if wanted else _FORMATS) if name in offered), None)
    if found is None:
        told = ", ".join(printable(name, 40) for name in offered[:8]) or "none"
        raise InputError(f"{where}: format: {wanted or 'none of ours'} is not offered; it has: {told}")
    return found


def _bounds(chain: tuple[Element, ...]) -> Bounds | None:
    """The box in degrees, of the layer or what it inherits from."""
    for layer in reversed(chain):
        box, old = layer.find("EX_GeographicBoundingBox"), layer.find("LatLonBoundingBox")
        if box is not None:
            names = ("westBoundLongitude", "southBoundLatitude", "eastBoundLongitude", "northBoundLatitude")
            return box_of_degrees(*(text_of(box, name) for name in names))
        if old is not None:
            return box_of_degrees(*(old.get(name, "") for name in ("minx", "miny", "maxx", "maxy")))
    return None


def _rights(capabilities: Element, chain: tuple[Element, ...]) -> str:
    told = [text_of(capabilities, f"Service/{name}") for name in ("AccessConstraints", "Fees")]
    told += [text_of(layer, "Attribution/Title") for layer in chain]
    return "; ".join(text for text in told if text and text.lower() != "none")
