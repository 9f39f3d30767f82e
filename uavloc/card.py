"""Engine cards: the facts of an engine folder (`engine.toml`), read, checked and written."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from uavloc.errors import EngineError
from uavloc.validation import refusal

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CARD = "engine.toml"
MAX_CARD_BYTES = 1 << 20
MAX_CHANNELS = 1024
MAX_STRIDE_PX = 32
MAX_SIDE_PX = 2048
MAX_GLOBAL_DIM = 16384
_PACKAGE = Path(__file__).resolve().parent
ENGINE_FOLDERS = (_PACKAGE / "_engines", _PACKAGE.parent / "engines")

Spread: TypeAlias = Annotated[float, Field(gt=0)]
FileName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=100)]
Sha256: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


Table = TypeVar("Table", bound=BaseModel)


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelFacts(_Facts):
    """Which file holds the network."""

    file: FileName
    sha256: Sha256
    opset: int


class VariantFacts(_Facts):
    """The same network in another precision, with the same inputs and outputs."""

    precision: Literal["fp16", "int8"]
    file: FileName
    sha256: Sha256


class InputFacts(_Facts):
    """What the network is fed: (value - mean) / std of 8-bit pixels, and beside them the mask if it takes one."""

    image: str
    mask: str | None = None
    colour: Literal["grey", "rgb", "bgr"]
    mean: float | tuple[float, float, float]
    std: Spread | tuple[Spread, Spread, Spread]
    size_px: int | None = Field(default=None, ge=8, le=MAX_SIDE_PX)
    batch: int | None = Field(default=None, ge=1, le=1024)

    @model_validator(mode="after")
    def _agrees(self) -> InputFacts:
        if self.colour == "grey" and (isinstance(self.mean, tuple) or isinstance(self.std, tuple)):
            raise ValueError("mean, std: one number each for grey")
        return self


class OutputFacts(_Facts):
    """The dense head: one descriptor per cell of `stride` pixels.

    `layout` is how the network orders it, N x C x h x w where left out ("tokens": N x T x C, of which the first
    `skip_tokens` are no cells). A cell is valid where the output `valid` exceeds 0.5, or without one where all its
    pixels are real. `centre` is subtracted from a descriptor; with `unit` it is then scaled to length 1.
    """

    dense: str
    valid: str | None = None
    channels: int = Field(ge=1, le=MAX_CHANNELS)
    stride: int = Field(ge=1, le=MAX_STRIDE_PX)
    halo_px: int = Field(ge=0, le=1024)
    layout: Literal["nhwc", "tokens"] | None = None
    skip_tokens: int | None = Field(default=None, ge=0, le=64)
    centre: tuple[float, ...] | None = None
    unit: Literal[True] | None = None

    @property
    def least_piece_px(self) -> int:
        """Smallest side of a piece of a larger picture that gives something: two halos, in whole cells, and a cell."""
        return (2 * -(-self.halo_px // self.stride) + 1) * self.stride

    @model_validator(mode="after")
    def _agrees(self) -> OutputFacts:
        if self.centre is not None and len(self.centre) != self.channels:
            raise ValueError(f"centre has {len(self.centre)} numbers, channels is {self.channels}")
        if (self.layout == "tokens") != (self.skip_tokens is not None):
            raise ValueError("skip_tokens goes with layout 'tokens' and with no other")
        return self


class GlobalFacts(_Facts):
    """The global head: one vector per square picture; with `token` it is that token of an N x T x C output."""

    output: str
    dim: int = Field(ge=2, le=MAX_GLOBAL_DIM)
    window_px: int = Field(ge=16, le=MAX_SIDE_PX)
    token: int | None = Field(default=None, ge=0, le=64)


class CpuFacts(_Facts):
    """How far ONNX Runtime may rearrange the model on a CPU: "all", or "extended" where blocked layouts cost time."""

    graph: Literal["all", "extended"]


class ProfileFacts(_Facts):
    """The (least, usual, most) pictures per run and pixels per side for which a TensorRT plan is built."""

    pictures: tuple[int, int, int] = (1, 12, 32)
    side_px: tuple[int, int, int] = (64, 320, 768)

    @model_validator(mode="after")
    def _rises(self) -> ProfileFacts:
        for name in ("pictures", "side_px"):
            least, usual, most = getattr(self, name)
            if not 1 <= least <= usual <= most <= 4096:
                raise ValueError(f"{name}: must rise, from at least 1 to at most 4096")
        if self.pictures[0] != 1:
            raise ValueError("pictures: must start at 1")
        return self


class ToleranceFacts(_Facts):
    """Largest difference to the reference that is accepted in each precision."""

    fp32: Spread = 0.002
    fp16: Spread = 0.02
    int8: Spread = 0.15


class ReferenceFacts(_Facts):
    """What the model answered, in fp32 on the CPU, to a picture that is made from `seed`.

    `dense` and `global_head` hold evenly spaced samples of the outputs as base64 of little-endian float16.
    """

    seed: int = Field(ge=0, lt=1 << 32)
    side_px: int = Field(default=0, ge=0, le=MAX_SIDE_PX)
    dense: str | None = Field(default=None, max_length=1 << 14)
    global_head: str | None = Field(default=None, alias="global", max_length=1 << 14)
    tolerance: ToleranceFacts = ToleranceFacts()


class EngineCard(_Facts):
    """The content of `engine.toml`; `global_head` is its table `[global]`."""

    format: Literal[1]
    name: str = Field(pattern=r"^[a-z0-9_-]+$", max_length=64)
    description: str
    licence: str
    training_data: list[str]
    gsd_range_m: tuple[Spread, Spread]
    model: ModelFacts
    input: InputFacts
    output: OutputFacts | None = None
    global_head: GlobalFacts | None = Field(default=None, alias="global")
    variant: list[VariantFacts] | None = None
    cpu: CpuFacts | None = None
    profile: ProfileFacts | None = None
    reference: ReferenceFacts | None = None

    @property
    def identity(self) -> str:
        """SHA-256 over everything that shapes a descriptor: the model's hash and its input and output facts."""
        shaping = {"model", "input", "output", "global_head"}
        facts = self.model_dump_json(include=shaping, exclude_none=True, by_alias=True)
        return hashlib.sha256(facts.encode()).hexdigest()

    @model_validator(mode="after")
    def _agrees(self) -> EngineCard:
        if self.gsd_range_m[0] > self.gsd_range_m[1]:
            raise ValueError("gsd_range_m: the finest comes first")
        if self.output is None and self.global_head is None:
            raise ValueError("output, global: at least one of the two heads is needed")
        precisions = [variant.precision for variant in self.variant or []]
        if len(set(precisions)) != len(precisions):
            raise ValueError("variant: a precision is listed twice")
        _check_size(self.input.size_px, self.output, self.global_head)
        return self


