"""Complete engine folders: model, variants and a card with their hashes and the reference."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uavloc.card import CARD, EngineCard, ToleranceFacts, check_card, dump_card
from uavloc.encode import open_engine, reference_facts
from uavloc.files import write_atomic
from uavloc.onnxfile import opset

MODEL = "model.onnx"


def model_facts(model: bytes) -> dict[str, Any]:
    """The table `[model]` of a card; raises EngineError when it is no ONNX model."""
    return {"file": MODEL, "sha256": hashlib.sha256(model).hexdigest(), "opset": opset(model, MODEL)}


def write_engine(
    folder: Path,
    facts: Mapping[str, Any],
    model: bytes,
    variants: Mapping[str, bytes] | None = None,
    tolerance: ToleranceFacts | None = None,
) -> EngineCard:
    """Write model, variants (by "fp16", "int8") and card into a folder and give the card.

    `facts` is the content of `engine.toml` without `model`, `variant` and `reference`, which are made here. Raises
    EngineError when the model does not do what they say.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / MODEL, model)
    told = {**facts, "model": model_facts(model)}
    for precision, content in (variants or {}).items():
        file = f"model_{precision}.onnx"
        write_atomic(folder / file, content)
        digest = hashlib.sha256(content).hexdigest()
        told.setdefault("variant", []).append({"precision": precision, "file": file, "sha256": digest})
    card = check_card(told, str(folder / CARD))
    _write(folder, card)
    card = card.model_copy(update={"reference": reference_facts(open_engine(folder, threads=1), tolerance=tolerance)})
    _write(folder, card)
    return card


def _write(folder: Path, card: EngineCard) -> None:
    write_atomic(folder / CARD, dump_card(card).encode())
