"""What computes is what was asked for, or nothing: there is no quiet way back to the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxmodels as nets
import onnxruntime
import pytest
from program import ENVIRONMENT, REPO

from uavloc.config import load_config
from uavloc.encode import OnnxRuntime, load_engine
from uavloc.errors import ConfigError, EngineError
from uavloc.types import Provider

AVAILABLE = onnxruntime.get_available_providers()


def without_package(name: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run Python where a package cannot be imported."""
    blocked = f"import sys; sys.modules['{name}'] = None\n{code}"
    environment = {**os.environ, **ENVIRONMENT}
    return subprocess.run(
        [sys.executable, "-c", blocked], env=environment, capture_output=True, text=True, check=False, cwd=REPO
    )


def test_the_cpu_is_the_default_and_is_named() -> None:
    engine = load_engine("gradient")
    assert (engine.provider, engine.precision) == ("cpu", "fp32")


@pytest.mark.parametrize("provider", ["cuda", "tensorrt-ep", "tensorrt"])
def test_another_provider_runs_or_is_refused_by_name(provider: Provider) -> None:
    try:
        engine = load_engine("gradient", provider=provider)
    except EngineError as error:
        message = str(error)
    else:
        assert engine.provider == provider
        return
    assert "\n" not in message
    assert provider in message


@pytest.mark.skipif("CUDAExecutionProvider" in AVAILABLE, reason="this ONNX Runtime has CUDA")
def test_a_provider_that_is_not_built_in_tells_how_to_get_it() -> None:
    with pytest.raises(EngineError, match=r"'cuda': ONNX Runtime .* has only .*CPUExecutionProvider.*uavloc\[gpu\]"):
        load_engine("gradient", provider="cuda")


def test_tensorrt_without_its_package_tells_how_to_get_it() -> None:
    ran = without_package("tensorrt", "from uavloc.cli import main\nmain(['engine', 'build', 'gradient'])")
    assert "Traceback" not in ran.stderr
    assert "needs the Python package tensorrt" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_without_onnx_runtime_the_extra_is_named() -> None:
    ran = without_package("onnxruntime", "from uavloc.cli import main\nmain(['engine', 'verify', 'gradient'])")
    assert ran.stderr.splitlines() == [
        "uavloc: error: onnxruntime is not installed: pip install 'uavloc[cpu]' (in a checkout: '.[cpu]')"
    ]


def test_a_model_that_does_not_load_says_so_in_one_line() -> None:
    with pytest.raises(EngineError, match="ONNX Runtime cannot load the model on cpu") as refused:
        OnnxRuntime(b"\x08\x08nonsense")
    assert "\n" not in str(refused.value)


def test_threads_and_graph_level_change_no_answer() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (2, 1, 64, 64)).astype(np.float32)
    answers = [
        OnnxRuntime(nets.dense_net(), threads=threads, graph=graph).run({"image": picture}, ["feats"])[0]
        for threads in (1, 2)
        for graph in ("all", "extended")
    ]
    for answer in answers[1:]:
        assert answer == pytest.approx(answers[0], abs=1e-4)


def test_only_what_is_asked_for_is_given() -> None:
    runtime = OnnxRuntime(nets.two_heads())
    picture = np.zeros((1, 1, 32, 32), np.float32)
    (vector,) = runtime.run({"image": picture}, ["vector"])
    assert vector.shape == (1, 8)
    assert [value.shape for value in runtime.run({"image": picture}, ["vector", "dense"])] == [(1, 8), (1, 4, 8, 8)]


def test_the_configuration_chooses(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[engine]\nprovider = "tensorrt"\nprecision = "fp16"\n')
    engine = load_config(path).engine
    assert (engine.provider, engine.precision) == ("tensorrt", "fp16")
    path.write_text('[engine]\nprovider = "gpu"\n')
    with pytest.raises(ConfigError, match=r"engine\.provider"):
        load_config(path)
