"""Pictures on their way into a network: colours, normalisation, size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from uavloc.card import InputFacts
from uavloc.pixels import grey
from uavloc.types import Float32, Mask, Pixels


def network_input(images: Pixels, masks: Mask, facts: InputFacts) -> dict[str, Float32]:
    """What the network is fed for N grey (N x H x W) or RGB (N x H x W x 3) pictures: N x K x H x W by input name.

    A network without a mask gets its mean colour where the mask is false, so that what lies there has no influence.
    """
    planes = np.moveaxis(_coloured(images, facts.colour), -1, 1)
    values = (planes.astype(np.float32, order="C") - _per_channel(facts.mean)) / _per_channel(facts.std)
    if facts.mask is None:
        return {facts.image: values * masks[:, None]}
    return {facts.image: values, facts.mask: masks.astype(np.float32)[:, None]}


def whole_cells(masks: Mask, stride: int) -> Mask:
    """N x h x w: true where all pixels of a cell are real, for masks N x H x W with sides that `stride` divides."""
    n, height, width = masks.shape
    cells = masks.reshape(n, height // stride, stride, width // stride, stride)
    return np.asarray(cells.all(axis=(2, 4)), np.bool_)


def padded(images: Pixels, masks: Mask, side_px: int) -> tuple[Pixels, Mask]:
    """Pictures at least `side_px` on a side; what is added, right and below, is masked."""
    down, right = (max(0, side_px - have) for have in images.shape[1:3])
    if not (down or right):
        return images, masks
    grow = ((0, 0), (0, down), (0, right))
    return np.pad(images, (*grow, *((0, 0),) * (images.ndim - 3))), np.pad(masks, grow)


def pieces(length_px: int, side_px: int, halo_px: int, stride: int) -> Iterator[tuple[int, int, int]]:
    """Cut one axis into overlapping pieces of at most `side_px`: (start of the piece, and from..to, what it gives).

    Every pixel is given once, by a piece in which it has its halo or the end of the picture. All are multiples of
    `stride`, which divides `length_px` and `side_px`.
    """
    margin = -(-halo_px // stride) * stride
    start = done = 0
    while done < length_px:
        start = max(0, min(done - margin, length_px - side_px)) if done else 0
        last = start + side_px >= length_px
        end = length_px if last else start + side_px - margin
        yield start, done, end
        done = end


def _coloured(images: Pixels, colour: str) -> Pixels:
    """N x H x W x K with K = 1 for grey and 3 for colours."""
    is_rgb = images.ndim == 4
    if colour == "grey":
        return _grey(images)[..., None] if is_rgb else images[..., None]
    rgb = images if is_rgb else np.repeat(images[..., None], 3, axis=-1)
    return rgb[..., ::-1] if colour == "bgr" else rgb


def _grey(rgb: Pixels) -> Pixels:
    """Grey pictures N x H x W of N x H x W x 3."""
    n, height, width, _ = rgb.shape
    return grey(np.ascontiguousarray(rgb).reshape(n * height, width, 3)).reshape(n, height, width)


def _per_channel(value: float | tuple[float, ...]) -> Float32:
    return np.asarray(value, np.float32).reshape(-1, 1, 1)
