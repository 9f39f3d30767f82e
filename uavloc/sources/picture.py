"""A JPEG, PNG or WebP in memory to RGB and a mask; and what a map tile has to be."""

from __future__ import annotations

import cv2
import numpy as np

from uavloc.errors import InputError
from uavloc.frames import TILE_PX
from uavloc.sources.header import image_size, is_complete
from uavloc.types import Mask, Pixels

MAX_TILE_BYTES = 8 << 20
TILE_SIDES_PX = (TILE_PX, 2 * TILE_PX)


def decode_picture(where: object, data: bytes) -> tuple[Pixels, Mask | None]:
    """RGB of the bytes of a file and, where it has alpha, the mask of pixels at least half opaque; raises InputError.

    The header must have been checked: nothing here bounds the size.
    """
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise InputError(f"{where}: the picture cannot be decoded: {error.err}") from error
    if decoded is None:
        raise InputError(f"{where}: the picture cannot be decoded")
    if decoded.dtype != np.uint8:
        raise InputError(f"{where}: pixels of {decoded.dtype}: convert the picture to 8 bit")
    if decoded.ndim == 2:
        return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_GRAY2RGB), np.uint8), None
    mask = decoded[:, :, 3] >= 128 if decoded.shape[2] == 4 else None
    return np.ascontiguousarray(decoded[:, :, 2::-1]), mask


def tile_side(where: object, data: bytes) -> int:
    """Side in pixels of a tile, from its header; raises InputError where it has none of a tile."""
    size = image_size(data)
    if size is None:
        raise InputError(f"{where}: the tile has no readable header")
    if size[0] != size[1] or size[0] not in TILE_SIDES_PX:
        sides = " or ".join(map(str, TILE_SIDES_PX))
        raise InputError(f"{where}: {size[0]} x {size[1]} pixels: tiles have {sides} a side")
    return size[0]


def decode_tile(where: object, data: bytes, tile_px: int) -> tuple[Pixels, Mask | None]:
    """`decode_picture` of a tile, its size known before anything is decoded; raises InputError."""
    size = image_size(data)
    if size is None or not is_complete(data):
        raise InputError(f"{where}: not a complete JPEG, PNG or WebP: remove the tile to leave its place empty")
    if size != (tile_px, tile_px):
        raise InputError(f"{where}: {size[0]} x {size[1]} pixels, but the first tile has {tile_px} a side")
    return decode_picture(where, data)
