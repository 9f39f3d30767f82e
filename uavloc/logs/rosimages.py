"""Uncompressed pictures of ROS (sensor_msgs/Image) as RGB, by the names of their encodings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from uavloc.errors import printable
from uavloc.imagefile import MAX_IMAGE_PIXELS
from uavloc.types import Pixels


@dataclass(frozen=True)
class _Encoding:
    """`to_rgb` is a conversion of OpenCV, which names Bayer patterns by their second row; None: the bytes are RGB.

    Wider numbers are cut to their upper 8 bits.
    """

    channels: int
    to_rgb: int | None
    bytes_each: int = 1


def _of_colours() -> dict[str, _Encoding]:
    found: dict[str, _Encoding] = {}
    for name, channels, to_rgb in (
        ("rgb", 3, None),
        ("bgr", 3, cv2.COLOR_BGR2RGB),
        ("rgba", 4, cv2.COLOR_RGBA2RGB),
        ("bgra", 4, cv2.COLOR_BGRA2RGB),
        ("mono", 1, cv2.COLOR_GRAY2RGB),
        ("bayer_rggb", 1, cv2.COLOR_BayerBG2RGB),
        ("bayer_bggr", 1, cv2.COLOR_BayerRG2RGB),
        ("bayer_gbrg", 1, cv2.COLOR_BayerGR2RGB),
        ("bayer_grbg", 1, cv2.COLOR_BayerGB2RGB),
    ):
        found[f"{name}8"], found[f"{name}16"] = _Encoding(channels, to_rgb), _Encoding(channels, to_rgb, 2)
    return found


_UYVY, _YUYV = _Encoding(2, cv2.COLOR_YUV2RGB_UYVY), _Encoding(2, cv2.COLOR_YUV2RGB_YUYV)
ENCODINGS: dict[str, _Encoding] = {
    **_of_colours(),
    "8UC1": _Encoding(1, cv2.COLOR_GRAY2RGB),
    "8UC3": _Encoding(3, cv2.COLOR_BGR2RGB),
    **dict.fromkeys(("yuv422", "uyvy"), _UYVY),
    **dict.fromkeys(("yuv422_yuy2", "yuyv"), _YUYV),
}


def trouble(message: Any, size_px: tuple[int, int] | None) -> str:
    """Why a picture cannot be used, in a few words; empty where it can."""
    width, height, step = int(message.width), int(message.height), int(message.step)
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        return f"encoding {printable(str(message.encoding))[:40] or 'none'} is not known"
    if size_px is not None and size_px != (width, height):
        return f"{width} x {height} px, the camera has {size_px[0]} x {size_px[1]}"
    if min(width, height) <= 0 or width * height > MAX_IMAGE_PIXELS:
        return f"{width} x {height} px"
    if width % 2 and encoding.channels == 2:
        return "half a pair of pixels in a row"
    if encoding.channels * encoding.bytes_each * width > step or step * height > len(message.data):
        return "fewer bytes than it says"
    return ""


def rgb_of(message: Any, size_px: tuple[int, int] | None = None) -> Pixels | None:
    """The picture as H x W x 3; None where there is `trouble`. Its `data` is anything that holds bytes."""
    if trouble(message, size_px):
        return None
    encoding, width, height = ENCODINGS[message.encoding], int(message.width), int(message.height)
    step, row_bytes = int(message.step), encoding.channels * encoding.bytes_each * width
    rows = np.frombuffer(message.data, np.uint8, step * height).reshape(height, step)[:, :row_bytes]
    if encoding.bytes_each == 2:
        rows = rows[:, 0 if message.is_bigendian else 1 :: 2]
    pixels = np.ascontiguousarray(rows).reshape(height, width, encoding.channels)
    return np.asarray(pixels if encoding.to_rgb is None else cv2.cvtColor(pixels, encoding.to_rgb), np.uint8)
