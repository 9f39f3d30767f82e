"""What an unknown encoder is fed: told from its inputs, from the user, and by trying."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from uavloc.card import check_input
from uavloc.encode import OnnxRuntime, reference_picture
from uavloc.encode.pictures import network_input
from uavloc.engine.heads import Shapes
from uavloc.errors import EngineError, one_line

MASK = "mask"
IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Of the RGB values that most networks trained on ImageNet expect."""


def input_facts(
    runtime: OnnxRuntime,
    colour: str | None,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    size_px: int | None,
    probe_px: int,
) -> dict[str, Any]:
    """The table `[input]` of a card; raises EngineError when it cannot be told or contradicts the model.

    A model that takes any size but does not run on twice `probe_px` is taken as one for `probe_px` only.
    """
    image = _image_input(runtime)
    batch, planes, height, width = runtime.input_shapes[image]
    colour = colour or ("grey" if planes == 1 else "rgb")
    if planes in {1, 3} and (planes == 1) != (colour == "grey"):
        raise EngineError(f"input {image}: has {planes} planes: colour cannot be {colour}")
    facts: dict[str, Any] = {
        "image": image,
        "colour": colour,
        **_normalisation(colour, mean, std),
        "size_px": _size_px(image, height, width, size_px),
    }
    if MASK in runtime.inputs:
        facts["mask"] = MASK
    if isinstance(batch, int):
        if batch != 1:
            raise EngineError(f"input {image}: takes {batch} pictures at a time: export it for 1 or any number")
        facts["batch"] = 1
    first = output_shapes(runtime, facts, facts["size_px"] or probe_px)
    if "batch" not in facts and not _takes_two(runtime, facts, facts["size_px"] or probe_px, first):
        facts["batch"] = 1
    if facts["size_px"] is None and not _runs(runtime, facts, 2 * probe_px):
        facts["size_px"] = probe_px
    return facts


def output_shapes(runtime: OnnxRuntime, facts: dict[str, Any], side_px: int, pictures: int = 1) -> Shapes:
    """Shapes of all outputs for square pictures; raises EngineError when the model does not run on them."""
    picture, mask = reference_picture(0, side_px, facts["colour"] != "grey")
    into = check_input(facts, "input")
    feed = network_input(picture.repeat(pictures, axis=0), mask.repeat(pictures, axis=0), into)
    try:
        return {
            name: value.shape for name, value in zip(runtime.outputs, runtime.run(feed, runtime.outputs), strict=True)
        }
    except Exception as error:  # onnxruntime raises its own unnamed types
        raise EngineError(
            f"does not run on {side_px} x {side_px} pixels: {one_line(error)} (--size names another)"
        ) from error


def _image_input(runtime: OnnxRuntime) -> str:
    images = [name for name in runtime.inputs if name != MASK]
    if len(images) != 1:
        given = ", ".join(sorted(runtime.inputs)) or "none"
        raise EngineError(f"must have one input for the picture, and may have one named {MASK}; it has {given}")
    image: str = images[0]
    shape = runtime.input_shapes[image]
    if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] not in {1, 3}):
        raise EngineError(f"input {image}: must be N x 1 x H x W or N x 3 x H x W, not {shape}")
    return image


def _size_px(image: str, height: object, width: object, wanted: int | None) -> int | None:
    """Side of the only picture the model takes; None for any."""
    fixed = {side for side in (height, width) if isinstance(side, int)}
    if len(fixed) > 1:
        raise EngineError(f"input {image}: takes {height} x {width} pixels: export it for squares or for any size")
    if fixed and wanted is not None and fixed != {wanted}:
        raise EngineError(f"input {image}: takes {fixed.pop()} pixels a side, not {wanted}")
    return fixed.pop() if fixed else wanted


def _normalisation(colour: str, mean: Sequence[float] | None, std: Sequence[float] | None) -> dict[str, Any]:
    """Mean and std as given, or ImageNet's for colours and 0 to 1 for grey."""
    if (mean is None) != (std is None):
        raise EngineError("mean and std go together")
    if mean is not None and std is not None:
        return {"mean": _one_or_three(mean), "std": _one_or_three(std)}
    if colour == "grey":
        return {"mean": 0.0, "std": 255.0}
    step = -1 if colour == "bgr" else 1
    return {"mean": list(IMAGENET_MEAN[::step]), "std": list(IMAGENET_STD[::step])}


def _one_or_three(values: Sequence[float]) -> float | list[float]:
    return values[0] if len(values) == 1 else list(values)


def _takes_two(runtime: OnnxRuntime, facts: dict[str, Any], side_px: int, one: Shapes) -> bool:
    """Whether two pictures in one run give two of everything."""
    try:
        two = output_shapes(runtime, facts, side_px, pictures=2)
    except EngineError:
        return False
    return all(two[name] == (2 * shape[0], *shape[1:]) for name, shape in one.items() if shape)


def _runs(runtime: OnnxRuntime, facts: dict[str, Any], side_px: int) -> bool:
    try:
        output_shapes(runtime, facts, side_px)
    except EngineError:
        return False
    return True
