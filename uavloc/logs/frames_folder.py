"""The frames folder: images in `frames/` (or in the folder itself) beside `sensors.csv` and `camera.json`."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from uavloc.errors import InputError, printable
from uavloc.imagefile import IMAGE_ENDINGS, decode_image, read_bytes, read_image_size
from uavloc.logs.csv_table import Row, read_table
from uavloc.logs.frame_names import check_new, frame_name, stem
from uavloc.logs.items import Contents, Position, kinds_of
from uavloc.logs.sensors import COLUMNS, DATED_NS, events_of, time_ns
from uavloc.types import Event, Frame
from uavloc.validation import nearest

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Shot:
    """A frame before its image is decoded; `image` is None when there is no such file."""

    t_ns: int
    name: str
    image: Path | None
    events: tuple[Event, ...]


class FramesFolder:
    """Reader of a frames folder: sensors are checked at construction, images are decoded one by one in `events`.

    With `size_px` (width, height) the first readable image must have that size, which is checked at construction;
    a later image of another size is an unreadable one. Raises InputError.
    """

    KIND = "frames folder"
    DESCRIPTION = "frames folder: a folder with sensors.csv and images in frames/"

    def __init__(self, path: Path, size_px: tuple[int, int] | None = None) -> None:
        self.path, self._size_px = path, size_px
        self._shots = _shots(path)
        if size_px is not None:
            _check_size(self._shots, size_px)

    @staticmethod
    def accepts(path: Path) -> bool:
        """Whether a path looks like a frames folder."""
        return path.is_dir()

    def __len__(self) -> int:
        return len(self._shots)

    @property
    def utc(self) -> bool:
        """Whether the times count from 1970."""
        return self._shots[0].t_ns > DATED_NS

    def times(self) -> list[int]:
        """When the pictures were taken."""
        return [shot.t_ns for shot in self._shots]

    def frames(self) -> Iterator[Frame]:
        """The pictures alone, decoded one by one."""
        for shot in self._shots:
            encoded = b"" if shot.image is None else read_bytes(shot.image)
            image = decode_image(encoded, self._size_px)
            yield Frame(shot.t_ns, shot.name, image, None if image is None else encoded)

    def positions(self) -> Iterator[Position]:
        """None: `sensors.csv` holds no truth."""
        return iter(())

    def exposures(self) -> list[int]:
        """None: the pictures are there."""
        return []

    def contents(self) -> Contents:
        """What the rows of `sensors.csv` tell, and how many have a picture."""
        items = Counter(kind for shot in self._shots for event in shot.events for kind in kinds_of(event))
        items["frame"] = sum(shot.image is not None for shot in self._shots)
        start_ns, end_ns = self._shots[0].t_ns, self._shots[-1].t_ns
        return Contents(self.KIND, {"row": len(self)}, dict(items), start_ns, end_ns, utc=self.utc)

    def events(self) -> Iterator[Event]:
        """Attitude, Height, Velocity as far as measured, then the Frame, for every row of `sensors.csv`."""
        for shot, frame in zip(self._shots, self.frames(), strict=True):
            yield from shot.events
            yield frame


def camera_path(log: Path) -> Path | None:
    """The `camera.json` that a log brings along, if it does."""
    path = log / "camera.json"
    return path if path.is_file() else None


def _shots(folder: Path) -> list[_Shot]:
    table = read_table(folder / "sensors.csv", ("frame", "t_s"))
    _warn_of_unknown(folder / "sensors.csv", set(table.columns))
    images = _images(folder)
    shots: list[_Shot] = []
    seen: set[str] = set()
    for row in table.rows:
        shots.append(_shot(row, images))
        check_new(row, shots[-1].name, seen)
        _check_time(row, shots)
    if all(shot.image is None for shot in shots):
        raise InputError(f"{folder}: no image ({', '.join(IMAGE_ENDINGS)}) for any of the {len(shots)} frames")
    return shots


def _warn_of_unknown(path: Path, columns: set[str]) -> None:
    """Tell which columns are ignored, and which of those were likely meant to be one that is not there."""
    unknown = sorted(columns - COLUMNS - {""})
    if unknown:
        _log.warning("%s: columns without a meaning here are ignored: %s", path, ", ".join(map(printable, unknown)))
    for name in unknown:
        likely = nearest(name, COLUMNS - columns)
        if likely is not None:
            _log.warning("%s: column %s: did you mean '%s'?", path, printable(name), likely)


def _shot(row: Row, images: dict[str, list[Path]]) -> _Shot:
    name = frame_name(row)
    t_ns = time_ns(row)
    return _Shot(t_ns, name, _image_of(row, images.get(name, [])), events_of(row, t_ns))


def _check_time(row: Row, shots: list[_Shot]) -> None:
    if len(shots) > 1 and shots[-1].t_ns <= shots[-2].t_ns:
        raise row.error("t_s", f"{row.cells['t_s']!r} is not after the row before")


def _images(folder: Path) -> dict[str, list[Path]]:
    """Image files by frame name."""
    below = folder / "frames"
    images: dict[str, list[Path]] = defaultdict(list)
    try:
        for path in sorted((below if below.is_dir() else folder).iterdir()):
            if path.suffix.lower() in IMAGE_ENDINGS:
                images[stem(path.name)].append(path)
    except OSError as error:
        raise InputError(f"{folder}: cannot list the images: {error.strerror}") from error
    return images


def _image_of(row: Row, found: list[Path]) -> Path | None:
    exact = [path for path in found if path.name == row.cells["frame"]] or found
    if len(exact) > 1:
        raise row.error("frame", "several images have this name: " + ", ".join(path.name for path in exact))
    return exact[0] if exact else None


def _check_size(shots: list[_Shot], size_px: tuple[int, int]) -> None:
    for shot in shots:
        size = None if shot.image is None else read_image_size(shot.image)
        if size is not None and size != size_px:
            raise InputError(
                f"{shot.image}: the image is {_by(size)} px but the camera is {_by(size_px)} px: "
                "name the camera file of these pictures with --camera"
            )
        if size is not None:
            return


def _by(size_px: tuple[int, int]) -> str:
    return f"{size_px[0]} x {size_px[1]}"
