"""Does an engine keep the rest of its word? Small pictures, looked at from the outside.

Loading an engine checks its hash, channels and stride; here the values are looked at.
"""

from __future__ import annotations

import numpy as np

from uavloc.errors import EngineError
from uavloc.types import Descriptors, Encoder, Float32, Mask, Pixels

_EDGE_CELLS = 16
_SEED = 7
_STEP = 1.0 / 127.0
"""What a cache rounds descriptors to."""


def check_engine(engine: Encoder) -> None:
    """Raise EngineError unless values lie in [-1, 1], repeat, follow the mask and do not reach beyond the halo."""
    image, mask = _picture(engine)
    found = engine.encode(image, mask)
    if not (np.isfinite(found.data).all() and np.abs(found.data).max() <= 1.0 + _STEP):
        raise EngineError(f"engine '{engine.name}': output.dense: values outside -1 to 1")
    if found.mask[:, :_EDGE_CELLS].any() or not found.mask.any() or _hidden(found).any():
        raise EngineError(f"engine '{engine.name}': output.valid: does not follow the mask of the picture")
    again = engine.encode(image, mask)
    if not (np.array_equal(found.data, again.data) and np.array_equal(found.mask, again.mask)):
        raise EngineError(f"engine '{engine.name}': gives another answer to the same picture")
    changed = image.copy()
    changed[:, :, : _EDGE_CELLS * engine.stride] ^= 255
    reach = _EDGE_CELLS + -(-engine.halo_px // engine.stride)
    beyond = np.abs(engine.encode(changed, mask).data - found.data)[..., reach:]
    if beyond.max() > _STEP:
        raise EngineError(f"engine '{engine.name}': output.halo_px: pixels farther than {engine.halo_px} have a say")


def _picture(engine: Encoder) -> tuple[Pixels, Mask]:
    """Noise, larger than the halo, whose top is masked out."""
    side = 2 * _EDGE_CELLS * engine.stride + -(-engine.halo_px // engine.stride) * engine.stride
    image = np.random.default_rng(_SEED).integers(0, 256, (1, side, side), np.uint8)
    mask = np.ones(image.shape, np.bool_)
    mask[:, : _EDGE_CELLS * engine.stride] = False
    return image, mask


def _hidden(found: Descriptors) -> Float32:
    """The descriptors where the mask is false."""
    hidden: Float32 = found.data.transpose(0, 2, 3, 1)[~found.mask]
    return hidden
