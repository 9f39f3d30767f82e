"""KML as Google Earth writes it: polygons, lines, points and tracks of all placemarks, in whatever folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from uavloc.errors import RegionError, one_line
from uavloc.region.drawn import Drawn, Line, closed, position, short
from uavloc.region.readfile import read_bytes
from uavloc.region.shape import Rings
from uavloc.xmltree import parse_xml


def read_kml(path: Path, where: str) -> Drawn:
    """What the placemarks of a file draw; raises RegionError naming the placemark."""
    return drawn_of_kml(read_bytes(path, where), where)


def drawn_of_kml(content: bytes, where: str) -> Drawn:
    """What the placemarks of a document draw. Heights are ignored, links to other files not followed.

    Raises RegionError.
    """
    try:
        root = parse_xml(content)
    except ValueError as error:
        raise RegionError(f"{where}: {one_line(error)}") from error
    if root.tag not in ("kml", "Document", "Folder", "Placemark"):
        raise RegionError(f"{where}: not KML: its outermost element is <{short(root.tag)}>")
    polygons: list[Rings] = []
    lines: list[Line] = []
    for i, placemark in enumerate(root.iter("Placemark")):
        at = f"{where}: {_name(placemark, i)}"
        for element in _geometries(placemark):
            if element.tag == "Polygon":
                polygons.append(_polygon(element, at))
            else:
                lines.append(_LINES[element.tag](element, at))
    if not polygons and not lines:
        link = "; links to other files are not followed" if root.find(".//NetworkLink") is not None else ""
        raise RegionError(f"{where}: no placemark has a polygon, a line or a point{link}")
    return Drawn(tuple(polygons), tuple(lines))


def _name(placemark: Element, index: int) -> str:
    name = " ".join((placemark.findtext("name") or "").split())
    return f"placemark {index} '{short(name)}'" if name else f"placemark {index}"


def _geometries(element: Element) -> Iterator[Element]:
    for child in element:
        if child.tag == "Polygon" or child.tag in _LINES:
            yield child
        elif child.tag in ("MultiGeometry", "MultiTrack"):
            yield from _geometries(child)


def _polygon(element: Element, at: str) -> Rings:
    outer = [_ring(ring, f"{at}: outerBoundaryIs") for ring in element.findall("outerBoundaryIs/LinearRing")]
    if len(outer) != 1:
        raise RegionError(f"{at}: Polygon: needs one outerBoundaryIs with a LinearRing, has {len(outer)}")
    holes = [_ring(ring, f"{at}: innerBoundaryIs") for ring in element.findall("innerBoundaryIs/LinearRing")]
    return outer[0], *holes


def _ring(element: Element, at: str) -> Line:
    ring = closed(_coordinates(element, at))
    if len(ring) < 4:
        raise RegionError(f"{at}: coordinates: a ring needs three or more different positions")
    return ring


def _coordinates(element: Element, at: str) -> Line:
    """The positions of `<coordinates>`: lon,lat or lon,lat,height, separated by blanks."""
    where = f"{at}: coordinates"
    found = tuple(_position(part, part.split(","), where) for part in (element.findtext("coordinates") or "").split())
    if not found:
        raise RegionError(f"{where}: are empty")
    return found


def _track(element: Element, at: str) -> Line:
    """The positions of a `gx:Track`: a `gx:coord` of lon lat height for each time; an empty one has no position."""
    texts = [coord.text or "" for coord in element.findall("coord")]
    found = tuple(_position(text, text.split(), f"{at}: coord") for text in texts if text.strip())
    if not found:
        raise RegionError(f"{at}: Track: has no coord")
    return found


def _position(text: str, parts: list[str], where: str) -> tuple[float, float]:
    try:
        lon_deg, lat_deg, *_ = (float(part) for part in parts)
    except ValueError:
        raise RegionError(f"{where}: '{short(text)}' is not longitude, latitude and a height") from None
    return position(lon_deg, lat_deg, where)


_LINES: dict[str, Callable[[Element, str], Line]] = {
    "LineString": _coordinates,
    "LinearRing": _coordinates,
    "Point": _coordinates,
    "Track": _track,
}
