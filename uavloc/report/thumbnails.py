"""Pictures small enough that a report of hundreds of them can be sent by mail."""

from __future__ import annotations

import cv2

from uavloc.errors import UavlocError
from uavloc.types import Pixels

_LADDER = ((320, 72), (320, 55), (288, 48), (256, 45), (224, 40), (192, 36), (160, 32), (128, 28), (96, 20))
"""(longest side in pixels, quality of WebP), to be gone down until a picture is small enough."""


class Shrinker:
    """Makes thumbnails of one kind, none larger than some bytes if that can be: none is larger than the one before."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._rung = 0

    def webp(self, rgb: Pixels) -> bytes:
        """A picture (H x W grey or H x W x 3 RGB) as WebP."""
        data = webp(rgb, *_LADDER[self._rung])
        while len(data) > self._most_bytes and self._rung + 1 < len(_LADDER):
            self._rung += 1
            data = webp(rgb, *_LADDER[self._rung])
        return data


def webp(rgb: Pixels, longest_px: int, quality: int) -> bytes:
    """A picture as WebP, its longest side at most so long; raises UavlocError."""
    scale = min(1.0, longest_px / max(rgb.shape[:2]))
    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    small = rgb if scale == 1.0 else cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR if small.ndim == 3 else cv2.COLOR_GRAY2BGR)
    done, data = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise UavlocError("report: a picture could not be encoded")
    return data.tobytes()
