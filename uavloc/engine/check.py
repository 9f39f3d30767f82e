"""Does an engine keep the rest of its word? Small pictures, looked at from the outside.

Loading an engine checks its hash and its shapes; here the values are looked at.
"""

from __future__ import annotations

import numpy as np

from uavloc.errors import EngineError
from uavloc.types import Descriptors, Encoder, Float32, Mask, Pixels

STEP = 1.0 / 127.0
"""What a cache rounds descriptors to: smaller differences do not count."""
_EDGE_CELLS = 16
_SEED = 7
_REPEATS = 1e-6


def check_engine(engine: Encoder) -> None:
    """Raise EngineError unless both heads repeat, follow the mask and keep their ranges, and halo_px is true."""
    if engine.channels:
        _check_dense(engine)
    if engine.global_dim:
        _check_global(engine)


def _check_dense(engine: Encoder) -> None:
    """Values in [-1, 1], zero where masked; the same again; masked pixels and those beyond the halo have no say."""
    image, mask = _picture(engine)
    found = engine.encode(image, mask)
    if not (np.isfinite(found.data).all() and np.abs(found.data).max() <= 1.0 + STEP):
        raise EngineError(f"engine '{engine.name}': output.dense: values outside -1 to 1")
    if found.mask[:, :_EDGE_CELLS].any() or not found.mask.any() or _hidden(found).any():
        raise EngineError(f"engine '{engine.name}': output.valid: does not follow the mask of the picture")
    again = engine.encode(image, mask)
    if not (np.array_equal(found.data, again.data) and np.array_equal(found.mask, again.mask)):
        raise EngineError(f"engine '{engine.name}': gives another answer to the same picture")
    hidden = engine.encode(np.where(mask, image, image ^ 255), mask)
    if np.abs(hidden.data - found.data).max() > _REPEATS or not np.array_equal(hidden.mask, found.mask):
        raise EngineError(f"engine '{engine.name}': output.dense: masked pixels have a say")
    changed = image.copy()
    changed[:, :, : _EDGE_CELLS * engine.stride] ^= 255
    reach = _EDGE_CELLS + -(-engine.halo_px // engine.stride)
    beyond = np.abs(engine.encode(changed, mask).data - found.data)[..., reach:]
    if beyond.max() > STEP:
        raise EngineError(f"engine '{engine.name}': output.halo_px: pixels farther than {engine.halo_px} have a say")


def _check_global(engine: Encoder) -> None:
    """Rows of length 1, the same again, alone or beside others; masked pixels have no say; no pixels, no row."""
    images, masks = _windows(engine.window_px)
    found = engine.describe(images, masks)
    if found.shape != (3, engine.global_dim) or not np.isfinite(found).all():
        raise EngineError(f"engine '{engine.name}': global.output: not {engine.global_dim} finite numbers per picture")
    if not np.allclose(np.linalg.norm(found, axis=1), [1.0, 1.0, 0.0], atol=1e-4):
        raise EngineError(f"engine '{engine.name}': global.output: rows are not of length 1, and 0 without any pixel")
    if not np.array_equal(engine.describe(images, masks), found):
        raise EngineError(f"engine '{engine.name}': global.output: gives another answer to the same picture")
    if np.abs(engine.describe(images[1:], masks[1:]) - found[1:]).max() > STEP:
        raise EngineError(f"engine '{engine.name}': global.output: depends on the other pictures of a run")
    changed = np.where(masks, images, images ^ 255)
    if np.abs(engine.describe(changed, masks) - found).max() > _REPEATS:
        raise EngineError(f"engine '{engine.name}': global.output: masked pixels have a say")
    if np.abs(found[0] - found[1]).max() <= _REPEATS:
        raise EngineError(f"engine '{engine.name}': global.output: the same for different pictures")


def _picture(engine: Encoder) -> tuple[Pixels, Mask]:
    """Noise, larger than the halo, whose top is masked out."""
    side = 2 * _EDGE_CELLS * engine.stride + -(-engine.halo_px // engine.stride) * engine.stride
    image = np.random.default_rng(_SEED).integers(0, 256, (1, side, side), np.uint8)
    mask = np.ones(image.shape, np.bool_)
    mask[:, : _EDGE_CELLS * engine.stride] = False
    return image, mask


def _windows(side: int) -> tuple[Pixels, Mask]:
    """Three pictures of blocks: a whole one, one with its left third masked, one without a real pixel."""
    blocks = np.random.default_rng(_SEED).integers(0, 256, (3, -(-side // 8), -(-side // 8)), np.uint8)
    images = blocks.repeat(8, axis=1).repeat(8, axis=2)[:, :side, :side]
    masks = np.ones(images.shape, np.bool_)
    masks[1, :, : side // 3] = False
    masks[2] = False
    return images, masks


def _hidden(found: Descriptors) -> Float32:
    """The descriptors where the mask is false."""
    hidden: Float32 = found.data.transpose(0, 2, 3, 1)[~found.mask]
    return hidden
