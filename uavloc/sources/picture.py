"""A JPEG or PNG in memory to RGB and a mask."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from uavloc.errors import InputError
from uavloc.types import Mask, Pixels


def decode_picture(path: Path, data: bytes) -> tuple[Pixels, Mask | None]:
    """RGB of the bytes of a file and, where it has alpha, the mask of pixels at least half opaque; raises InputError.

    The header must have been checked: nothing here bounds the size.
    """
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise InputError(f"{path}: the picture cannot be decoded: {error.err}") from error
    if decoded is None:
        raise InputError(f"{path}: the picture cannot be decoded")
    if decoded.dtype != np.uint8:
        raise InputError(f"{path}: pixels of {decoded.dtype}: convert the picture to 8 bit")
    if decoded.ndim == 2:
        return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_GRAY2RGB), np.uint8), None
    mask = decoded[:, :, 3] >= 128 if decoded.shape[2] == 4 else None
    return np.ascontiguousarray(decoded[:, :, 2::-1]), mask
