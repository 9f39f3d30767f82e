"""`track.gpx`: the published track for anything that shows the way of a GPS receiver (GPX 1.1)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from xml.etree import ElementTree as ET

from uavloc.publish.collected import collected, xml_bytes
from uavloc.publish.stretches import stretches
from uavloc.types import Estimate

_NAMESPACE = "http://www.topografix.com/GPX/1/1"
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DATED_NS = (946_684_800 * 10**9, 4_102_444_800 * 10**9)
"""Times from 2000 to 2100 are dates; others count from the start of something, and GPX has no word for that."""


def gpx(estimates: list[Estimate]) -> ET.Element:
    """A track with a segment per unbroken stretch of published positions; dated where the log is."""
    root = ET.Element("gpx", version="1.1", creator="uavloc", xmlns=_NAMESPACE)
    track = ET.SubElement(root, "trk")
    ET.SubElement(track, "name").text = "uavloc track"
    for run in stretches(estimates):
        segment = ET.SubElement(track, "trkseg")
        for estimate, point in run:
            at = ET.SubElement(segment, "trkpt", lat=f"{point.lat_deg:.8f}", lon=f"{point.lon_deg:.8f}")
            if _DATED_NS[0] <= estimate.t_ns < _DATED_NS[1]:
                ET.SubElement(at, "time").text = _date(estimate.t_ns)
    return root


def _date(t_ns: int) -> str:
    when = _EPOCH + timedelta(microseconds=(t_ns + 500) // 1000)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond:06d}Z"


GpxTrack = collected(lambda estimates: xml_bytes(gpx(estimates)))
"""The publisher of the file."""
