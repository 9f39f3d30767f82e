"""From the name of an engine to an Encoder that runs."""

from __future__ import annotations

import hashlib
from pathlib import Path

from uavloc.card import EngineCard, engine_folder, load_card
from uavloc.encode.encoder import OnnxEncoder, Runtime
from uavloc.encode.onnxrun import OnnxRuntime
from uavloc.encode.parity import check_parity
from uavloc.encode.shapes import plan_shapes
from uavloc.encode.tensorrtrun import TensorRtRuntime
from uavloc.errors import EngineError
from uavloc.onnxfile import check_whole, read_model
from uavloc.types import Precision, Provider


def load_engine(
    name_or_dir: str, threads: int = 0, provider: Provider = "cpu", precision: Precision = "fp32"
) -> OnnxEncoder:
    """Engine by name or folder, its model checked against the card's hash; `threads` 0 lets the runtime choose.

    Off the CPU, or in another precision than fp32, it must answer like the reference of its card. Raises EngineError
    (missing, altered, contradicts its card, provider not there) and MissingExtraError (no ONNX Runtime).
    """
    encoder = open_engine(engine_folder(name_or_dir), threads, provider, precision)
    if (provider, precision) != ("cpu", "fp32"):
        check_parity(encoder)
    return encoder


def open_engine(
    folder: Path, threads: int = 0, provider: Provider = "cpu", precision: Precision = "fp32"
) -> OnnxEncoder:
    """`load_engine` for a folder, without comparing with the reference."""
    card = load_card(folder)
    model = stored_model(folder, card, precision)
    try:
        runtime = _runtime(card, model, threads, provider, precision)
    except EngineError as error:
        raise EngineError(f"engine '{card.name}': {error}") from error
    return OnnxEncoder(card, runtime, precision)


def stored_model(folder: Path, card: EngineCard, precision: Precision) -> bytes:
    """The model of an engine in a precision; raises EngineError when there is none or it was altered."""
    facts = next((v for v in card.variant or [] if v.precision == precision), None)
    if facts is None and precision != "fp32":
        known = ", ".join(["fp32", *(v.precision for v in card.variant or [])])
        raise EngineError(f"engine '{card.name}': has no {precision} variant (it has {known})")
    path = folder / (facts or card.model).file
    model = read_model(path)
    if hashlib.sha256(model).hexdigest() != (facts or card.model).sha256:
        raise EngineError(f"{path}: content does not match sha256 in engine.toml: the engine was altered")
    check_whole(model, str(path))
    return model


def _runtime(card: EngineCard, model: bytes, threads: int, provider: Provider, precision: Precision) -> Runtime:
    shapes = plan_shapes(card)
    if provider == "tensorrt":
        return TensorRtRuntime(model, card.name, hashlib.sha256(model).hexdigest(), precision, shapes)
    return OnnxRuntime(model, provider, threads, card.cpu.graph if card.cpu else "all", shapes)
