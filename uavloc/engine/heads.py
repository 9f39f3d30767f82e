"""Which outputs of an unknown encoder are descriptors: told from their shapes for a square picture of known size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from uavloc.card import MAX_CHANNELS, MAX_GLOBAL_DIM, MAX_STRIDE_PX
from uavloc.errors import EngineError

Shapes: TypeAlias = "Mapping[str, tuple[int, ...]]"
Head: TypeAlias = "dict[str, Any]"
"""The table `[output]` or `[global]` of a card, as far as shapes tell it."""

_MIN_PATCH_PX = 4
_EXTRA_TOKENS = (0, 1, 5, 2, 3, 4, 6, 7, 8)
"""How many tokens may stand before those of the patches, likeliest first: none, a class token, one with 4 registers."""
VALID = "valid"


def find_dense(shapes: Shapes, side_px: int, name: str | None, layout: str | None) -> Head | None:
    """The first output (or the named one) with a descriptor per cell; raises EngineError if the named one has none."""
    for output in _candidates(shapes, name):
        head = _dense(shapes[output], side_px, layout)
        if head is not None and output != VALID:
            return {"dense": output, **_valid(shapes, side_px // head["stride"]), **head}
    if name is not None or layout is not None:
        raise EngineError(f"no dense descriptors found; {outputs_in_words(shapes, side_px)}")
    return None


def find_global(shapes: Shapes, side_px: int, name: str | None) -> Head | None:
    """The first output (or the named one) with one vector per picture, else the class token of one with tokens.

    Raises EngineError when the named one has neither.
    """
    outputs = _candidates(shapes, name)
    for output in outputs:
        dim = _vector(shapes[output])
        if dim is not None:
            return {"output": output, "dim": dim}
    for output in outputs:
        tokens = _dense(shapes[output], side_px, "tokens")
        if tokens is not None and tokens["skip_tokens"] > 0:
            return {"output": output, "dim": tokens["channels"], "token": 0}
    if name is not None:
        raise EngineError(f"no global descriptor found; {outputs_in_words(shapes, side_px)}")
    return None


def outputs_in_words(shapes: Shapes, side_px: int) -> str:
    """What a model gives, for an error."""
    given = ", ".join(f"{name} {' x '.join(map(str, shape)) or 'a number'}" for name, shape in shapes.items())
    return f"for {side_px} x {side_px} pixels the model gives {given}"


def _candidates(shapes: Shapes, name: str | None) -> Sequence[str]:
    if name is None:
        return list(shapes)
    if name not in shapes:
        raise EngineError(f"has no output {name} (it has {', '.join(shapes)})")
    return [name]


def _dense(shape: tuple[int, ...], side_px: int, layout: str | None) -> Head | None:
    """Channels, stride and layout of a dense output; None where it is none."""
    if len(shape) == 3 and layout in {None, "tokens"}:
        return _tokens(shape, side_px)
    if len(shape) != 4 or layout == "tokens":
        return None
    _, first, second, third = shape
    if layout != "nhwc" and second == third and (cells := _cells(first, second, side_px)):
        return cells
    if layout != "nchw" and first == second and (cells := _cells(third, first, side_px)):
        return {**cells, "layout": "nhwc"}
    return None


def _tokens(shape: tuple[int, ...], side_px: int) -> Head | None:
    _, count, channels = shape
    for extra in _EXTRA_TOKENS:
        across = math.isqrt(max(0, count - extra))
        cells = _cells(channels, across, side_px) if across * across == count - extra else None
        if cells is not None and cells["stride"] >= _MIN_PATCH_PX:
            return {**cells, "layout": "tokens", "skip_tokens": extra}
    return None


def _cells(channels: int, across: int, side_px: int) -> Head | None:
    if not 2 <= channels <= MAX_CHANNELS or across < 2 or side_px % across or side_px // across > MAX_STRIDE_PX:
        return None
    return {"channels": channels, "stride": side_px // across}


def _vector(shape: tuple[int, ...]) -> int | None:
    """Length of the one vector per picture, whose other axes are 1."""
    dim = math.prod(shape[1:])
    return dim if len(shape) > 1 and 2 <= dim <= MAX_GLOBAL_DIM and dim == max(shape[1:]) else None


def _valid(shapes: Shapes, across: int) -> Head:
    return {"valid": VALID} if shapes.get(VALID, ())[1:] == (1, across, across) else {}
