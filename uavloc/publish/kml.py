"""`track.kml`: the published track and its fixes for Google Earth."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from uavloc.publish.collected import collected, xml_bytes
from uavloc.publish.stretches import stretches
from uavloc.publish.values import seconds, std_ne_m
from uavloc.types import Estimate, Fix, GeoPoint

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DOT = "http://maps.google.com/mapfiles/kml/shapes/shaded_dot.png"


def kml(estimates: list[Estimate]) -> ET.Element:
    """A document with a folder of track stretches and a folder of fixes, draped on the ground."""
    root = ET.Element("kml", xmlns="http://www.opengis.net/kml/2.2")
    document = ET.SubElement(root, "Document")
    _text(document, "name", "uavloc track")
    _styles(document)
    track = _folder(document, "Track")
    for run in stretches(estimates):
        _stretch(track, run)
    fixes = _folder(document, "Fixes")
    for estimate in estimates:
        if estimate.fix is not None:
            _fix(fixes, estimate, estimate.fix)
    return root


def _styles(document: ET.Element) -> None:
    """Colours are aabbggrr."""
    line = ET.SubElement(ET.SubElement(document, "Style", id="track"), "LineStyle")
    _text(line, "color", "ff00a5ff")
    _text(line, "width", "3")
    dot = ET.SubElement(document, "Style", id="fix")
    icon = ET.SubElement(dot, "IconStyle")
    _text(icon, "color", "ffa0e600")
    _text(icon, "scale", "0.5")
    _text(ET.SubElement(icon, "Icon"), "href", _DOT)
    _text(ET.SubElement(dot, "LabelStyle"), "scale", "0")


def _stretch(folder: ET.Element, run: list[tuple[Estimate, GeoPoint]]) -> None:
    name = f"{seconds(run[0][0].t_ns)} s to {seconds(run[-1][0].t_ns)} s"
    placemark = _placemark(folder, name, f"{len(run)} positions", "#track")
    shape = ET.SubElement(placemark, "LineString" if len(run) > 1 else "Point")
    if len(run) > 1:
        _text(shape, "tessellate", "1")
    _text(shape, "coordinates", " ".join(_position(point) for _, point in run))


def _fix(folder: ET.Element, estimate: Estimate, fix: Fix) -> None:
    north_m, east_m = std_ne_m(fix.cov_ne_m2)
    told = f"{seconds(estimate.t_ns)} s, {estimate.outcome}, 1 sigma {north_m:.1f} m north, {east_m:.1f} m east"
    point = ET.SubElement(_placemark(folder, estimate.name, told, "#fix"), "Point")
    _text(point, "coordinates", _position(fix.point))


def _folder(parent: ET.Element, name: str) -> ET.Element:
    folder = ET.SubElement(parent, "Folder")
    _text(folder, "name", name)
    return folder


def _placemark(folder: ET.Element, name: str, description: str, style: str) -> ET.Element:
    placemark = ET.SubElement(folder, "Placemark")
    _text(placemark, "name", name)
    _text(placemark, "description", description)
    _text(placemark, "styleUrl", style)
    return placemark


def _position(point: GeoPoint) -> str:
    return f"{point.lon_deg:.8f},{point.lat_deg:.8f}"


def _text(parent: ET.Element, tag: str, text: str) -> None:
    """A child element with text; characters that XML cannot hold are replaced."""
    ET.SubElement(parent, tag).text = _NOT_XML.sub("\ufffd", text)


KmlTrack = collected(lambda estimates: xml_bytes(kml(estimates)))
"""The publisher of the file."""
