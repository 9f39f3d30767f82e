"""Make an engine of a training run: `python tools/train/export.py RUN --out engines/NAME --name NAME`.

Batch normalisation is folded into the convolutions and the network is written as ONNX with free batch and picture size:
in fp32, with the convolutions in fp16 (for GPUs), and with the convolutions in int8 (twice as fast on CPUs that have
the instructions), calibrated on pictures of the training places.
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from network import STRIDE, Network
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from places import load_places
from sampler import MAP_PX, QUERY_PX, Jitter, Sampler
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from uavloc.engine.write import write_engine

OPSET = 18
HALO_PX = 112
"""Beyond this a pixel moves no value by a step of the cache (1/127); a multiple of 16, on which the net is aligned."""
GSD_RANGE_M = (0.3, 1.5)
CALIBRATION_PICTURES = 96


def trained(run: Path) -> Network:
    """The network of a run, ready to answer."""
    recipe = json.loads((run / "recipe.json").read_text())
    network = Network(recipe["channels"], recipe["dim"], recipe["width"])
    network.load_state_dict(torch.load(run / "last.pt", map_location="cpu", weights_only=True)["network"])
    return folded(network.eval())


def folded(network: Network) -> Network:
    """With every batch normalisation inside the convolution before it."""
    for part in network.modules():
        if isinstance(part, nn.Sequential):
            for index in range(len(part) - 1):
                if isinstance(part[index], nn.Conv2d) and isinstance(part[index + 1], nn.BatchNorm2d):
                    part[index] = fuse_conv_bn_eval(part[index], part[index + 1])
                    part[index + 1] = nn.Identity()
    return network


def as_onnx(network: Network) -> bytes:
    """The network as ONNX: inputs `image`, `mask`; outputs `dense`, `valid`, `region`."""
    sides = {0: torch.export.Dim("n", min=1, max=256)}
    sides |= {k: STRIDE * torch.export.Dim(f"cells_{k}", min=4, max=512) for k in (2, 3)}
    example = torch.rand(2, 1, 192, 224)
    program = torch.onnx.export(
        network, (example, torch.ones_like(example)), dynamo=True, opset_version=OPSET,
        input_names=["image", "mask"], output_names=["dense", "valid", "region"],
        dynamic_shapes={"image": sides, "mask": sides}, verbose=False,
    )  # fmt: skip
    model = program.model_proto
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def in_half(network: Network) -> Network:
    """The same with convolutions in half precision."""
    return copy.deepcopy(network).half()


class Pictures(CalibrationDataReader):
    """Map windows as they were trained on, one by one."""

    def __init__(self, sampler: Sampler) -> None:
        self._feeds = self._read(sampler)

    def _read(self, sampler: Sampler) -> Iterator[dict[str, np.ndarray]]:
        rng = np.random.default_rng(0)
        for _ in range(CALIBRATION_PICTURES):
            sample = sampler.sample(sampler.draw(rng), rng)
            image = sample.window[None, None].astype(np.float32) / 255.0
            yield {"image": image, "mask": np.ones((1, 1, MAP_PX, MAP_PX), np.float32)}

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def in_int8(model: bytes, sampler: Sampler) -> bytes:
    """The same with convolutions on 8-bit integers."""
    with tempfile.TemporaryDirectory() as folder:
        plain, quantised = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        plain.write_bytes(model)
        quantize_static(
            plain, quantised, Pictures(sampler), QuantFormat.QDQ, ["Conv"], per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        )  # fmt: skip
        return quantised.read_bytes()


def facts_of(name: str, description: str, sources: list[str], network: Network) -> dict[str, object]:
    """The card, but for hashes and the reference answer."""
    return {
        "format": 1,
        "name": name,
        "description": description,
        "licence": "Apache-2.0",
        "training_data": sources,
        "gsd_range_m": GSD_RANGE_M,
        "input": {"image": "image", "mask": "mask", "colour": "grey", "mean": 0.0, "std": 255.0},
        "output": {
            "dense": "dense",
            "valid": "valid",
            "channels": network.dense.out_channels,
            "stride": STRIDE,
            "halo_px": HALO_PX,
        },
        "global": {"output": "region", "dim": network.project.out_features, "window_px": QUERY_PX},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a training run")
    parser.add_argument("--out", type=Path, required=True, help="folder of the engine")
    parser.add_argument("--name", help="name of the engine; the folder's name if left out")
    parser.add_argument("--imagery", type=Path, help="folder of open imagery, to calibrate int8 with")
    parser.add_argument("--description", default="Learned descriptors that last through seasons, dates and providers.")
    arguments = parser.parse_args()
    network = trained(arguments.run)
    model = as_onnx(network)
    places = load_places(arguments.imagery, 4, arguments.run.parent / "worlds")
    variants = {"fp16": as_onnx(in_half(network)), "int8": in_int8(model, Sampler(places, Jitter()))}
    sources = json.loads((arguments.run / "sources.json").read_text())
    facts = facts_of(arguments.name or arguments.out.name, arguments.description, sources, network)
    write_engine(arguments.out, facts, model, variants)
    print(f"{arguments.out}: {len(model) / 1e6:.2f} MB in fp32")


if __name__ == "__main__":
    main()
