"""Folders of photos: times from EXIF or from file names, gimbal angles and heights from the XMP that DJI writes.

EXIF is read with Pillow, which reads no pixels for it. XMP is searched as text: no XML is parsed.
"""

from __future__ import annotations

import calendar
import logging
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uavloc.errors import InputError, MissingExtraError
from uavloc.imagefile import IMAGE_ENDINGS, read_image, read_image_size
from uavloc.logs.items import (
    Contents,
    Item,
    Position,
    climbed,
    events_of,
    gimbal_attitude,
    kinds_of,
    level_attitude,
    position,
)
from uavloc.types import Attitude, Event, Frame

_SECOND_NS = 1_000_000_000
_NAMED = re.compile(r"(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)[T_-]?(\d\d)(\d\d)(\d\d)(?:[.,]?(\d{1,6}))?(?!\d)")
_TOLD = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)")
_ZONE = re.compile(r"([+-])(\d\d):(\d\d)")
_XMP = re.compile(rb"drone-dji:(\w+)\s*(?:=\s*\"|>)\s*([+-]?\d+(?:\.\d+)?)\s*[\"<]")
_EXIF, _GPS = 0x8769, 0x8825
_TAKEN, _SUBSECOND, _OFFSET = 0x9003, 0x9291, 0x9011
_LARGEST_XMP = 1 << 20
_MOST = 100_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Photo:
    t_ns: int
    path: Path
    items: tuple[Item, ...]


class Photos:
    """Reader of a folder of photos; with `size_px` (width, height) the first readable one must have that size.

    Times without a zone are taken for UTC. Raises InputError.
    """

    DESCRIPTION = "folder of photos with EXIF, or named by their time"
    KIND = "photos"

    def __init__(self, path: Path, size_px: tuple[int, int] | None = None) -> None:
        self.path, self._size_px = path, size_px
        self.remarks: list[str] = []
        self._photos = self._dated(photo_files(path))
        if size_px is not None:
            self._check_size(size_px)

    @staticmethod
    def accepts(path: Path) -> bool:
        """Whether a path is a folder of pictures that is no frames folder."""
        return path.is_dir() and not (path / "sensors.csv").exists() and bool(photo_files(path))

    @property
    def utc(self) -> bool:
        """Whether their clock counts from 1970: cameras know the date."""
        return True

    def __len__(self) -> int:
        return len(self._photos)

    def times(self) -> list[int]:
        """When each photo was taken."""
        return [photo.t_ns for photo in self._photos]

    def frames(self) -> Iterator[Frame]:
        """The photos alone."""
        for photo in self._photos:
            yield Frame(photo.t_ns, photo.path.stem, read_image(photo.path, self._size_px))

    def events(self) -> Iterator[Event]:
        """Height as far as told, attitude as far as told and else level, then the photo."""
        for photo, frame in zip(self._photos, self.frames(), strict=True):
            if not any(isinstance(item, Attitude) for item in photo.items):
                yield level_attitude(photo.t_ns)
            yield from events_of(photo.items)
            yield frame

    def positions(self) -> Iterator[Position]:
        """Where GNSS says that they were taken."""
        return (item for photo in self._photos for item in photo.items if isinstance(item, Position))

    def exposures(self) -> list[int]:
        """None: the photos are themselves what these would tell of."""
        return []

    def contents(self) -> Contents:
        """What the photos tell."""
        items = Counter(frame=len(self._photos))
        items.update(kind for photo in self._photos for item in photo.items for kind in kinds_of(item))
        first, last = self._photos[0].t_ns, self._photos[-1].t_ns
        return Contents(self.KIND, {"photo": len(self)}, dict(items), first, last, True, tuple(self.remarks))

    def _dated(self, files: list[Path]) -> list[_Photo]:
        photos, undated, whole = [], 0, 0
        for file in files:
            told, xmp = _metadata(file)
            found = _time_ns(file.stem, told)
            if found is None:
                undated += 1
                continue
            t_ns, exact = found
            whole += not exact
            photos.append(_Photo(t_ns, file, _items(t_ns, told, xmp)))
        if not photos:
            raise InputError(
                f"{self.path}: none of {len(files)} pictures tells when it was taken: no EXIF time, and no name as "
                "20180805010044.jpg; a sensors.csv beside them makes it a frames folder"
            )
        if undated:
            self.remarks.append(f"{undated} pictures without a time are left out")
        if whole:
            self.remarks.append(f"the times of {whole} pictures are whole seconds")
        photos.sort(key=lambda photo: (photo.t_ns, photo.path.name))
        return _apart(photos)

    def _check_size(self, size_px: tuple[int, int]) -> None:
        size = next(filter(None, (read_image_size(photo.path) for photo in self._photos)), None)
        if size is not None and size != size_px:
            raise InputError(
                f"{self.path}: its pictures are {size[0]} x {size[1]} px but the camera is {size_px[0]} x {size_px[1]} "
                "px: name the camera file of these pictures with --camera"
            )


