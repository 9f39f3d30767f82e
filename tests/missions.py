"""Region files as the programs write them that people plan with, around places a test names."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Place = tuple[float, float]
"""(lat_deg, lon_deg)."""


def command(number: int, place: Place | None, height_m: float | None, frame: int = 3, **more: Any) -> dict[str, Any]:
    """A SimpleItem of QGroundControl; without a place the position is null, as it writes for `where you are`."""
    lat, lon = place or (None, None)
    return {
        "AMSLAltAboveTerrain": None, "Altitude": height_m, "AltitudeMode": 1, "autoContinue": True, "command": number,
        "doJumpId": 1, "frame": frame, "params": [0, 0, 0, None, lat, lon, height_m], "type": "SimpleItem", **more,
    }  # fmt: skip


def survey(polygon: Sequence[Place], transects: Sequence[Place], height_m: float = 60, stored: bool = True) -> Any:
    """A survey of QGroundControl; `stored`: with the commands that it was saved with."""
    items = [command(16, place, height_m) for place in transects] if stored else []
    trigger = {
        "autoContinue": True, "command": 206, "doJumpId": 9, "frame": 2, "params": [25, 0, 1, 0, 0, 0, 0],
        "type": "SimpleItem",
    }  # fmt: skip
    return {
        "TransectStyleComplexItem": {
            "CameraCalc": {
                "AdjustedFootprintFrontal": 25, "AdjustedFootprintSide": 25, "CameraName": "Manual (no camera specs)",
                "DistanceMode": 1, "DistanceToSurface": height_m, "version": 2,
            },
            "CameraShots": 20, "CameraTriggerInTurnAround": True, "HoverAndCapture": False, "Items": [*items, trigger],
            "Refly90Degrees": False, "TurnAroundDistance": 10,
            "VisualTransectPoints": [list(place) for place in transects], "version": 2,
        },
        "angle": 0, "complexItemType": "survey", "entryLocation": 0, "flyAlternateTransects": False,
        "polygon": [list(place) for place in polygon], "splitConcavePolygons": False, "type": "ComplexItem",
        "version": 5,
    }  # fmt: skip


def plan(items: Sequence[Any], home: Place | None = None, **more: Any) -> dict[str, Any]:
    """A plan of QGroundControl 4; `more` replaces whole parts of it."""
    return {
        "fileType": "Plan",
        "geoFence": {"circles": [], "polygons": [], "version": 2},
        "groundStation": "QGroundControl",
        "mission": {
            "cruiseSpeed": 15, "firmwareType": 12, "globalPlanAltitudeMode": 1, "hoverSpeed": 5, "items": list(items),
            "plannedHomePosition": [*(home or (None, None)), 488.0], "vehicleType": 2, "version": 2,
        },
        "rallyPoints": {"points": [], "version": 2},
        "version": 1,
        **more,
    }  # fmt: skip


def waypoints(rows: Sequence[tuple[int, int, Place, float]]) -> str:
    """A mission as Mission Planner saves it: rows of (frame, command, place, height), the first of them home."""
    lines = ["QGC WPL 110"]
    for i, (frame, number, (lat, lon), height_m) in enumerate(rows):
        cells = [i, int(i == 0), frame, number, *["0.00000000"] * 4, f"{lat:.8f}", f"{lon:.8f}", f"{height_m:.6f}", 1]
        lines.append("\t".join(map(str, cells)))
    return "\r\n".join(lines) + "\r\n"


def kml(*placemarks: str) -> str:
    """A file as Google Earth Pro saves a folder of places."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2" '
        'xmlns:kml="http://www.opengis.net/kml/2.2" xmlns:atom="http://www.w3.org/2005/Atom">\n'
        "<Document>\n\t<name>Field.kmz</name>\n"
        '\t<Style id="s_ylw"><LineStyle><color>ff00ffff</color></LineStyle></Style>\n'
        '\t<StyleMap id="m_ylw"><Pair><key>normal</key><styleUrl>#s_ylw</styleUrl></Pair></StyleMap>\n'
        "\t<Folder>\n\t\t<name>Flights</name>\n\t\t<open>1</open>\n\t\t<Folder>\n"
        + "".join(placemarks)
        + "\t\t</Folder>\n"
        "\t</Folder>\n</Document>\n</kml>\n"
    )


