"""A track as CSV: a flight log, `estimates.csv`, `truth.csv`, or a table of a logger or a spreadsheet."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from uavloc.errors import RegionError
from uavloc.region.drawn import Drawn, position, short
from uavloc.region.readfile import read_text
from uavloc.region.shape import Position

MAX_CSV_BYTES = 64 * 2**20
_LATITUDE = ("latdeg", "lat", "latitude", "latitudedeg", "gpslat", "gpslatitude", "osdlatitude")
_LONGITUDE = (
    "londeg", "lon", "longitude", "longitudedeg", "lng", "long", "gpslon", "gpslng", "gpslongitude", "osdlongitude",
)  # fmt: skip


def read_track(path: Path, where: str) -> Drawn:
    """The places of all rows as one line; raises RegionError naming row and field.

    Rows without a position, or at latitude and longitude 0 (no reception), are left out.
    """
    lines = read_text(path, where, MAX_CSV_BYTES).splitlines()
    reader = csv.reader(lines, delimiter=_delimiter(lines[0] if lines else ""))
    try:
        header = next(reader, [])
        columns = _column(header, _LATITUDE, "latitude", where), _column(header, _LONGITUDE, "longitude", where)
        found = [_position(cells, columns, f"{where}: row {reader.line_num}") for cells in reader if any(cells)]
    except csv.Error as error:
        raise RegionError(f"{where}: row {reader.line_num}: not CSV: {error}") from error
    track = tuple(place for place in found if place is not None)
    if not track:
        raise RegionError(f"{where}: no row has a position")
    return Drawn(lines=(track,))


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _column(header: Sequence[str], names: Sequence[str], what: str, where: str) -> int:
    plain = [re.sub(r"[^a-z]", "", re.sub(r"[(\[].*", "", cell.lower())) for cell in header]
    for name in names:
        if name in plain:
            return plain.index(name)
    raise RegionError(f"{where}: row 1: no column of {what} (such as {names[0]}); found {short(', '.join(header))!r}")


def _position(cells: Sequence[str], columns: tuple[int, int], where: str) -> Position | None:
    if len(cells) <= max(columns):
        raise RegionError(f"{where}: has {len(cells)} cells, fewer than the header")
    lat, lon = (cells[column].strip() for column in columns)
    if not lat and not lon:
        return None
    lat_deg, lon_deg = _degrees(lat, f"{where}: latitude"), _degrees(lon, f"{where}: longitude")
    return None if lat_deg == lon_deg == 0.0 else position(lon_deg, lat_deg, where)


def _degrees(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RegionError(f"{where}: '{short(text)}' is not a number") from None
