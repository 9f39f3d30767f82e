"""Which options of ONNX Runtime make an engine quick on this CPU: the figures of docs/runtimes.md.

    python tools/runtime_options.py [ENGINE ...] [--side 256] [--batch 1] [--rounds 15]

Beside the named engines (default: gradient) it times a small convolutional network made here. The settings take turns
in every round and the least time of each counts, because other work on the machine only ever makes a run slower.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from uavloc.card import engine_folder, load_card

ARENA, GRAPH, SPIN, THREADS = (True, False), ("all", "extended", "basic"), (False, True), (1, 2)
LEVELS = {
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
}
Setting = tuple[bool, str, bool, int]


def small_network(channels: tuple[int, ...] = (1, 24, 32, 48, 64, 64, 16)) -> bytes:
    """Six 3 x 3 convolutions with ReLU, the second and the fourth with stride 2: about the cost of a dense engine."""
    rng = np.random.default_rng(0)
    nodes, weights, last = [], [], "image"
    for i, (into, out) in enumerate(itertools.pairwise(channels)):
        weight = rng.normal(0.0, 0.05, (out, into, 3, 3)).astype(np.float32)
        weights.append(numpy_helper.from_array(weight, f"w{i}"))
        stride = 2 if i in (1, 3) else 1
        nodes.append(helper.make_node("Conv", [last, f"w{i}"], [f"c{i}"], pads=[1, 1, 1, 1], strides=[stride, stride]))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"r{i}"]))
        last = f"r{i}"
    nodes.append(helper.make_node("Tanh", [last], ["dense"]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, "h", "w"])
    dense = helper.make_tensor_value_info("dense", TensorProto.FLOAT, ["n", channels[-1], "hs", "ws"])
    graph = helper.make_graph(nodes, "small", [image], [dense], weights)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return bytes(proto.SerializeToString())


def runner(model: bytes, setting: Setting, side: int, batch: int) -> Callable[[], object]:
    arena, graph, spin, threads = setting
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = arena
    options.graph_optimization_level = LEVELS[graph]
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spin)))
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(1)
    feed = {}
    for value in session.get_inputs():
        picture = rng.integers(0, 256, (batch, 1, side, side)).astype(np.float32)
        feed[value.name] = np.ones_like(picture) if value.name == "mask" else picture
    return lambda: session.run(None, feed)


def least_ms(runs: dict[Setting, Callable[[], object]], rounds: int, repeats: int = 5) -> dict[Setting, float]:
    least = dict.fromkeys(runs, np.inf)
    for _ in range(rounds):
        for setting, run in runs.items():
            for _ in range(repeats):
                start = time.perf_counter()
                run()
                least[setting] = min(least[setting], (time.perf_counter() - start) * 1e3)
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description="Time ONNX Runtime's options on engines and on a small network.")
    parser.add_argument("engines", nargs="*", default=["gradient"])
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    models = {"small network": small_network()}
    for name in arguments.engines:
        folder = engine_folder(name)
        models[name] = (folder / load_card(folder).model.file).read_bytes()
    size = f"{arguments.batch} x {arguments.side} x {arguments.side} pixels"
    print(f"onnxruntime {onnxruntime.__version__}, {size}, least of {arguments.rounds} x 5")
    settings = list(itertools.product(ARENA, GRAPH, SPIN, THREADS))
    for name, model in models.items():
        least = least_ms({s: runner(model, s, arguments.side, arguments.batch) for s in settings}, arguments.rounds)
        print(f"\n{name}\n| arena | graph | spinning | threads | ms |\n|---|---|---|---|---|")
        for (arena, graph, spin, threads), ms in least.items():
            words = ("on" if arena else "off", graph, "on" if spin else "off", str(threads), f"{ms:.2f}")
            print("| " + " | ".join(words) + " |")


if __name__ == "__main__":
    main()
