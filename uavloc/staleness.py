"""Which parts of the map no longer show the ground: blocks that fail to match while the blocks around them do.

A frame with an accepted position is laid on the map and compared block by block. All of a wood is like all of a wood:
what kind of ground it is tells nothing of whether the map is still right, so the mean descriptor of the frame's ground
is taken off before. A poor block says little once (a shadow, a lorry, a leaning house); the same block poor again and
again, from places well apart, beside neighbours that agree, is told and loses weight until it agrees again.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple, TypeAlias

import numpy as np

from uavloc.types import Descriptors, Float32

BLOCK_PX = 128
"""Side of a block in world pixels: four to a tile. Smaller ones are noisy, of larger ones a frame sees too few."""
BIN_PX = 16
"""Descriptors are summed over squares of this side before they are compared: a fix is off by a cell, trees lean."""
MIN_COVER = 0.33
"""Share of a block that a frame has to see."""
MIN_BLOCKS = 4
"""Blocks that a frame needs to have a typical agreement."""
TYPICAL_QUANTILE = 0.75
"""Above the middle, so that it holds where nearly half of a frame is stale."""
MIN_TYPICAL = 0.2
"""A frame that agrees less than this anywhere is no witness."""
BASELINE_M = 20.0
"""How far the vehicle must have moved to be another witness of the same block: hovering is one."""
MIN_WITNESSES = 4
MAX_WITNESSES = 8
"""The latest count, so that a block recovers."""
STALE_SHARE = 0.25
"""A median agreement below this share of what is typical is poor; ground of another place has 0, give or take 0.15."""
GOOD_SHARE = 0.6
"""A neighbour with this share of what is typical agrees."""
MIN_NEIGHBOURS = 3
MIN_WEIGHT = 0.1
MAX_BLOCKS = 4096
_MIN_ENERGY = 1e-3

Block: TypeAlias = tuple[int, int, int]
"""(zoom, column, row) of a square of `BLOCK_PX` world pixels, rows counted from the north."""


class Agreement(NamedTuple):
    """Mean-free cosine of frame and map over the cells of a block, in [-1, 1], and how many cells that are."""

    cosine: float
    cells: int


@dataclass(frozen=True, slots=True)
class StaleBlock:
    """A block that is believed to be out of date: its weight, and the evidence.

    `share` is its median agreement as a share of what was typical in the same frames.
    """

    block: Block
    weight: float
    share: float
    witnesses: int
    agreeing_neighbours: int


class _Witness(NamedTuple):
    share: float
    agreeing: frozenset[Block]


@dataclass(slots=True)
class _Record:
    last_ne_m: tuple[float, float] = (math.inf, math.inf)
    witnesses: deque[_Witness] = field(default_factory=lambda: deque(maxlen=MAX_WITNESSES))


class Staleness:
    """What the flight has seen of the blocks of the map; at most `size` of them, the latest."""

    def __init__(self, size: int = MAX_BLOCKS) -> None:
        self._size = size
        self._records: OrderedDict[Block, _Record] = OrderedDict()
        self._stale: dict[Block, StaleBlock] = {}

    def witness(self, agreements: Mapping[Block, Agreement], vehicle_ne_m: tuple[float, float]) -> None:
        """Take the agreements of a frame with an accepted position, seen from (north, east) metres."""
        if len(agreements) < MIN_BLOCKS:
            return
        typical = float(np.quantile([agreement.cosine for agreement in agreements.values()], TYPICAL_QUANTILE))
        if typical < MIN_TYPICAL:
            return
        shares = {block: agreement.cosine / typical for block, agreement in agreements.items()}
        good = frozenset(block for block, share in shares.items() if share >= GOOD_SHARE)
        for block, share in shares.items():
            record = self._record(block)
            if math.dist(record.last_ne_m, vehicle_ne_m) >= BASELINE_M:
                record.last_ne_m = vehicle_ne_m
                record.witnesses.append(_Witness(share, good & _neighbours(block)))
                self._judge(block, record)

    def weight(self, block: Block) -> float:
        """How much a block counts, in (0, 1]; 1 where nothing speaks against it."""
        found = self._stale.get(block)
        return 1.0 if found is None else found.weight

    def stale(self) -> list[StaleBlock]:
        """The blocks that are believed to be out of date, with the evidence."""
        return [self._stale[block] for block in sorted(self._stale)]

    def weighted(self, window: Descriptors, zoom: int, corner_cell: tuple[int, int], stride: int) -> Descriptors:
        """A window of the map (1 x C x H x W) with stale blocks scaled down; the mask stays.

        `corner_cell` is the (x, y) world cell of its north-west corner. Without a stale block in it, the window itself.
        """
        side = BLOCK_PX // stride
        height, width = window.mask.shape[1:]
        weights: Float32 = np.ones((height, width), np.float32)
        for (at_zoom, column, row), found in self._stale.items():
            if at_zoom == zoom:
                left, top = column * side - corner_cell[0], row * side - corner_cell[1]
                weights[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = found.weight
        if weights.min(initial=1.0) == 1.0:
            return window
        return Descriptors(window.data * weights, window.mask)

    def _record(self, block: Block) -> _Record:
        record = self._records.setdefault(block, _Record())
        self._records.move_to_end(block)
        if len(self._records) > self._size:
            oldest, _ = self._records.popitem(last=False)
            self._stale.pop(oldest, None)
        return record

    def _judge(self, block: Block, record: _Record) -> None:
        share = median(witness.share for witness in record.witnesses)
        agreeing = frozenset[Block]().union(*(witness.agreeing for witness in record.witnesses))
        poor = len(record.witnesses) >= MIN_WITNESSES and share < STALE_SHARE
        if poor and len(agreeing) >= MIN_NEIGHBOURS:
            weight = max(MIN_WEIGHT, share / STALE_SHARE)
            self._stale[block] = StaleBlock(block, weight, share, len(record.witnesses), len(agreeing))
        else:
            self._stale.pop(block, None)


def block_agreements(
    query: Descriptors, window: Descriptors, zoom: int, corner_cell: tuple[int, int], stride: int
) -> dict[Block, Agreement]:
    """How well a frame agrees with the map below it (both 1 x C x h x w), for each block it sees enough of.

    `corner_cell` is the (x, y) world cell of the north-west corner of both. `stride` divides `BLOCK_PX`. The map is to
    be the one of the cache, not `weighted`.
    """
    side, bin_side = BLOCK_PX // stride, max(1, BIN_PX // stride)
    known = (query.mask[0] & window.mask[0]).astype(np.float32)
    bins = _Grid.over(corner_cell, known.shape, bin_side)
    frame, ground = (bins.sums(_mean_free(each.data[0], known)) for each in (query, window))
    blocks = _Grid.over(bins.first, frame.shape[1:], side // bin_side)
    dots, frame_energy, ground_energy = (
        blocks.sums(np.einsum("chw,chw->hw", *pair)) for pair in ((frame, ground), (frame, frame), (ground, ground))
    )
    cells = blocks.sums(bins.sums(known))
    cosine = dots / np.sqrt(np.maximum(frame_energy, _MIN_ENERGY) * np.maximum(ground_energy, _MIN_ENERGY))
    return {
        (zoom, blocks.first[0] + j, blocks.first[1] + i): Agreement(float(cosine[i, j]), round(float(cells[i, j])))
        for i, j in np.argwhere(cells >= MIN_COVER * side**2).tolist()
    }


class _Grid(NamedTuple):
    """Squares of the world that lie under a raster: number (x, y) of the first, where each starts in the raster."""

    first: tuple[int, int]
    columns: list[int]
    rows: list[int]

    @classmethod
    def over(cls, corner: tuple[int, int], shape: tuple[int, ...], side: int) -> _Grid:
        """Squares of `side` elements under a raster of (height, width) whose first element is (x, y) of the world."""
        columns, rows = (
            [max(0, at - start) for at in range(start // side * side, start + size, side)]
            for start, size in zip(corner, shape[::-1], strict=True)
        )
        return cls((corner[0] // side, corner[1] // side), columns, rows)

    def sums(self, planes: Float32) -> Float32:
        """Sums over every square, of the last two axes."""
        sums: Float32 = np.add.reduceat(np.add.reduceat(planes, self.rows, axis=-2), self.columns, axis=-1)
        return sums


def _mean_free(data: Float32, known: Float32) -> Float32:
    """Descriptors (C x h x w) less their mean over the known cells; zero elsewhere."""
    mean = (data * known).sum(axis=(1, 2), keepdims=True) / max(1.0, float(known.sum()))
    free: Float32 = (data - mean) * known
    return free


def _neighbours(block: Block) -> set[Block]:
    zoom, column, row = block
    return {(zoom, column + dx, row + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)} - {block}
