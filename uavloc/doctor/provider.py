"""What really computes an engine: each provider gets a session of its own and has to answer."""

from __future__ import annotations

import importlib.util
import time
from typing import TYPE_CHECKING

from uavloc.card import engine_folder
from uavloc.doctor.child import Answer
from uavloc.doctor.facts import Facts
from uavloc.doctor.finding import Finding, absent, fail, ok, warn
from uavloc.errors import EngineError, MissingExtraError, one_line

if TYPE_CHECKING:
    from uavloc.encode import OnnxEncoder

_SIDE_PX = 256
_FIXES = {
    "cpu": "pip install 'uavloc[cpu]' (on a Jetson: the ONNX Runtime for its JetPack, docs/install.md)",
    "cuda": "one onnxruntime-gpu in place of onnxruntime, with CUDA and cuDNN of its versions",
    "tensorrt-ep": "one onnxruntime-gpu in place of onnxruntime, with TensorRT's libraries",
    "tensorrt": "apt install python3-libnvinfer, a venv with --system-site-packages; then uavloc engine build NAME",
}


class Ran(Facts):
    """`there`: the provider is compiled in; `problem` says why it does not run, else `ms` is the time of a picture."""

    there: bool
    runtime: str
    engine: str
    ms: float | None
    problem: str


def look_provider(provider: str, engine: str, precision: str, threads: str) -> Ran:
    """Open an engine on a provider, compare its answer with its reference, and time a picture."""
    there, runtime = False, "this environment"
    try:
        from uavloc.encode import check_parity, open_engine

        there, runtime = _there(provider)
        opened = open_engine(engine_folder(engine), int(threads), provider, precision)  # type: ignore[arg-type]
        if opened.card.reference is not None:
            check_parity(opened)
        return Ran(there=True, runtime=runtime, engine=opened.name, ms=_ms(opened), problem="")
    except (EngineError, MissingExtraError, ImportError) as error:
        return Ran(there=there, runtime=runtime, engine=engine, ms=None, problem=one_line(error))


def provider_findings(provider: str, answer: Answer, configured: bool) -> list[Finding]:
    """One provider; only the `configured` one has to run."""
    topic, fix = f"provider {provider}", _FIXES[provider]
    if answer.facts is None:
        what = f"does not run: {answer.problem}"
        return [fail(topic, what, fix) if configured else warn(topic, what, fix)]
    ran = Ran.model_validate(answer.facts)
    if ran.ms is not None:
        return [ok(topic, f"runs: {ran.engine} in {ran.ms:.0f} ms for {_SIDE_PX} x {_SIDE_PX} px ({ran.runtime})")]
    if configured:
        return [fail(topic, f"does not run: {ran.problem}", fix)]
    if ran.there:
        return [warn(topic, f"is installed and does not run: {ran.problem}", fix)]
    return [absent(topic, f"not in {ran.runtime}", f"only where engine.provider is {provider}: {fix}")]


def _there(provider: str) -> tuple[bool, str]:
    """Whether a provider is installed, and what it would be part of; raises MissingExtraError without ONNX Runtime."""
    from uavloc.encode import onnxruntime_facts

    if provider == "tensorrt":
        return importlib.util.find_spec("tensorrt") is not None, "this environment"
    version, _, compiled = onnxruntime_facts()
    return provider in compiled, f"ONNX Runtime {version}"


def _ms(engine: OnnxEncoder) -> float | None:
    """The shorter time of two: the first may include what is only done once."""
    import numpy as np

    picture = np.random.default_rng(1).integers(0, 256, (1, _SIDE_PX, _SIDE_PX), np.uint8)
    mask, times = np.ones(picture.shape, np.bool_), []
    for _ in range(2):
        began = time.perf_counter()
        if engine.channels:
            engine.encode(picture, mask)
        else:
            side = engine.window_px
            engine.describe(np.zeros((1, side, side), np.uint8), np.ones((1, side, side), np.bool_))
        times.append(time.perf_counter() - began)
    return 1000.0 * min(times)
