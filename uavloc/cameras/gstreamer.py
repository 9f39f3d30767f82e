"""A GStreamer pipeline, as a Jetson's camera needs it: frames with the time of their capture."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from uavloc.cameras.rate import RateLimit
from uavloc.clock import Clock
from uavloc.errors import LinkError, one_line
from uavloc.flightconfig import SourceConfig
from uavloc.types import Frame, Pixels

SINK = "videoconvert ! video/x-raw,format=RGB ! appsink name=uavloc drop=true max-buffers=1 sync=false"
_WAIT_NS = 200_000_000
_AGAIN_S = 1.0
_NEVER = 2**64 - 1

_log = logging.getLogger(__name__)


class Pipeline:
    """Runs `config.place`, a pipeline up to raw video; one that ends or fails is started again.

    Raises LinkError where GStreamer's Python binding is missing or the pipeline cannot be understood.
    """

    def __init__(self, config: SourceConfig, clock: Clock, folder: Path) -> None:
        self._clock, self._rate = clock, RateLimit(config.max_rate_hz)
        self._delay_ns = round(config.delay_ms * 1e6)
        self._text = f"{config.place} ! {SINK}"
        self._closed = threading.Event()
        self._gst = gstreamer()
        self._parse()

    def frames(self) -> Iterator[Frame]:
        """Its pictures, stamped with their time in the pipeline, less the delay."""
        number = 0
        while not self._closed.is_set():
            pipeline = self._parse()
            pipeline.set_state(self._gst.State.PLAYING)
            try:
                for sample in self._samples(pipeline):
                    t_ns = self._time_ns(sample, pipeline)
                    if self._rate.takes(t_ns):
                        yield Frame(t_ns, f"{number:06d}", _pixels(sample, self._gst))
                        number += 1
            finally:
                pipeline.set_state(self._gst.State.NULL)
            self._closed.wait(_AGAIN_S)

    def close(self) -> None:
        """End `frames`."""
        self._closed.set()

    def _parse(self) -> Any:
        try:
            return self._gst.parse_launch(self._text)
        except self._gst_error as error:
            raise LinkError(f"source.place: GStreamer does not understand the pipeline: {one_line(error)}") from error

    @property
    def _gst_error(self) -> type[Exception]:
        from gi.repository import GLib

        error: type[Exception] = GLib.Error
        return error

    def _samples(self, pipeline: Any) -> Iterator[Any]:
        """Samples until the pipeline ends or fails."""
        sink, bus, kinds = pipeline.get_by_name("uavloc"), pipeline.get_bus(), self._gst.MessageType
        while not self._closed.is_set():
            sample = sink.emit("try-pull-sample", _WAIT_NS)
            if sample is not None:
                yield sample
            message = bus.pop_filtered(kinds.ERROR | kinds.EOS)
            if message is not None:
                why = "it ended" if message.type == kinds.EOS else one_line(message.parse_error()[0])
                _log.warning("GStreamer: %s: started again", why)
                return

    def _time_ns(self, sample: Any, pipeline: Any) -> int:
        """The capture: running time on the pipeline's clock, which is the monotonic one."""
        pts = sample.get_buffer().pts
        if pts == _NEVER or pts < 0:
            return self._clock.now_ns() - self._delay_ns
        age_ns = max(0, pipeline.get_clock().get_time() - pipeline.get_base_time() - pts)
        return self._clock.now_ns() - int(age_ns) - self._delay_ns


def gstreamer() -> Any:
    """GStreamer's Python binding, initialised; raises LinkError where it is missing."""
    try:
        import gi

        gi.require_version("Gst", "1.0")
        gi.require_version("GstApp", "1.0")
        from gi.repository import Gst, GstApp  # noqa: F401  (GstApp brings the appsink's methods)
    except (ImportError, ValueError) as error:
        raise LinkError(
            "source.kind: gstreamer needs GStreamer's Python binding: apt install python3-gi gir1.2-gstreamer-1.0 "
            "gir1.2-gst-plugins-base-1.0, and a virtual environment made with --system-site-packages"
        ) from error
    Gst.init(None)
    return Gst


def _pixels(sample: Any, gst: Any) -> Pixels | None:
    """The picture of a sample, whose rows may be padded."""
    shape, buffer = sample.get_caps().get_structure(0), sample.get_buffer()
    width, height = shape.get_value("width"), shape.get_value("height")
    mapped, info = buffer.map(gst.MapFlags.READ)
    if not mapped:
        return None
    try:
        row = info.size // height
        pixels = np.frombuffer(info.data, np.uint8, count=row * height).reshape(height, row)
        return np.ascontiguousarray(pixels[:, : 3 * width].reshape(height, width, 3))
    finally:
        buffer.unmap(info)
