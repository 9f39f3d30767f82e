"""ONNX Runtime: runs a model on the CPU, or through its CUDA and TensorRT execution providers."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from uavloc.encode.plans import plan_folder
from uavloc.encode.shapes import Shapes
from uavloc.errors import EngineError, MissingExtraError, one_line
from uavloc.types import Float32

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt-ep": "TensorrtExecutionProvider",
}
_INSTALL = "install an ONNX Runtime built with it in place of this one: pip uninstall onnxruntime, then "
_INSTALL += "pip install 'uavloc[gpu]' (on a Jetson: the wheel for its JetPack)"
_FATAL = 4
_NUMBERS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class OnnxRuntime:
    """A model loaded by ONNX Runtime; it runs on `provider` or does not load.

    `threads` 0 lets the runtime choose, `graph` is how far it may rearrange the model on a CPU. `shapes` holds (least,
    usual, most) per input for the provider that builds plans. Raises EngineError (the model, or a provider that is not
    there) and MissingExtraError (no ONNX Runtime).
    """

    def __init__(
        self, model: bytes, provider: str = "cpu", threads: int = 0, graph: str = "all", shapes: Shapes | None = None
    ) -> None:
        self.provider = provider
        self._session, self._options = _session(model, provider, _session_options(threads, graph), shapes)
        self.input_shapes = {value.name: tuple(value.shape) for value in self._session.get_inputs()}
        self._numbers = {value.name: _number(value) for value in self._session.get_inputs()}
        self.inputs = set(self._numbers)
        self.outputs = [value.name for value in self._session.get_outputs()]
        # One picture after the other keeps what a CPU works on in its caches and needs a fraction of the memory.
        self.max_pictures: int | None = 1 if provider == "cpu" else None
        self.side_range_px: tuple[int, int] | None = None
        if provider == "tensorrt-ep" and shapes:
            least, _, most = next(iter(shapes.values()))
            self.max_pictures, self.side_range_px = most[0], (least[2], most[2])

    def run(self, feed: Mapping[str, Float32], outputs: Sequence[str]) -> list[Float32]:
        """The outputs of that name, computing only what they need."""
        cast = {name: np.asarray(value, self._numbers[name]) for name, value in feed.items()}
        found = self._session.run(list(outputs), cast, self._options)
        return [np.asarray(value, np.float32) for value in found]


def onnxruntime_facts() -> tuple[str, str, list[str]]:
    """Version of ONNX Runtime, its folder, and the providers compiled into it, which may not run here.

    Raises MissingExtraError.
    """
    onnxruntime = _onnxruntime()
    there = {name: short for short, name in PROVIDERS.items()}
    compiled = [there[name] for name in onnxruntime.get_available_providers() if name in there]
    return onnxruntime.__version__, str(Path(onnxruntime.__file__).parent), compiled


def _session(model: bytes, provider: str, options: Any, shapes: Shapes | None) -> tuple[Any, Any]:
    """A session that really has the provider, and the options of its runs."""
    onnxruntime = _onnxruntime()
    wanted, there = PROVIDERS[provider], onnxruntime.get_available_providers()
    if wanted not in there:
        raise EngineError(
            f"provider '{provider}': ONNX Runtime {onnxruntime.__version__} has only {', '.join(there)}: {_INSTALL}"
        )
    try:
        session = onnxruntime.InferenceSession(
            model, options, providers=_with_options(provider, shapes), enable_fallback=False
        )
    except Exception as error:  # onnxruntime raises its own unnamed types
        raise EngineError(f"ONNX Runtime cannot load the model on {provider}: {one_line(error)}") from error
    if session.get_providers()[0] != wanted:
        raise EngineError(
            f"provider '{provider}': ONNX Runtime {onnxruntime.__version__} could not start it and would have used "
            f"{session.get_providers()[0]}: {_why_not(onnxruntime, provider)}"
        )
    run_options = onnxruntime.RunOptions()
    run_options.only_execute_path_to_fetches = True
    return session, run_options


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("onnxruntime", "cpu") from error
    onnxruntime.set_default_logger_severity(_FATAL)  # what goes wrong is raised, in one line
    return onnxruntime


def _why_not(onnxruntime: Any, provider: str) -> str:
    """What keeps the library of a provider from loading: the runtime tells it to its log only."""
    library = f"libonnxruntime_providers_{provider.partition('-')[0]}.so"
    try:
        ctypes.CDLL(str(Path(onnxruntime.__file__).parent / "capi" / library))
    except OSError as error:
        return one_line(error)
    return "no usable GPU or driver"


def _session_options(threads: int, graph: str) -> Any:
    """What docs/runtimes.md found best for a flight computer; the reasons are there."""
    onnxruntime = _onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _FATAL
    if graph == "extended":
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    return options


def _with_options(provider: str, shapes: Shapes | None) -> list[tuple[str, dict[str, str]]]:
    """The provider, and behind it what takes the operators it has not."""
    # Frames come in many sizes: an exhaustive search for the best convolution at each new one would stall the flight.
    cuda = (PROVIDERS["cuda"], {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"})
    if provider == "cpu":
        return [(PROVIDERS["cpu"], {})]
    return [cuda] if provider == "cuda" else [(PROVIDERS["tensorrt-ep"], _tensorrt_options(shapes or {})), cuda]


def _tensorrt_options(shapes: Shapes) -> dict[str, str]:
    """Plans kept on disk, and built once for all sizes."""
    folder = plan_folder() / "onnxruntime"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(folder), "trt_timing_cache_enable": "1"}
    for i, name in enumerate(("trt_profile_min_shapes", "trt_profile_opt_shapes", "trt_profile_max_shapes")):
        options[name] = ",".join(f"{into}:{'x'.join(map(str, shape[i]))}" for into, shape in shapes.items())
    return options


def _number(value: Any) -> type[np.floating[Any]]:
    if value.type not in _NUMBERS:
        raise EngineError(f"input {value.name}: takes {value.type}; float and float16 are known")
    return _NUMBERS[value.type]
