"""The network: one backbone, a dense head for registration and a global head for retrieval.

A U-shaped convolutional net on cells of 4 x 4 pixels. Brightness and contrast of the surroundings are divided out
first, so that light and exposure need not be learned. A dense descriptor is a direction (what is here) times a length
(how much it can be relied on); masked correlation of such vectors weights reliable ground by itself. The global
descriptor keeps where things are, as the lowest cosine waves over the window: headings and scale are known well enough
for that.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as f

STRIDE = 4
SURROUNDINGS = 9
"""Side, in cells, of the box whose brightness and contrast are divided out."""
EPSILON = 1e-4
"""Variance (of grey 0 to 1) under which contrast is not stretched further: about 2.5 grey values."""


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv(channels, channels)
        self.second = conv(channels, channels, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        return f.relu(x + self.second(self.first(x)))


def conv(inputs: int, outputs: int, stride: int = 1, relu: bool = True, size: int = 3) -> nn.Sequential:
    """Convolution, batch normalisation and, mostly, a rectifier."""
    layers = [nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, nn.ReLU()) if relu else nn.Sequential(*layers)


class Network(nn.Module):
    """`forward(image, mask)`: N x 1 x H x W grey (0 to 1) and mask (0 or 1); H and W are multiples of 4.

    Gives dense N x C x H/4 x W/4 (length at most 1), valid N x 1 x H/4 x W/4 and region N x D (unit length). With
    weights of half precision only the convolutions are computed in it: levelling and lengths need the digits.
    """

    def __init__(self, channels: int = 16, dim: int = 256, width: int = 32, waves: int = 5) -> None:
        super().__init__()
        self.waves = waves
        self.stem = nn.Sequential(conv(STRIDE**2, width), conv(width, width))
        self.down8 = conv(width, 2 * width, stride=2)
        self.body8 = Block(2 * width)
        self.down16 = conv(2 * width, 4 * width, stride=2)
        self.body16 = Block(4 * width)
        self.up8 = conv(4 * width, 2 * width, size=1)
        self.merge8 = conv(2 * width, 2 * width)
        self.up4 = conv(2 * width, width, size=1)
        self.merge4 = conv(width, width)
        self.dense = nn.Conv2d(width, channels, 1)
        self.reliability = nn.Conv2d(width, 1, 1)
        self.region = conv(4 * width, width, size=1)
        self.project = nn.Linear(width * waves**2, dim, bias=False)

    def forward(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        dense, valid, deep, known = self.features(image, mask)
        return dense, valid, self.describe(deep, known)

    def features(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Dense descriptors with their mask, and the deepest features (every 16 pixels) with theirs."""
        share4 = f.avg_pool2d(mask, STRIDE)
        valid = (share4 > 0.999).to(mask.dtype)
        cells = levelled(image, mask, share4).to(self.dense.weight.dtype)
        share4 = share4.to(self.dense.weight.dtype)
        known8, known16 = halved(share4), halved(halved(share4))
        at4 = self.stem(cells) * share4
        at8 = self.body8(self.down8(at4) * known8)
        at16 = self.body16(self.down16(at8) * known16)
        at8 = self.merge8((at8 + doubled(self.up8(at16), at8)) * known8)
        at4 = self.merge4((at4 + doubled(self.up4(at8), at4)) * share4)
        direction = f.normalize(self.dense(at4).float(), dim=1, eps=1e-4)
        dense = direction * torch.sigmoid(self.reliability(at4).float()) * valid
        return dense, valid, at16, known16

    def describe(self, deep: Tensor, known: Tensor) -> Tensor:
        """Global descriptors of whole windows from their deepest features."""
        features = (self.region(deep) * known).float()
        basis = cosines(features, self.waves)
        pooled = torch.matmul(features.flatten(2), basis.flatten(1).transpose(0, 1))
        return f.normalize(self.project(pooled.flatten(1).to(self.project.weight.dtype)).float(), dim=1, eps=1e-4)


def levelled(image: Tensor, mask: Tensor, share: Tensor) -> Tensor:
    """Pixels of each cell (N x 16 x h x w) less the mean of the known surroundings, over their standard deviation."""
    known = image * mask
    total = f.avg_pool2d(known, STRIDE)
    squares = f.avg_pool2d(known * known, STRIDE)
    weight = surroundings(share) + 1e-6
    mean = surroundings(total) / weight
    variance = surroundings(squares) / weight - mean * mean
    cells = f.pixel_unshuffle(known, STRIDE)
    flags = f.pixel_unshuffle(mask, STRIDE)
    return (cells - mean * flags) * torch.rsqrt(torch.clamp(variance, min=0.0) + EPSILON)


def surroundings(plane: Tensor) -> Tensor:
    """Mean over the box of surroundings, row by row and column by column."""
    half = SURROUNDINGS // 2
    rows = f.avg_pool2d(plane, (SURROUNDINGS, 1), 1, (half, 0))
    return f.avg_pool2d(rows, (1, SURROUNDINGS), 1, (0, half))


def halved(plane: Tensor) -> Tensor:
    """Mean over 2 x 2, an odd last row or column kept, as a convolution of stride 2 keeps it."""
    return f.avg_pool2d(plane, 2, ceil_mode=True)


def doubled(plane: Tensor, like: Tensor) -> Tensor:
    """Each value twice in either direction, cut to the size of `like`."""
    return f.interpolate(plane, scale_factor=2.0, mode="nearest")[..., : like.shape[2], : like.shape[3]]


def cosines(like: Tensor, waves: int) -> Tensor:
    """The lowest cosine waves over a plane of the size of `like` (waves^2 x h x w), each of mean square 1 / (h w)."""
    height, width = like.shape[2], like.shape[3]
    rows, columns = wave(like, height, waves), wave(like, width, waves)
    return (rows[:, None, :, None] * columns[None, :, None, :]).reshape(waves * waves, height, width)


def wave(like: Tensor, length: int, waves: int) -> Tensor:
    """waves x length: cos(pi k (i + 1/2) / length), scaled to unit length."""
    place = (torch.arange(length, device=like.device, dtype=torch.float32) + 0.5) * (math.pi / length)
    order = torch.arange(waves, device=like.device, dtype=torch.float32)
    return torch.cos(order[:, None] * place[None]) * (2.0 / length) ** 0.5