def placemark(geometry: str, name: str = "Untitled") -> str:
    """A placemark with the view that Google Earth stores with it."""
    return (
        f"\t\t<Placemark>\n\t\t\t<name>{name}</name>\n\t\t\t<LookAt><longitude>8.5</longitude><latitude>47.4</latitude>"
        "<altitude>0</altitude><range>900</range><gx:altitudeMode>relativeToSeaFloor</gx:altitudeMode></LookAt>\n"
        f"\t\t\t<styleUrl>#m_ylw</styleUrl>\n{geometry}\n\t\t</Placemark>\n"
    )


def kml_polygon(ring: Sequence[Place], *holes: Sequence[Place]) -> str:
    inner = "".join(f"<innerBoundaryIs><LinearRing>{_coordinates(h)}</LinearRing></innerBoundaryIs>" for h in holes)
    outer = f"<outerBoundaryIs><LinearRing>{_coordinates(ring)}</LinearRing></outerBoundaryIs>"
    return f"<Polygon><tessellate>1</tessellate>{outer}{inner}</Polygon>"


def kml_line(places: Sequence[Place]) -> str:
    return f"<LineString><tessellate>1</tessellate>{_coordinates(places)}</LineString>"


def kml_point(place: Place) -> str:
    return f"<Point><gx:drawOrder>1</gx:drawOrder>{_coordinates([place])}</Point>"


def kml_track(places: Sequence[Place]) -> str:
    whens = "".join(f"<when>2024-05-01T10:00:{i:02d}Z</when>" for i in range(len(places)))
    coords = "".join(f"<gx:coord>{lon!r} {lat!r} 510.2</gx:coord>" for lat, lon in places)
    return f"<gx:Track><altitudeMode>absolute</altitudeMode>{whens}{coords}</gx:Track>"


def _coordinates(places: Sequence[Place]) -> str:
    body = " ".join(f"{lon!r},{lat!r},0" for lat, lon in places)
    return f"\n<coordinates>\n\t{body} \n</coordinates>\n"


def geojson(kind: str, coordinates: Any) -> dict[str, Any]:
    """A collection of one feature."""
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": kind, "coordinates": coordinates}}
    return {"type": "FeatureCollection", "features": [feature]}


def write_json(path: Path, document: Any) -> str:
    path.write_text(json.dumps(document, indent=4), encoding="utf-8")
    return str(path)


def write_text(path: Path, text: str) -> str:
    path.write_bytes(text.encode("utf-8"))
    return str(path)


def write_kmz(path: Path, document: str | bytes, name: str = "doc.kml", **others: bytes) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for other, content in others.items():
            archive.writestr(other, content)
        archive.writestr(name, document)
    return str(path)


def write_track(path: Path, places: Sequence[Place]) -> str:
    """A `truth.csv`."""
    rows = [f"{i:03d},{float(i)},{lat!r},{lon!r}" for i, (lat, lon) in enumerate(places)]
    return write_text(path, "\n".join(["frame,t_s,lat_deg,lon_deg", *rows]) + "\n")


def write_all_kinds(folder: Path, ring: Sequence[Place], way: Sequence[Place]) -> dict[str, str]:
    """A region of every kind: the ring (closed) where a kind knows polygons, else the way."""
    lons, lats = [lon for _, lon in ring], [lat for lat, _ in ring]
    lonlat_ring, lonlat_way = ([[lon, lat] for lat, lon in places] for places in (ring, way))
    mission = [command(22, None, 50, 3), *(command(16, place, 50) for place in way), command(20, None, 0, 2)]
    drawn = kml(placemark(kml_polygon(ring)), placemark(kml_line(way)))
    rows = [(0, 16, way[0], 488.0), (3, 22, (0.0, 0.0), 50.0), *((3, 16, place, 60.0) for place in way)]
    return {
        "full": "full",
        "box": ",".join(map(repr, (min(lons), min(lats), max(lons), max(lats)))),
        "geojson polygon": write_json(folder / "a.geojson", geojson("Polygon", [lonlat_ring])),
        "geojson line": write_json(folder / "b.geojson", geojson("LineString", lonlat_way)),
        "kml": write_text(folder / "c.kml", drawn),
        "kmz": write_kmz(folder / "d.kmz", drawn),
        "plan": write_json(folder / "e.plan", plan([*mission, survey(ring[:-1], way)], way[0])),
        "waypoints": write_text(folder / "f.waypoints", waypoints(rows)),
        "track": write_track(folder / "g.csv", way),
    }
