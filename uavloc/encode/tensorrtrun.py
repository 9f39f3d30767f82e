"""TensorRT itself: builds a plan for this GPU from the ONNX model, keeps it, runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from uavloc.encode.cuda import Cuda, DeviceBuffers
from uavloc.encode.plans import PlanKey, check_version, plan_folder, plan_path, ready_plan
from uavloc.encode.shapes import Shapes, shapes_in_words
from uavloc.errors import EngineError
from uavloc.types import Float32

_WORKSPACE_BYTES = 1 << 30


class TensorRtRuntime:
    """A model run by TensorRT; building the plan takes minutes the first time on a board.

    `shapes` holds (least, usual, most) per input. Raises EngineError (no TensorRT, of another version, no GPU, or a
    model that it cannot build).
    """

    provider = "tensorrt"

    def __init__(self, model: bytes, name: str, model_sha256: str, precision: str, shapes: Shapes) -> None:
        self._trt = _tensorrt()
        self._cuda = Cuda()
        self._buffers = DeviceBuffers(self._cuda)
        self._logger = self._trt.Logger(self._trt.Logger.ERROR)
        self._runtime = self._trt.Runtime(self._logger)
        key = PlanKey(self._trt.__version__, self._cuda.compute, model_sha256, precision, shapes_in_words(shapes))
        self._engine = ready_plan(
            plan_path(plan_folder(), name, key), key, lambda: self._built(model, shapes), self._loaded
        )
        self._context = self._engine.create_execution_context()
        least, _, most = next(iter(shapes.values()))
        self.max_pictures: int | None = most[0]
        self.side_range_px: tuple[int, int] | None = (least[2], most[2])
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        is_input = self._trt.TensorIOMode.INPUT
        self.inputs = {name for name in names if self._engine.get_tensor_mode(name) == is_input}
        self.outputs = set(names) - self.inputs

    def run(self, feed: Mapping[str, Float32], outputs: Sequence[str]) -> list[Float32]:
        """The outputs of that name."""
        given = {name: np.ascontiguousarray(value, self._number(name)) for name, value in feed.items()}
        for name, array in given.items():  # they must live until the stream has taken them: until `wait`
            if not self._context.set_input_shape(name, array.shape):
                raise EngineError(f"TensorRT: input {name}: the plan is not made for {array.shape}")
            address = self._buffers.address(name, array.nbytes)
            self._cuda.to_device(address, array)
            self._context.set_tensor_address(name, address)
        found = {name: self._output(name) for name in self.outputs}
        if not self._context.execute_async_v3(self._cuda.stream):
            raise EngineError("TensorRT: the model does not run")
        for name in outputs:
            self._cuda.to_host(found[name], self._buffers.address(name, found[name].nbytes))
        self._cuda.wait()
        return [np.asarray(found[name], np.float32) for name in outputs]

    def _output(self, name: str) -> Any:
        """An array for an output, whose place on the device TensorRT is told; empty ones need an address too."""
        array = np.empty(tuple(self._context.get_tensor_shape(name)), self._number(name))
        self._context.set_tensor_address(name, self._buffers.address(name, max(1, array.nbytes)))
        return array

    def _number(self, name: str) -> Any:
        return self._trt.nptype(self._engine.get_tensor_dtype(name))

    def _loaded(self, plan: bytes) -> Any:
        return self._runtime.deserialize_cuda_engine(plan)

    def _built(self, model: bytes, shapes: Shapes) -> bytes:
        """A serialized plan. Precision is what the model says (strongly typed), and TF32 is no float32."""
        trt = self._trt
        builder = trt.Builder(self._logger)
        network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = trt.OnnxParser(network, self._logger)
        if not parser.parse(model):
            raise EngineError(f"TensorRT cannot read the model: {parser.get_error(0).desc()}")
        config = builder.create_builder_config()
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, _WORKSPACE_BYTES)
        config.clear_flag(trt.BuilderFlag.TF32)
        profile = builder.create_optimization_profile()
        for name, (least, usual, most) in shapes.items():
            profile.set_shape(name, least, usual, most)
        config.add_optimization_profile(profile)
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise EngineError("TensorRT cannot build the model for this GPU")
        return bytes(plan)


def tensorrt_version() -> str:
    """Version of TensorRT; raises EngineError where there is none, or one that cannot be driven."""
    return str(_tensorrt().__version__)


def _tensorrt() -> Any:
    try:
        import tensorrt
    except ImportError as error:
        raise EngineError(
            "provider 'tensorrt' needs the Python package tensorrt, 10.3 to before 11: JetPack brings it "
            "(apt install python3-libnvinfer; make the environment with --system-site-packages)"
        ) from error
    check_version(tensorrt.__version__)
    return tensorrt
