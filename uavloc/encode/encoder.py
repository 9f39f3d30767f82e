"""An engine as an Encoder: a card and a running network."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import numpy as np

from uavloc.card import EngineCard, GlobalFacts, OutputFacts
from uavloc.encode.heads import dense_cells, global_rows
from uavloc.encode.pictures import network_input, padded, pieces
from uavloc.errors import EngineError, one_line
from uavloc.types import Descriptors, Float32, Mask, Pixels, Precision


class Runtime(Protocol):
    """A network that runs: arrays in, float32 arrays out."""

    @property
    def provider(self) -> str:
        """What it runs on."""

    @property
    def max_pictures(self) -> int | None:
        """Most pictures in one run, None for any number."""

    @property
    def side_range_px(self) -> tuple[int, int] | None:
        """Smallest and largest side of a picture, None for any."""

    @property
    def inputs(self) -> Collection[str]:
        """Names of the inputs."""

    @property
    def outputs(self) -> Collection[str]:
        """Names of the outputs."""

    def run(self, feed: Mapping[str, Float32], outputs: Sequence[str]) -> list[Float32]:
        """The outputs of that name."""


class OnnxEncoder:
    """The Encoder of an engine; raises EngineError unless the network does what the card says."""

    def __init__(self, card: EngineCard, runtime: Runtime, precision: Precision = "fp32") -> None:
        self.card, self.precision = card, precision
        self.identity = card.identity
        self._runtime = runtime
        self._check()

    @property
    def provider(self) -> str:
        """What the network runs on: cpu, cuda, tensorrt-ep or tensorrt."""
        return self._runtime.provider

    @property
    def name(self) -> str:
        """Name of the engine."""
        return self.card.name

    @property
    def stride(self) -> int:
        """Pixels per descriptor cell; 1 without a dense head."""
        return self.card.output.stride if self.card.output else 1

    @property
    def channels(self) -> int:
        """Length of a dense descriptor; 0 without a dense head."""
        return self.card.output.channels if self.card.output else 0

    @property
    def halo_px(self) -> int:
        """How far, in pixels, surroundings influence a cell."""
        return self.card.output.halo_px if self.card.output else 0

    @property
    def global_dim(self) -> int:
        """Length of a global descriptor; 0 without a global head."""
        return self.card.global_head.dim if self.card.global_head else 0

    @property
    def window_px(self) -> int:
        """Side of the square picture the global head is made for; 0 without one."""
        return self.card.global_head.window_px if self.card.global_head else 0

    @property
    def gsd_range_m(self) -> tuple[float, float]:
        """Finest and coarsest metres per pixel the engine is made for."""
        return self.card.gsd_range_m

    def encode(self, images: Pixels, masks: Mask) -> Descriptors:
        """Descriptors of N grey (N x H x W) or RGB (N x H x W x 3) pictures with their masks (N x H x W).

        H and W must be multiples of `stride`. Pictures of a size the network does not take are encoded piece by piece.
        Raises EngineError without a dense head.
        """
        facts = self.card.output
        if facts is None:
            raise EngineError(f"engine '{self.name}': has no dense head: it can only describe whole windows")
        n, height, width = masks.shape
        rows, columns = height // facts.stride, width // facts.stride
        if n == 0:
            return Descriptors(np.zeros((0, facts.channels, rows, columns), np.float32), masks[:, :rows, :columns])
        least_px, most_px = self._side_range_px()
        images, masks = padded(images, masks, least_px)
        fits = max(masks.shape[1:]) <= most_px
        cells = self._dense(images, masks, facts) if fits else self._piecewise(images, masks, facts, most_px)
        return Descriptors(cells.data[:, :, :rows, :columns], cells.mask[:, :rows, :columns])

    def describe(self, images: Pixels, masks: Mask) -> Float32:
        """One row of length 1 (N x `global_dim`) per grey or RGB picture of `window_px` a side, with its mask.

        The row of a picture without a real pixel is zero. Raises EngineError without a global head.
        """
        facts = self.card.global_head
        if facts is None:
            raise EngineError(f"engine '{self.name}': has no global head: it cannot describe whole windows")
        if masks.shape[1:] != (facts.window_px, facts.window_px):
            raise ValueError(f"pictures must be {facts.window_px} pixels a side, not {masks.shape[1:]}")
        if not len(masks):
            return np.zeros((0, facts.dim), np.float32)
        (raw,) = self._run(images, masks, [facts.output])
        return global_rows(raw, masks, facts)

    def _piecewise(self, images: Pixels, masks: Mask, facts: OutputFacts, side_px: int) -> Descriptors:
        """Descriptors of pictures larger than the network takes, from overlapping pieces."""
        n, height, width = masks.shape
        s = facts.stride
        data = np.zeros((n, facts.channels, height // s, width // s), np.float32)
        valid = np.zeros((n, height // s, width // s), np.bool_)
        for top, y0, y1 in pieces(height, side_px, facts.halo_px, s):
            for left, x0, x1 in pieces(width, side_px, facts.halo_px, s):
                cut = np.s_[:, top : top + side_px, left : left + side_px]
                cells = self._dense(images[cut], masks[cut], facts)
                into = np.s_[..., y0 // s : y1 // s, x0 // s : x1 // s]
                out = np.s_[..., (y0 - top) // s : (y1 - top) // s, (x0 - left) // s : (x1 - left) // s]
                data[into], valid[into] = cells.data[out], cells.mask[out]
        return Descriptors(data, valid)

    def _dense(self, images: Pixels, masks: Mask, facts: OutputFacts) -> Descriptors:
        wanted = [facts.dense] if facts.valid is None else [facts.dense, facts.valid]
        raw, *valid = self._run(images, masks, wanted)
        return dense_cells(raw, valid[0] if valid else None, masks, facts)

    def _run(self, images: Pixels, masks: Mask, outputs: list[str]) -> list[Float32]:
        """The outputs for all pictures, in as many runs as the network and the runtime need."""
        limits = [limit for limit in (self.card.input.batch, self._runtime.max_pictures, len(masks)) if limit]
        step = max(1, min(limits, default=1))
        runs = [
            self._runtime.run(network_input(images[i : i + step], masks[i : i + step], self.card.input), outputs)
            for i in range(0, len(masks), step)
        ]
        return runs[0] if len(runs) == 1 else [np.concatenate(parts) for parts in zip(*runs, strict=True)]

    def _side_range_px(self) -> tuple[int, int]:
        """Smallest and largest side of a picture that runs in one piece, in whole cells."""
        if self.card.input.size_px is not None:
            return self.card.input.size_px, self.card.input.size_px
        least, most = self._runtime.side_range_px or (1, 1 << 30)
        return -(-least // self.stride) * self.stride, most // self.stride * self.stride

    def _check(self) -> None:
        """Raise EngineError unless the names are there and a small picture gives what the card says."""
        self._check_names()
        try:
            if self.card.output is not None:
                self._check_dense(self.card.output)
            if self.card.global_head is not None:
                self._check_global(self.card.global_head)
        except EngineError as error:
            raise EngineError(f"engine '{self.name}': {error}") from error
        except Exception as error:  # onnxruntime and tensorrt raise their own unnamed types
            raise EngineError(f"engine '{self.name}': the model does not run: {one_line(error)}") from error

    def _check_names(self) -> None:
        output, head, into = self.card.output, self.card.global_head, self.card.input
        wanted_in = {into.image} | ({into.mask} if into.mask else set())
        heads = [output.dense, output.valid] if output else []
        wanted_out = {name for name in [*heads, head.output if head else None] if name}
        if set(self._runtime.inputs) != wanted_in or not wanted_out <= set(self._runtime.outputs):
            raise EngineError(
                f"engine '{self.name}': card names inputs {sorted(wanted_in)} and outputs {sorted(wanted_out)}, "
                f"the model has {sorted(self._runtime.inputs)} and {sorted(self._runtime.outputs)}"
            )

    def _check_dense(self, facts: OutputFacts) -> None:
        most_px = self._side_range_px()[1]
        if most_px < facts.least_piece_px:
            raise EngineError(
                f"output.halo_px: {facts.halo_px} on either side and a cell need pictures of {facts.least_piece_px} "
                f"pixels, profile.side_px ends at {most_px}"
            )
        picture = (1, 4 * facts.stride, 5 * facts.stride)  # not square, to tell rows from columns and from channels
        self.encode(np.zeros(picture, np.uint8), np.ones(picture, np.bool_))

    def _check_global(self, facts: GlobalFacts) -> None:
        side = facts.window_px
        self.describe(np.zeros((1, side, side), np.uint8), np.ones((1, side, side), np.bool_))
