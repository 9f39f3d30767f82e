"""What the first and last bytes of a JPEG, PNG or WebP tell before anything is decoded."""

from __future__ import annotations

import struct

from uavloc.cache.cachefile import webp_size

_PNG = b"\x89PNG\r\n\x1a\n"
_RIFF = b"RIFF"
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, b"\xff\xd9"


def image_size(data: bytes) -> tuple[int, int] | None:
    """(width_px, height_px) from the header of a JPEG, PNG or WebP, None where it has none."""
    try:
        if data.startswith(_PNG):
            width, height = struct.unpack_from(">II", data, 16)
            return width, height
        return webp_size(data) if data.startswith(_RIFF) else _jpeg_size(data)
    except (struct.error, IndexError):
        return None


def is_complete(data: bytes) -> bool:
    """Whether a JPEG, PNG or WebP has its end: decoders fill what is missing with grey and say nothing."""
    if data.startswith(_PNG):
        return data.rfind(b"IEND") > 0
    if data.startswith(_RIFF):
        return len(data) >= int.from_bytes(data[4:8], "little") + 8
    start = _jpeg_segment(data, frozenset({_START_OF_SCAN}))
    return start is not None and data.rfind(_END_OF_IMAGE) > start


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = _jpeg_segment(data, _FRAME_MARKERS)
    if at is None:
        return None
    height, width = struct.unpack_from(">HH", data, at + 5)
    return width, height


def _jpeg_segment(data: bytes, markers: frozenset[int]) -> int | None:
    """Offset of the first segment with one of the markers, before any pixel data."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        if data[at + 1] == 0xFF:
            at += 1
        elif data[at + 1] in markers:
            return at
        elif data[at + 1] == _START_OF_SCAN:
            return None
        else:
            at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])
    return None
