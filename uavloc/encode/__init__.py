"""Engines as Encoders: a folder with `engine.toml` (its facts) and a model, run by ONNX Runtime or TensorRT."""

from __future__ import annotations

from uavloc.card import engine_folder, list_engines, load_card
from uavloc.encode.encoder import OnnxEncoder
from uavloc.encode.load import load_engine, open_engine
from uavloc.encode.onnxrun import OnnxRuntime, onnxruntime_facts
from uavloc.encode.parity import Parity, check_parity, parity, reference_facts, reference_picture
from uavloc.encode.tensorrtrun import tensorrt_version

__all__ = [
    "OnnxEncoder",
    "OnnxRuntime",
    "Parity",
    "check_parity",
    "engine_folder",
    "list_engines",
    "load_card",
    "load_engine",
    "onnxruntime_facts",
    "open_engine",
    "parity",
    "reference_facts",
    "reference_picture",
    "tensorrt_version",
]
