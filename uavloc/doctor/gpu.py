"""NVIDIA's driver and CUDA: which versions, which devices, whether they answer."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import re
from pathlib import Path

from uavloc.doctor.child import Answer
from uavloc.doctor.facts import Facts, line
from uavloc.doctor.finding import Finding, absent, fail, ok, warn
from uavloc.errors import EngineError

_RUNTIMES = ("libcudart.so", "libcudart.so.13", "libcudart.so.12")
_DRIVERS = ("libcuda.so.1", "libcuda.so")
_NAME_BYTES = 100
_MOST_DEVICES = 16


class Gpu(Facts):
    """`kernel` is the version of the kernel module; the CUDA versions are of the driver's and the runtime's library.

    Empty where there is none. `problem` is why the driver does not answer, `tensorrt` the version or why it is none.
    """

    kernel: str
    driver_cuda: str
    runtime_cuda: str
    devices: list[str]
    problem: str
    tensorrt: str
    tensorrt_problem: str


def look_gpu(root: str = "/") -> Gpu:
    """Ask the driver; a driver that hangs or crashes takes only this process with it."""
    driver, runtime = _library(_DRIVERS), _library(_RUNTIMES)
    devices, problem = _devices(driver) if driver else ([], "")
    version, trouble = _tensorrt()
    return Gpu(
        kernel=_kernel(Path(root)),
        driver_cuda=_version(driver, "cuDriverGetVersion"),
        runtime_cuda=_version(runtime, "cudaRuntimeGetVersion"),
        devices=devices,
        problem=problem,
        tensorrt=version,
        tensorrt_problem=trouble,
    )


def gpu_findings(answer: Answer, provider: str) -> list[Finding]:
    """A GPU is needed only where `provider`, the configured one, is not the CPU."""
    if answer.facts is None:
        what = f"the driver cannot be asked: {answer.problem}"
        fix = "restart the machine; reinstall the driver (sudo apt install --reinstall nvidia-l4t-cuda on a Jetson)"
        return [warn("gpu", what, fix) if provider == "cpu" else fail("gpu", what, fix)]
    facts = Gpu.model_validate(answer.facts)
    return [*_driver(facts, provider != "cpu"), *_cuda(facts), *_trt(facts, provider == "tensorrt")]


def _driver(facts: Gpu, needed: bool) -> list[Finding]:
    if facts.devices:
        kernel = f", kernel module {facts.kernel}" if facts.kernel else ""
        return [ok("gpu", f"{', '.join(facts.devices)}; driver of CUDA {facts.driver_cuda}{kernel}")]
    if facts.driver_cuda or facts.kernel or facts.problem:
        what = f"NVIDIA's driver is there and finds no device: {facts.problem or 'it does not say why'}"
        fix = "is the user in group video? In a container: --runtime nvidia (or --gpus all)"
        return [fail("gpu", what, fix) if needed else warn("gpu", what, fix)]
    if needed:
        return [fail("gpu", "no NVIDIA driver", "install it, or set engine.provider to cpu")]
    return [absent("gpu", "no NVIDIA driver: everything runs on the CPU")]


def _cuda(facts: Gpu) -> list[Finding]:
    if not facts.runtime_cuda:
        return [absent("cuda", "no libcudart", "needed for a GPU only: JetPack brings it; add it to LD_LIBRARY_PATH")]
    if not facts.devices:
        return [absent("cuda", f"runtime {facts.runtime_cuda}, and no GPU that it could use")]
    if facts.driver_cuda and _major(facts.driver_cuda) < _major(facts.runtime_cuda):
        what = f"runtime {facts.runtime_cuda} is newer than the driver's {facts.driver_cuda}"
        return [warn("cuda", what, "install the CUDA of this driver, or a newer driver")]
    return [ok("cuda", f"runtime {facts.runtime_cuda}")]


def _trt(facts: Gpu, needed: bool) -> list[Finding]:
    if facts.tensorrt:
        return [ok("tensorrt", facts.tensorrt)]
    there = importlib.util.find_spec("tensorrt") is not None
    fix = "apt install python3-libnvinfer, and a virtual environment made with --system-site-packages"
    if needed:
        return [fail("tensorrt", facts.tensorrt_problem, fix)]
    if there:
        return [warn("tensorrt", facts.tensorrt_problem, "take the TensorRT of JetPack 6 or 7")]
    return [absent("tensorrt", "not installed", f"needed for engine.provider tensorrt only: {fix}")]


def _library(names: tuple[str, ...]) -> ctypes.CDLL | None:
    for name in names:
        with contextlib.suppress(OSError):
            return ctypes.CDLL(name)
    return None


def _version(library: ctypes.CDLL | None, function: str) -> str:
    """1000 * major + 10 * minor, as CUDA tells it."""
    value = ctypes.c_int()
    if library is None or getattr(library, function)(ctypes.byref(value)) or not value.value:
        return ""
    return f"{value.value // 1000}.{value.value % 1000 // 10}"


def _devices(driver: ctypes.CDLL) -> tuple[list[str], str]:
    """Names of the devices, or why there are none."""
    count, name = ctypes.c_int(), ctypes.create_string_buffer(_NAME_BYTES)
    code = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    if code:
        told = ctypes.c_char_p()
        driver.cuGetErrorString(code, ctypes.byref(told))
        return [], (told.value or b"error %d" % code).decode(errors="replace")
    names = []
    for device in range(min(count.value, _MOST_DEVICES)):
        if driver.cuDeviceGetName(name, _NAME_BYTES - 1, device) == 0:
            names.append(name.value.decode(errors="replace"))
    return names, ""


def _kernel(root: Path) -> str:
    found = re.search(r"\b\d{3}\.\d+(?:\.\d+)*\b", line(root / "proc/driver/nvidia/version"))
    return found[0] if found else line(root / "sys/module/nvidia/version")[:40]


def _tensorrt() -> tuple[str, str]:
    from uavloc.encode import tensorrt_version

    try:
        return tensorrt_version(), ""
    except EngineError as error:
        return "", str(error)


def _major(version: str) -> int:
    return int(version.partition(".")[0])
