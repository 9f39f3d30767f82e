"""Videos: pictures at the times that the file tells (variable rates too), decoded one by one with PyAV.

Pixels stay as the sensor delivered them: a wish to be shown turned is told, not followed, as with photos.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from uavloc.errors import InputError, MissingExtraError, one_line
from uavloc.logs.items import Contents
from uavloc.types import Frame

ENDINGS = (".mp4", ".mov", ".mkv", ".avi", ".m4v", ".ts", ".webm")
MAX_PIXELS = 120_000_000

_log = logging.getLogger(__name__)


class Video:
    """A video as pictures, at most `rate_hz` of them each second; raises InputError, and MissingExtraError for PyAV.

    With `size_px` (width, height) a video of another size is refused. Times count from its beginning.
    """

    DESCRIPTION = "video: " + " ".join(ENDINGS)
    utc = False

    def __init__(self, path: Path, size_px: tuple[int, int] | None = None, rate_hz: float = 2.0) -> None:
        self.path, self.rate_hz = path, rate_hz
        with self._opened() as (_, stream):
            size = stream.codec_context.width, stream.codec_context.height
        if size[0] * size[1] > MAX_PIXELS:
            raise InputError(f"{path}: {size[0]} x {size[1]} px is more than the {MAX_PIXELS} pixels allowed")
        if size_px is not None and size != size_px:
            raise InputError(
                f"{path}: the video is {size[0]} x {size[1]} px but the camera is {size_px[0]} x {size_px[1]} px: "
                "name the camera file for this mode with --camera"
            )
        self._chosen = self._choose()

    @staticmethod
    def accepts(path: Path) -> bool:
        """Whether a path is named as a video."""
        return path.is_file() and path.suffix.lower() in ENDINGS

    @property
    def length_s(self) -> float:
        """From the first to the last picture."""
        return (self._chosen[-1] - self._chosen[0]) * 1e-9

    def contents(self) -> Contents:
        """How many pictures the video holds, and how many are used."""
        remark = f"{len(self._chosen)} of {self._held} pictures are used, {self.rate_hz:g} a second at most"
        return Contents(
            "video", {"picture": self._held}, {"frame": len(self._chosen)}, self._chosen[0], self._chosen[-1], False,
            (remark,),
        )  # fmt: skip

    def times(self) -> list[int]:
        """When the chosen pictures were taken."""
        return list(self._chosen)

    def frames(self) -> Iterator[Frame]:
        """The chosen pictures. One that the decoder leaves out has no image; a turned one is told once."""
        left = iter(self._chosen)
        wanted = next(left, None)
        told = False
        for t_ns, picture in self._decoded():
            while wanted is not None and wanted < t_ns:
                yield self._frame(wanted, None)
                wanted = next(left, None)
            if wanted == t_ns:
                if picture.rotation and not told:
                    _log.warning(
                        "%s: asks to be shown turned by %d degrees: pixels stay as the sensor has them", self.path,
                        picture.rotation,
                    )  # fmt: skip
                    told = True
                yield self._frame(t_ns, picture)
                wanted = next(left, None)
        while wanted is not None:
            yield self._frame(wanted, None)
            wanted = next(left, None)

    def _frame(self, t_ns: int, picture: Any | None) -> Frame:
        name = f"{self.path.stem}_{t_ns // 1_000_000:08d}"
        return Frame(t_ns, name, None if picture is None else np.asarray(picture.to_ndarray(format="rgb24"), np.uint8))

    def _choose(self) -> list[int]:
        """Times of the pictures to be used, from the packets alone."""
        with self._opened() as (container, stream):
            packets = (packet for packet in container.demux(stream) if packet.pts is not None)
            times = sorted(_time_ns(packet.pts, stream) for packet in packets if not packet.is_corrupt)
        if not times:
            raise InputError(f"{self.path}: holds no picture: cut short")
        self._held = len(times)
        gap_ns = round(0.999e9 / self.rate_hz)
        chosen = times[:1]
        for t_ns in times:
            if t_ns - chosen[-1] >= gap_ns:
                chosen.append(t_ns)
        return chosen

    def _decoded(self) -> Iterator[tuple[int, Any]]:
        from av.error import FFmpegError

        with self._opened() as (container, stream):
            try:
                for picture in container.decode(stream):
                    if picture.pts is not None:
                        yield _time_ns(picture.pts, stream), picture
            except FFmpegError as error:
                _log.warning("%s: damaged: read up to there: %s", self.path, one_line(error))

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        try:
            import av
            from av.error import FFmpegError
        except ImportError as error:
            raise MissingExtraError("av", "replay") from error
        try:
            container = av.open(str(self.path))
        except (FFmpegError, OSError, ValueError) as error:
            raise InputError(f"{self.path}: cannot be read as a video: {one_line(error)}") from error
        with container:
            if not container.streams.video:
                raise InputError(f"{self.path}: holds no video")
            yield container, container.streams.video[0]


def _time_ns(pts: int, stream: Any) -> int:
    """From the beginning of the stream, exactly."""
    base = stream.time_base
    return int((pts - (stream.start_time or 0)) * base.numerator * 1_000_000_000 // base.denominator)
