"""Reading one JPEG or PNG with suspicion: sizes are known before decoding, half a picture is no picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from uavloc.types import Pixels

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png")
MAX_IMAGE_BYTES = 256 * 1024 * 1024
MAX_IMAGE_PIXELS = 120_000_000

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"
_JPEG_START = b"\xff\xd8"
_JPEG_END = b"\xff\xd9"
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset(range(0xD0, 0xD9)) | {0x01}
_JPEG_SCAN = 0xDA


def read_image(path: Path, size_px: tuple[int, int] | None = None) -> Pixels | None:
    """RGB pixels (H x W x 3), or None when the file is missing or `decode_image` gives None."""
    return decode_image(read_bytes(path), size_px)


def decode_image(data: bytes, size_px: tuple[int, int] | None = None) -> Pixels | None:
    """RGB pixels (H x W x 3) of a JPEG or PNG, or None when it is damaged, cut short, too large or of another size.

    Pixels stay as the sensor delivered them: a rotation wish in the EXIF header is not followed.
    """
    size = image_size(data)
    if size is None or (size_px is not None and size != size_px) or size[0] * size[1] > MAX_IMAGE_PIXELS:
        return None
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    if bgr is None or bgr.shape[1::-1] != size:
        return None
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def read_image_size(path: Path) -> tuple[int, int] | None:
    """(width_px, height_px) of a complete JPEG or PNG file without decoding it, None for anything else."""
    return image_size(read_bytes(path))


def image_size(data: bytes) -> tuple[int, int] | None:
    """(width_px, height_px) in the header of a complete JPEG or PNG, None for anything else."""
    if data.startswith(_PNG_START):
        size = _png_size(data)
    elif data.startswith(_JPEG_START):
        size = _jpeg_size(data)
    else:
        return None
    return size if size is not None and min(size) > 0 else None


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, none when it cannot be read or is absurdly large."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_IMAGE_BYTES:
            return b""
        return path.read_bytes()
    except OSError:
        return b""


def _png_size(data: bytes) -> tuple[int, int] | None:
    if data[12:16] != b"IHDR" or _PNG_END not in data:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Size from the frame header, if the end marker follows the scan (inside a scan 0xFF is always escaped)."""
    size = None
    at = len(_JPEG_START)
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in _JPEG_BARE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _JPEG_SIZES:
            size = int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        if marker == _JPEG_SCAN:
            return size if data.find(_JPEG_END, at) >= 0 else None
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
