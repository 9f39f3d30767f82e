"""Dense descriptors of a tile as a cache stores them: four bits a number, in caches before format 4 eight.

Descriptors are compared by the thousand, so the error of one number hardly matters, only that errors are independent:
uniform steps of a fixed share of a channel's deviation, as for any signal of that shape (Max, "Quantizing for minimum
distortion", 1960). What that costs is measured in docs/scale.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uavloc.errors import CacheError
from uavloc.types import Descriptors, Float32, Mask

BITS = 4
"""Of a stored number, since format 4."""
ONE = 127
"""What stands for one in `Cells`."""
_STEP = 0.4
"""Size of a step in standard deviations of a channel: where what is rounded and what is cut off cost least together."""
_STEPS_PER_UNIT = 1024
_MAX_STEP = 146
"""Seven of these are one."""
_LARGEST = 7
_ZERO = 8
"""Numbers from -7 to 7 are stored with this added, two to a byte."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Descriptors of a tile as they are used: int8 C x n x n (127 is one) and the n x n mask."""

    data: NDArray[np.int8]
    mask: Mask


def stored_bytes(channels: int, side: int, bits: int = BITS) -> int:
    """Size of the stored descriptors of a tile of side x side cells."""
    count = channels * side * side
    return count if bits == 8 else channels + (count + 1) // 2


def encode_cells(descriptors: Descriptors) -> tuple[bytes, bytes | None]:
    """Blobs of one tile's descriptors (N = 1), and the mask's bits or None where all are true.

    The first C bytes are the size of a step of each channel, in 1024ths; then come the numbers, in steps.
    """
    data, mask = descriptors.data[0], descriptors.mask[0]
    steps = _step_sizes(data[:, mask])
    levels = np.rint(data * (_STEPS_PER_UNIT / steps[:, None, None].astype(np.float32)))
    levels[:, ~mask] = 0
    codes = (levels.clip(-_LARGEST, _LARGEST).astype(np.int8) + _ZERO).astype(np.uint8).ravel()
    codes = np.append(codes, np.zeros(codes.size % 2, np.uint8))
    packed = codes[0::2] << 4 | codes[1::2]
    return steps.tobytes() + packed.tobytes(), None if mask.all() else np.packbits(mask).tobytes()


def _step_sizes(numbers: Float32) -> NDArray[np.uint8]:
    """The step of each channel (C x N numbers), in 1024ths."""
    deviation = np.sqrt(np.square(numbers, dtype=np.float64).sum(axis=1) / max(1, numbers.shape[1]))
    steps: NDArray[np.uint8] = np.rint(_STEP * _STEPS_PER_UNIT * deviation).clip(1, _MAX_STEP).astype(np.uint8)
    return steps


def decode_cells(data: bytes, mask: bytes | None, channels: int, side: int, where: str, bits: int = BITS) -> Cells:
    """Inverse of `encode_cells`, up to its loss, for tiles of side x side cells; raises CacheError naming `where`.

    `bits` is 4, or 8 for what caches before format 4 hold: the numbers themselves, of which 127 is one.
    """
    if len(data) != stored_bytes(channels, side, bits):
        raise CacheError(f"{where}: descriptors are not {channels} x {side} x {side} numbers of {bits} bits")
    stored = np.frombuffer(data, np.uint8)
    numbers = stored.view(np.int8) if bits == 8 else _unpacked(stored, channels, side)
    cells = numbers.reshape(channels, side, side)
    if mask is None:
        return Cells(cells, np.ones((side, side), np.bool_))
    if len(mask) != (side * side + 7) // 8:
        raise CacheError(f"{where}: the mask is not {side * side} bits")
    known = np.unpackbits(np.frombuffer(mask, np.uint8), count=side * side).reshape(side, side).view(np.bool_)
    return Cells(cells, known)


def _unpacked(stored: NDArray[np.uint8], channels: int, side: int) -> NDArray[np.int8]:
    """The numbers of all channels, one after the other."""
    packed = stored[channels:]
    codes = np.empty(2 * packed.size, np.uint8)
    codes[0::2], codes[1::2] = packed >> 4, packed & 15
    levels = np.arange(-_ZERO, _ZERO)
    table = np.rint(levels * (ONE / _STEPS_PER_UNIT) * stored[:channels, None]).clip(-ONE, ONE).astype(np.int8)
    cells = codes[: channels * side * side].reshape(channels, -1)
    return np.take_along_axis(table, cells.astype(np.intp), axis=1).ravel()