def photo_files(folder: Path) -> list[Path]:
    """The pictures in a folder, or in `frames/` below it; raises InputError."""
    below = folder / "frames"
    try:
        found = [path for path in (below if below.is_dir() else folder).iterdir() if path.is_file()]
    except OSError as error:
        raise InputError(f"{folder}: cannot list the pictures: {error.strerror}") from error
    files = sorted(path for path in found if path.suffix.lower() in IMAGE_ENDINGS)
    if len(files) > _MOST:
        raise InputError(f"{folder}: {len(files)} pictures are more than the {_MOST} allowed")
    return files


def _apart(photos: list[_Photo]) -> list[_Photo]:
    """Photos of the same time a nanosecond apart, in the order of their names."""
    apart: list[_Photo] = []
    for photo in photos:
        t_ns = photo.t_ns if not apart else max(photo.t_ns, apart[-1].t_ns + 1)
        apart.append(_Photo(t_ns, photo.path, photo.items))
    return apart


def _metadata(path: Path) -> tuple[dict[int, Any], dict[str, float]]:
    """(EXIF with the place of GPS under its own number, numbers that DJI tells in XMP), as far as readable."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError("pillow", "replay") from error
    try:
        with Image.open(path, formats=("JPEG", "PNG", "MPO")) as picture:
            exif = picture.getexif()
            told = {**exif.get_ifd(_EXIF), _GPS: exif.get_ifd(_GPS)}
            packet = picture.info.get("xmp", b"")
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, OverflowError, Image.DecompressionBombError):
        return {}, {}
    packet = packet.encode() if isinstance(packet, str) else packet
    return told, {name.decode(): float(value) for name, value in _XMP.findall(packet[:_LARGEST_XMP])}


def _items(t_ns: int, told: dict[int, Any], xmp: dict[str, float]) -> tuple[Item, ...]:
    found: list[Item | None] = []
    if "GimbalYawDegree" in xmp and "GimbalPitchDegree" in xmp:
        roll_deg = xmp.get("GimbalRollDegree", 0.0)
        found.append(gimbal_attitude(t_ns, roll_deg, xmp["GimbalPitchDegree"], xmp["GimbalYawDegree"]))
    if "RelativeAltitude" in xmp:
        found.append(climbed(t_ns, xmp["RelativeAltitude"]))
    gps = told.get(_GPS, {})
    lat_deg, lon_deg = _degrees(gps.get(2), gps.get(1), "S"), _degrees(gps.get(4), gps.get(3), "W")
    if lat_deg is not None and lon_deg is not None:
        found.append(position(t_ns, lat_deg, lon_deg))
    return tuple(item for item in found if item is not None)


def _degrees(parts: Any, side: Any, negative: str) -> float | None:
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (-1.0 if side == negative else 1.0) * (degrees + minutes / 60.0 + seconds / 3600.0)


def _time_ns(stem: str, told: dict[int, Any]) -> tuple[int, bool] | None:
    """When a photo was taken and whether that is exact: parts of a second in its name, then EXIF, then its name."""
    named, found = _named_ns(stem), _exif_ns(told)
    return named if found is None or (named is not None and named[1]) else found


def _named_ns(stem: str) -> tuple[int, bool] | None:
    named = _NAMED.search(stem)
    t_ns = None if named is None else _utc_ns(named.groups()[:6])
    if named is None or t_ns is None:
        return None
    return t_ns + _fraction_ns(named[7] or ""), bool(named[7])


def _exif_ns(told: dict[int, Any]) -> tuple[int, bool] | None:
    taken = _TOLD.match(str(told.get(_TAKEN, "")))
    t_ns = None if taken is None else _utc_ns(taken.groups())
    if t_ns is None:
        return None
    digits = re.match(r"\d+", str(told.get(_SUBSECOND, "")).strip())
    if zone := _ZONE.match(str(told.get(_OFFSET, ""))):
        ahead_s = (int(zone[2]) * 60 + int(zone[3])) * 60
        t_ns += (-ahead_s if zone[1] == "+" else ahead_s) * _SECOND_NS
    return t_ns + _fraction_ns(digits[0] if digits else ""), bool(digits)


def _fraction_ns(digits: str) -> int:
    return int(digits[:9].ljust(9, "0")) if digits else 0


def _utc_ns(parts: tuple[str, ...]) -> int | None:
    year, month, day, hour, minute, second = map(int, parts)
    if not (year >= 1970 and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):
        return None
    return calendar.timegm((year, month, day, hour, minute, second)) * _SECOND_NS