def _check_size(size_px: int | None, output: OutputFacts | None, global_head: GlobalFacts | None) -> None:
    """A network made for one size of picture must be able to fill a larger one piece by piece."""
    if size_px is None:
        return
    if global_head is not None and global_head.window_px != size_px:
        raise ValueError(f"global.window_px: must be the {size_px} of input.size_px")
    if output is not None and (size_px % output.stride or size_px < output.least_piece_px):
        raise ValueError("input.size_px: must be a multiple of output.stride and hold two halos and a cell")


def engine_folder(name_or_dir: str) -> Path:
    """The folder of an engine given by name or path; raises EngineError listing what there is."""
    candidates = [Path(name_or_dir), *(folder / name_or_dir for folder in ENGINE_FOLDERS)]
    for folder in candidates:
        if (folder / CARD).is_file():
            return folder
    known = ", ".join(list_engines()) or "none"
    raise EngineError(f"engine '{name_or_dir}': no folder with an engine.toml (installed engines: {known})")


def list_engines() -> list[str]:
    """Names of the engines that came with the program."""
    found = {card.parent.name for folder in ENGINE_FOLDERS for card in folder.glob(f"*/{CARD}")}
    return sorted(found)


def load_card(folder: Path) -> EngineCard:
    """The facts of an engine; raises EngineError naming file and field."""
    path = folder / CARD
    try:
        if path.stat().st_size > MAX_CARD_BYTES:
            raise EngineError(f"{path}: larger than {MAX_CARD_BYTES >> 10} KiB")
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EngineError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise EngineError(f"{path}: not TOML: {error}") from error
    return check_card(facts, str(path))


def check_card(facts: dict[str, Any], where: str) -> EngineCard:
    """A card from its facts; raises EngineError that names `where` and the field."""
    return _checked(EngineCard, facts, where)


def check_input(facts: dict[str, Any], where: str) -> InputFacts:
    """The table `[input]` alone; raises EngineError that names `where` and the field."""
    return _checked(InputFacts, facts, where)


def _checked(kind: type[Table], facts: dict[str, Any], where: str) -> Table:
    try:
        return kind.model_validate(facts)
    except ValidationError as error:
        raise EngineError(f"{where}: {refusal(error, kind)}") from error


def dump_card(card: EngineCard) -> str:
    """A card as the text of `engine.toml`; `load_card` reads it back unchanged."""
    return tomli_w.dumps(card.model_dump(exclude_none=True, by_alias=True))
