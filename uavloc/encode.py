"""Engines: a folder with `engine.toml` (its facts) and `model.onnx`, run by ONNX Runtime as an Encoder."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from uavloc.errors import EngineError, MissingExtraError
from uavloc.types import Descriptors, Float32, Mask, Pixels

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_MODEL_BYTES = 1 << 30
_PACKAGE = Path(__file__).resolve().parent
ENGINE_FOLDERS = (_PACKAGE / "_engines", _PACKAGE.parent / "engines")


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelFacts(_Facts):
    """Which file holds the network."""

    file: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    opset: int


class InputFacts(_Facts):
    """What the network is fed: (value - mean) / std of 8-bit pixels, and beside them the mask if it takes one."""

    image: str
    mask: str | None = None
    colour: Literal["grey"]
    mean: float
    std: float = Field(gt=0)


class OutputFacts(_Facts):
    """What it gives back."""

    dense: str
    valid: str
    channels: int = Field(ge=1, le=256)
    stride: int = Field(ge=1, le=32)
    halo_px: int = Field(ge=0, le=256)


class EngineCard(_Facts):
    """The content of `engine.toml`."""

    format: Literal[1]
    name: str = Field(pattern=r"^[a-z0-9_-]+$")
    description: str
    licence: str
    training_data: list[str]
    gsd_range_m: tuple[float, float]
    model: ModelFacts
    input: InputFacts
    output: OutputFacts


class OnnxEncoder:
    """An engine run by ONNX Runtime on the CPU."""

    def __init__(self, card: EngineCard, model: bytes, threads: int = 0) -> None:
        self.card = card
        self._session = _session(card, model, threads)
        self._check_shape()

    @property
    def name(self) -> str:
        """Name of the engine."""
        return self.card.name

    @property
    def identity(self) -> str:
        """SHA-256 over everything that shapes a descriptor: the model's hash and its input and output facts."""
        facts = self.card.model_dump_json(include={"model", "input", "output"})
        return hashlib.sha256(facts.encode()).hexdigest()

    @property
    def stride(self) -> int:
        """Pixels per descriptor cell."""
        return self.card.output.stride

    @property
    def channels(self) -> int:
        """Length of a descriptor."""
        return self.card.output.channels

    @property
    def halo_px(self) -> int:
        """How far, in pixels, surroundings influence a cell."""
        return self.card.output.halo_px

    @property
    def gsd_range_m(self) -> tuple[float, float]:
        """Finest and coarsest metres per pixel the engine is made for."""
        return self.card.gsd_range_m

    def encode(self, images: Pixels, masks: Mask) -> Descriptors:
        """Descriptors of N grey pictures (N x H x W) with their masks; H and W must be multiples of `stride`."""
        facts = self.card.input
        feed = {facts.image: ((images.astype(np.float32) - facts.mean) / facts.std)[:, None]}
        if facts.mask is not None:
            feed[facts.mask] = masks.astype(np.float32)[:, None]
        dense, valid = self._session.run([self.card.output.dense, self.card.output.valid], feed)
        return Descriptors(_as_float32(dense), valid[:, 0] > 0.5)

    def _check_shape(self) -> None:
        """Raise EngineError unless one small picture gives the channels and the stride of the card."""
        side = 4 * self.stride
        try:
            found = self.encode(np.zeros((1, side, side), np.uint8), np.ones((1, side, side), np.bool_)).data.shape
        except Exception as error:  # onnxruntime raises its own unnamed types
            raise EngineError(f"engine '{self.name}': the model does not run: {error}") from error
        if found != (1, self.channels, 4, 4):
            raise EngineError(
                f"engine '{self.name}': output: card says {self.channels} channels, stride {self.stride}, "
                f"but {side} x {side} pixels give {found}"
            )


def engine_folder(name_or_dir: str) -> Path:
    """The folder of an engine given by name or path; raises EngineError listing what there is."""
    candidates = [Path(name_or_dir), *(folder / name_or_dir for folder in ENGINE_FOLDERS)]
    for folder in candidates:
        if (folder / "engine.toml").is_file():
            return folder
    known = ", ".join(list_engines()) or "none"
    raise EngineError(f"engine '{name_or_dir}': no folder with an engine.toml (installed engines: {known})")


def list_engines() -> list[str]:
    """Names of the engines that came with the program."""
    found = {card.parent.name for folder in ENGINE_FOLDERS for card in folder.glob("*/engine.toml")}
    return sorted(found)


def load_card(folder: Path) -> EngineCard:
    """The facts of an engine; raises EngineError naming file and field."""
    path = folder / "engine.toml"
    try:
        return EngineCard.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        raise EngineError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (OSError, ValueError) as error:
        raise EngineError(f"{path}: {error}") from error


def load_engine(name_or_dir: str, threads: int = 0) -> OnnxEncoder:
    """Engine by name or folder, its model checked against the card's hash; `threads` 0 lets the runtime choose.

    Raises EngineError (missing, altered, contradicts its card) and MissingExtraError (no ONNX Runtime).
    """
    folder = engine_folder(name_or_dir)
    card = load_card(folder)
    path = folder / card.model.file
    try:
        if path.stat().st_size > MAX_MODEL_BYTES:
            raise EngineError(f"{path}: larger than {MAX_MODEL_BYTES >> 20} MiB")
        model = path.read_bytes()
    except OSError as error:
        raise EngineError(f"{path}: {error.strerror}") from error
    if hashlib.sha256(model).hexdigest() != card.model.sha256:
        raise EngineError(f"{path}: content does not match sha256 in engine.toml: the engine was altered")
    return OnnxEncoder(card, model, threads)


def _session(card: EngineCard, model: bytes, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("onnxruntime", "cpu") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leaves the cores to the other stages
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own unnamed types
        raise EngineError(f"engine '{card.name}': ONNX Runtime cannot load the model: {error}") from error
    _check_names(card, session)
    return session


def _check_names(card: EngineCard, session: Any) -> None:
    inputs = {i.name for i in session.get_inputs()}
    outputs = {o.name for o in session.get_outputs()}
    wanted_in = {card.input.image} | ({card.input.mask} if card.input.mask else set())
    wanted_out = {card.output.dense, card.output.valid}
    if inputs != wanted_in or not wanted_out <= outputs:
        raise EngineError(
            f"engine '{card.name}': card names inputs {sorted(wanted_in)} and outputs {sorted(wanted_out)}, "
            f"the model has {sorted(inputs)} and {sorted(outputs)}"
        )


def _as_float32(array: Any) -> Float32:
    return np.ascontiguousarray(array, dtype=np.float32)
