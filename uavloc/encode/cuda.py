"""The few functions of the CUDA runtime that TensorRT needs beside itself, called in the library that comes with it.

Bound by ctypes: every board with TensorRT has libcudart, and nothing needs to be installed for it.
"""

from __future__ import annotations

import contextlib
import ctypes
from typing import Any

from numpy.typing import NDArray

from uavloc.errors import EngineError

_LIBRARIES = ("libcudart.so", "libcudart.so.13", "libcudart.so.12")
_TO_DEVICE, _TO_HOST = 1, 2
_MAJOR, _MINOR = 75, 76

Array = NDArray[Any]


class Cuda:
    """The CUDA runtime with one stream on the first device; raises EngineError where there is no library or device."""

    def __init__(self) -> None:
        self._library = _library()
        self._library.cudaGetErrorString.restype = ctypes.c_char_p
        self._stream = ctypes.c_void_p()
        self._call("cudaStreamCreate", ctypes.byref(self._stream))

    @property
    def stream(self) -> int:
        """Handle of the stream."""
        return self._stream.value or 0

    @property
    def compute(self) -> str:
        """Compute capability of the device, as "8.7"."""
        return f"{self._attribute(_MAJOR)}.{self._attribute(_MINOR)}"

    def allocate(self, size: int) -> int:
        """Address of `size` bytes on the device."""
        address = ctypes.c_void_p()
        self._call("cudaMalloc", ctypes.byref(address), ctypes.c_size_t(size))
        return address.value or 0

    def free(self, address: int) -> None:
        """Give back what `allocate` gave."""
        self._call("cudaFree", ctypes.c_void_p(address))

    def to_device(self, address: int, array: Array) -> None:
        """Copy a contiguous array onto the device, in the order of the stream."""
        self._copy(ctypes.c_void_p(address), ctypes.c_void_p(array.ctypes.data), array.nbytes, _TO_DEVICE)

    def to_host(self, array: Array, address: int) -> None:
        """Copy from the device into a contiguous array, in the order of the stream; `wait` before reading it."""
        self._copy(ctypes.c_void_p(array.ctypes.data), ctypes.c_void_p(address), array.nbytes, _TO_HOST)

    def wait(self) -> None:
        """Until everything given to the stream is done."""
        self._call("cudaStreamSynchronize", self._stream)

    def _copy(self, to: ctypes.c_void_p, of: ctypes.c_void_p, size: int, kind: int) -> None:
        self._call("cudaMemcpyAsync", to, of, ctypes.c_size_t(size), ctypes.c_int(kind), self._stream)

    def _attribute(self, which: int) -> int:
        value = ctypes.c_int()
        self._call("cudaDeviceGetAttribute", ctypes.byref(value), ctypes.c_int(which), ctypes.c_int(0))
        return value.value

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._library, name)(*arguments)
        if code:
            raise EngineError(f"CUDA: {name}: {self._library.cudaGetErrorString(code).decode()}")


class DeviceBuffers:
    """Memory on the device by name, that grows to what is asked and is given back with the object."""

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._held: dict[str, tuple[int, int]] = {}

    def address(self, name: str, size: int) -> int:
        """Address of at least `size` bytes under this name."""
        address, held = self._held.get(name, (0, 0))
        if held < size:
            if held:
                self._cuda.free(address)
                del self._held[name]
            address = self._cuda.allocate(size)
            self._held[name] = address, size
        return address

    def __del__(self) -> None:
        for address, _ in self._held.values():
            with contextlib.suppress(EngineError):  # the process is ending and CUDA has ended before
                self._cuda.free(address)


def _library() -> Any:
    for name in _LIBRARIES:
        with contextlib.suppress(OSError):
            return ctypes.CDLL(name)
    raise EngineError(
        "libcudart: not found: provider 'tensorrt' needs the CUDA runtime (JetPack brings it; elsewhere put it on "
        "LD_LIBRARY_PATH)"
    )
