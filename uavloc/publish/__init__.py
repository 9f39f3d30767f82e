"""Where estimates go: one file per format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from uavloc.publish.csv_file import CsvFile
from uavloc.publish.geojson import GeoJsonTrack
from uavloc.publish.gpx import GpxTrack
from uavloc.publish.kml import KmlTrack
from uavloc.publish.tum import TumTrack
from uavloc.types import Publisher

__all__ = ["FILES"]

FILES: dict[str, Callable[[Path], Publisher]] = {
    "estimates.csv": CsvFile,
    "track.geojson": GeoJsonTrack,
    "track.kml": KmlTrack,
    "track.gpx": GpxTrack,
    "track.tum": TumTrack,
}
"""Publishers that write a file, by the name of that file; each is made with the path to write."""
