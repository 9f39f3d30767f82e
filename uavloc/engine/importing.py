"""Any ONNX encoder as an engine: its heads are found by running it, its facts are written into a new folder.

The graph stays as it is. What it lacks (order of axes, unit length, a mean of zero) is noted in the card and done by
the encoder.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from uavloc.card import CARD, check_card
from uavloc.encode import OnnxEncoder, OnnxRuntime, open_engine, reference_picture
from uavloc.engine.check import STEP, check_engine
from uavloc.engine.heads import Head, Shapes, find_dense, find_global, outputs_in_words
from uavloc.engine.inputs import input_facts, output_shapes
from uavloc.engine.write import model_facts, write_engine
from uavloc.errors import EngineError, InputError, UavlocError
from uavloc.onnxfile import check_whole, read_model
from uavloc.types import Pixels

_log = logging.getLogger(__name__)

HEADS = ("dense", "global")
PROBE_PX = 224
"""Side of the picture a model without a fixed size is tried on: a multiple of 7, 8, 14, 16 and 32."""
_HALO_SIDES_PX = (256, 512)
_SPARE_CELLS = 2
_LENGTH_SLACK = 1e-3
_CENTRE_SIDE_PX = 1024


@dataclass(frozen=True)
class ImportOrder:
    """What the user says about a model; None where it shall be found out or take its usual value."""

    file: Path
    out: Path
    name: str
    licence: str
    description: str | None = None
    training_data: Sequence[str] = ("unknown",)
    gsd_range_m: tuple[float, float] = (0.2, 2.0)
    colour: str | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    size_px: int | None = None
    window_px: int | None = None
    halo_px: int | None = None
    heads: Sequence[str] = HEADS
    dense: str | None = None
    whole: str | None = None
    layout: str | None = None
    centre: Path | None = None


def import_engine(order: ImportOrder) -> OnnxEncoder:
    """Write the engine folder `order.out` for a model and give the checked engine.

    Raises EngineError (the model, or what the user says of it) and InputError (the picture to centre on), and then
    leaves no folder behind.
    """
    if order.out.exists():
        raise EngineError(f"{order.out}: exists already: name another folder with --out")
    model = read_model(order.file)
    check_whole(model, str(order.file))
    try:
        facts = _card_facts(order, model)
    except EngineError as error:
        raise EngineError(f"{order.file}: {error}") from error
    work = order.out.with_name(f".{order.out.name}.tmp")
    try:
        shutil.rmtree(work, ignore_errors=True)
        write_engine(work, facts, model)
        encoder = open_engine(work)
        check_engine(encoder)
        work.rename(order.out)
    except OSError as error:
        raise UavlocError(f"{order.out}: cannot write: {error.strerror}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return encoder


def _card_facts(order: ImportOrder, model: bytes) -> dict[str, Any]:
    """The content of the card, but for what `write_engine` adds, from what the user says and what trials show."""
    runtime = OnnxRuntime(model)
    into = input_facts(runtime, order.colour, order.mean, order.std, order.size_px, PROBE_PX)
    side_px = into["size_px"] or PROBE_PX
    shapes = output_shapes(runtime, into, side_px)
    facts: dict[str, Any] = {
        "format": 1,
        "name": order.name,
        "description": order.description or f"Imported from {order.file.name}.",
        "licence": order.licence,
        "training_data": list(order.training_data),
        "gsd_range_m": list(order.gsd_range_m),
        "input": into,
    }
    whole = find_global(shapes, side_px, order.whole) if "global" in order.heads else None
    if whole is not None:
        facts["global"] = {**whole, "window_px": order.window_px or side_px}
    dense = _dense_facts(order, facts, shapes, side_px, runtime, model)
    if dense is not None:
        facts["output"] = dense
    if whole is None and dense is None:
        raise EngineError(f"no descriptors found ({' or '.join(order.heads)}); {outputs_in_words(shapes, side_px)}")
    return facts


def _dense_facts(
    order: ImportOrder, facts: dict[str, Any], shapes: Shapes, side_px: int, runtime: OnnxRuntime, model: bytes
) -> Head | None:
    """The table `[output]`; None where there is no dense head, or where it knows no neighbourhood and is not needed."""
    head = find_dense(shapes, side_px, order.dense, order.layout) if "dense" in order.heads else None
    if head is None:
        return None

    def trial(**more: Any) -> OnnxEncoder:
        told = {key: value for key, value in facts.items() if key != "global"}
        output = {**head, "halo_px": 0, **more}
        return OnnxEncoder(check_card({**told, "model": model_facts(model), "output": output}, CARD), runtime)

    shaped: Head = {}
    if order.centre is not None:
        shaped["centre"] = _mean_descriptor(trial(), order.centre)
    if _longest(trial(**shaped)) > 1.0 + _LENGTH_SLACK:
        shaped["unit"] = True
    halo_px = measured_halo_px(trial(**shaped)) if order.halo_px is None else order.halo_px
    if halo_px is not None:
        return {**head, **shaped, "halo_px": halo_px}
    why = f"output {head['dense']}: every cell depends on the whole picture (attention?), so map and frame would differ"
    if "global" not in facts or order.dense is not None:
        raise EngineError(f"{why}; name the pixels that matter with --halo if you know better")
    _log.warning("%s: %s: left out, the engine only describes whole windows", order.file, why)
    return None


def measured_halo_px(encoder: OnnxEncoder) -> int | None:
    """How far pixels influence a cell, with some to spare, by inverting half a picture; None for all the way."""
    stride, size_px = encoder.stride, encoder.card.input.size_px
    for side_px in (size_px,) if size_px else _HALO_SIDES_PX:
        cells = side_px // stride
        half = cells // 2
        reach = max(_reach(encoder, picture, half) for picture in _halo_pictures(encoder, cells * stride))
        halo = reach + _SPARE_CELLS if reach else 0
        if halo <= (half - 1 if size_px else cells - half - 1):
            return halo * stride
    return None


def _reach(encoder: OnnxEncoder, picture: Pixels, half: int) -> int:
    """How many cells beyond the inverted left half of a picture still change."""
    mask = np.ones(picture.shape[:3], np.bool_)
    changed = picture.copy()
    changed[:, :, : half * encoder.stride] ^= 255
    difference = np.abs(encoder.encode(changed, mask).data - encoder.encode(picture, mask).data)
    columns = np.flatnonzero(difference.max(axis=(0, 1, 2)) > STEP / 2)
    return max(0, int(columns.max(initial=half - 1)) + 1 - half)


def _halo_pictures(encoder: OnnxEncoder, side_px: int) -> list[Pixels]:
    noise = np.random.default_rng(0).integers(0, 256, (1, side_px, side_px), np.uint8)
    return [noise, reference_picture(0, side_px, encoder.card.input.colour != "grey")[0]]


def _longest(encoder: OnnxEncoder) -> float:
    """Length of the longest descriptor of the pictures that are at hand."""
    side_px = encoder.card.input.size_px or _HALO_SIDES_PX[0] // encoder.stride * encoder.stride
    pictures = _halo_pictures(encoder, side_px)
    data = [encoder.encode(picture, np.ones(picture.shape[:3], np.bool_)).data for picture in pictures]
    return float(max(np.linalg.norm(cells, axis=1).max() for cells in data))


def _mean_descriptor(encoder: OnnxEncoder, path: Path) -> list[float]:
    """The mean over the middle of a picture; raises InputError when it cannot be read."""
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if bgr is None:
        raise InputError(f"{path}: cannot be read as a picture")
    stride = encoder.stride
    height, width = (min(side, _CENTRE_SIDE_PX) // stride * stride for side in bgr.shape[:2])
    if not (height and width):
        raise InputError(f"{path}: smaller than one cell of {stride} pixels")
    top, left = (bgr.shape[0] - height) // 2, (bgr.shape[1] - width) // 2
    rgb = np.asarray(bgr[top : top + height, left : left + width, ::-1], np.uint8)
    cells = encoder.encode(rgb[None], np.ones((1, height, width), np.bool_))
    known = cells.data.transpose(0, 2, 3, 1)[cells.mask]
    return [float(value) for value in known.mean(axis=0, dtype=np.float64).astype(np.float32)]
