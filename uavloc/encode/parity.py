"""Does an engine answer here what it answered where it was made? Its card keeps an answer to a picture made by rule."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uavloc.card import ReferenceFacts, ToleranceFacts
from uavloc.encode.encoder import OnnxEncoder
from uavloc.errors import EngineError
from uavloc.types import Float, Float32, Mask, Pixels

_SAMPLES = 256
_LEAST_SIDE_PX = 128
_BLOCKS_PX = (64, 16, 4, 1)
_MASKED_SHARE = 4


@dataclass(frozen=True, slots=True)
class Parity:
    """Largest differences to the reference per head (None: no such head), and what is accepted."""

    dense: float | None
    whole: float | None
    tolerance: float

    @property
    def largest(self) -> float:
        """The larger of the two; NaN when an output was not a number."""
        return float(np.max([value for value in (self.dense, self.whole) if value is not None]))


def reference_picture(seed: int, side_px: int, colour: bool) -> tuple[Pixels, Mask]:
    """One picture (1 x side x side, or x 3 in colour) with its mask, the same on every machine: integers only.

    Sums of random blocks of several sizes; the upper left corner is masked.
    """
    rows, columns = np.indices((side_px, side_px), np.uint64)
    planes = []
    for plane in range(3 if colour else 1):
        layers = [
            _hashed((rows // np.uint64(px) << np.uint64(20)) + columns // np.uint64(px), (seed << 8) + (plane << 4) + i)
            for i, px in enumerate(_BLOCKS_PX)
        ]
        planes.append(sum(layers[1:], start=layers[0]) // np.uint64(len(layers)))
    picture = np.stack(planes, axis=-1).astype(np.uint8)[None]
    mask = np.ones((1, side_px, side_px), np.bool_)
    mask[:, : side_px // _MASKED_SHARE, : side_px // _MASKED_SHARE] = False
    return picture if colour else picture[..., 0], mask


def reference_facts(encoder: OnnxEncoder, seed: int = 1, tolerance: ToleranceFacts | None = None) -> ReferenceFacts:
    """The reference of an engine, from the answers of `encoder`, which should run in fp32 on the CPU."""
    side_px = encoder.card.input.size_px or -(-_LEAST_SIDE_PX // encoder.stride) * encoder.stride
    dense, whole = _answers(encoder, seed, side_px)
    return ReferenceFacts.model_validate(
        {
            "seed": seed,
            "side_px": side_px,
            "dense": None if dense is None else _packed(_sampled(dense)),
            "global": None if whole is None else _packed(_sampled(whole)),
            "tolerance": tolerance or ToleranceFacts(),
        }
    )


def parity(encoder: OnnxEncoder) -> Parity:
    """Compare the answers of `encoder` with the reference of its card; raises EngineError when it has none."""
    facts = encoder.card.reference
    if facts is None:
        raise EngineError(f"engine '{encoder.name}': reference: the card has none to compare with")
    dense, whole = _answers(encoder, facts.seed, facts.side_px)
    return Parity(
        dense=_difference(encoder, "dense", dense, facts.dense),
        whole=_difference(encoder, "global", whole, facts.global_head),
        tolerance=getattr(facts.tolerance, encoder.precision),
    )


def check_parity(encoder: OnnxEncoder) -> Parity:
    """`parity`, which raises EngineError where a difference exceeds what the card accepts in this precision."""
    found = parity(encoder)
    if not found.largest <= found.tolerance:
        raise EngineError(
            f"engine '{encoder.name}': in {encoder.precision} on {encoder.provider} answers differ from the reference "
            f"by {found.largest:.3g}, more than {found.tolerance:g}"
        )
    return found


def _answers(encoder: OnnxEncoder, seed: int, side_px: int) -> tuple[Float32 | None, Float32 | None]:
    """What both heads answer to their reference pictures."""
    colour = encoder.card.input.colour != "grey"
    dense = whole = None
    if encoder.channels:
        if side_px % encoder.stride or not side_px:
            raise EngineError(f"engine '{encoder.name}': reference.side_px: must be a multiple of {encoder.stride}")
        dense = encoder.encode(*reference_picture(seed, side_px, colour)).data
    if encoder.global_dim:
        whole = encoder.describe(*reference_picture(seed, encoder.window_px, colour))
    return dense, whole


def _difference(encoder: OnnxEncoder, head: str, answer: Float32 | None, reference: str | None) -> float | None:
    if answer is None:
        return None
    try:
        expected = np.frombuffer(base64.b64decode(reference or "", validate=True), "<f2").astype(np.float64)
    except (binascii.Error, ValueError) as error:
        raise EngineError(f"engine '{encoder.name}': reference.{head}: {error}") from error
    found = _sampled(answer)
    if expected.size != found.size:
        raise EngineError(f"engine '{encoder.name}': reference.{head}: holds {expected.size} numbers, not {found.size}")
    return float(np.abs(found - expected).max())


def _sampled(values: Float32) -> Float:
    """At most `_SAMPLES` values, evenly spaced over all."""
    flat = values.ravel()
    picked = np.linspace(0, flat.size - 1, min(_SAMPLES, flat.size)).astype(np.int64)
    return flat[picked].astype(np.float64)


def _packed(values: Float) -> str:
    return base64.b64encode(values.astype("<f2").tobytes()).decode("ascii")


def _hashed(cells: NDArray[np.uint64], salt: int) -> NDArray[np.uint64]:
    """A number 0 to 255 per cell: SplitMix64 (Steele, Lea and Flood 2014)."""
    z: NDArray[np.uint64] = cells * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt * 0xD1342543DE82EF95 % (1 << 64))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray((z ^ (z >> np.uint64(31))) >> np.uint64(56), np.uint64)
