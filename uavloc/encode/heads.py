"""What a network gives back, brought to the form that everything else knows."""

from __future__ import annotations

import numpy as np

from uavloc.card import GlobalFacts, OutputFacts
from uavloc.encode.pictures import whole_cells
from uavloc.errors import EngineError
from uavloc.types import Descriptors, Float32, Mask

_EPS = 1e-12


def dense_cells(raw: Float32, raw_valid: Float32 | None, masks: Mask, facts: OutputFacts) -> Descriptors:
    """Descriptors N x C x h x w from the outputs for pictures with `masks`, zero where they are not valid.

    A descriptor with a number that is not finite is not valid. Raises EngineError when an output does not have the
    shape that the card and the pictures lead to.
    """
    cells = (masks.shape[0], masks.shape[1] // facts.stride, masks.shape[2] // facts.stride)
    valid = whole_cells(masks, facts.stride) if raw_valid is None else _valid(raw_valid, cells, facts)
    data = _channels_first(raw, cells, facts)
    if facts.centre is not None:
        data = data - np.asarray(facts.centre, np.float32)[:, None, None]
    finite: Mask = np.asarray(np.isfinite(data).all(axis=1), np.bool_)
    if not finite.all():
        valid = np.logical_and(valid, finite)
        data = np.where(finite[:, None], data, np.float32(0.0))
    if facts.unit:
        data = data / np.maximum(np.linalg.norm(data, axis=1, keepdims=True), np.float32(_EPS))
    if not valid.all():
        data = data * np.expand_dims(valid, 1)
    return Descriptors(np.ascontiguousarray(data, np.float32), valid)


def global_rows(raw: Float32, masks: Mask, facts: GlobalFacts) -> Float32:
    """N x dim rows of length 1 from the global output; zero where no pixel is real or a number is not finite.

    Raises EngineError when the output does not have the shape that the card leads to.
    """
    wanted = (len(masks), facts.dim)
    rows = raw if facts.token is None else _token(raw, facts.token)
    if rows.size != len(masks) * facts.dim:
        token = "" if facts.token is None else f" in token {facts.token}"
        raise EngineError(
            f"output {facts.output}: card says dim {facts.dim}{token}: expected {wanted}, found {raw.shape}"
        )
    rows = rows.reshape(wanted).astype(np.float64)
    known = np.logical_and(masks.any(axis=(1, 2)), np.isfinite(rows).all(axis=1))
    rows = np.where(np.expand_dims(known, 1), rows, 0.0)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _EPS), np.float32)


def _token(raw: Float32, token: int) -> Float32:
    """One token of N x T x C; nothing where there is no such token."""
    return raw[:, token : token + 1] if raw.ndim == 3 else raw[:0]


def _valid(raw: Float32, cells: tuple[int, int, int], facts: OutputFacts) -> Mask:
    n, rows, columns = cells
    if raw.shape != (n, 1, rows, columns):
        raise EngineError(
            f"output {facts.valid}: {_wanted(facts)}: expected {(n, 1, rows, columns)}, found {raw.shape}"
        )
    return np.asarray(raw[:, 0] > 0.5, np.bool_)


def _channels_first(raw: Float32, cells: tuple[int, int, int], facts: OutputFacts) -> Float32:
    """The dense output as N x C x h x w."""
    n, rows, columns = cells
    wanted = {
        None: (n, facts.channels, rows, columns),
        "nhwc": (n, rows, columns, facts.channels),
        "tokens": (n, rows * columns + (facts.skip_tokens or 0), facts.channels),
    }[facts.layout]
    if raw.shape != wanted:
        raise EngineError(f"output {facts.dense}: {_wanted(facts)}: expected {wanted}, found {raw.shape}")
    if facts.layout is None:
        return raw
    if facts.layout == "tokens":
        raw = raw[:, facts.skip_tokens :].reshape(n, rows, columns, facts.channels)
    return np.asarray(raw.transpose(0, 3, 1, 2), np.float32)


def _wanted(facts: OutputFacts) -> str:
    return f"card says {facts.channels} channels, stride {facts.stride}"
