"""GStreamer pipelines, where GStreamer's Python binding is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from uavloc.cameras.gstreamer import Pipeline
from uavloc.clock import Clock
from uavloc.errors import LinkError
from uavloc.flightconfig import SourceConfig

SOURCE = "videotestsrc is-live=true num-buffers=30 ! video/x-raw,width=98,height=64,framerate=30/1"
pytestmark = pytest.mark.filterwarnings("ignore:DynamicImporter:ImportWarning")  # of an older binding
has_binding = importlib.util.find_spec("gi") is not None


@pytest.mark.skipif(has_binding, reason="GStreamer's Python binding is installed")
def test_a_missing_binding_is_named(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="apt install python3-gi"):
        Pipeline(SourceConfig(kind="gstreamer", place=SOURCE), Clock(), tmp_path)


@pytest.mark.skipif(not has_binding, reason="needs GStreamer's Python binding (apt install python3-gi)")
def test_pictures_come_with_the_time_of_capture(tmp_path: Path) -> None:
    clock = Clock()
    pipeline = Pipeline(SourceConfig(kind="gstreamer", place=SOURCE, max_rate_hz=100), clock, tmp_path)
    times = []
    for frame in pipeline.frames():
        assert frame.image is not None
        assert frame.image.shape == (64, 98, 3)
        assert 0 <= clock.now_ns() - frame.t_ns < 500_000_000
        times.append(frame.t_ns)
        if len(times) == 15:
            pipeline.close()
    assert (times[-1] - times[0]) / 14 == pytest.approx(1e9 / 30, rel=0.2)


@pytest.mark.skipif(not has_binding, reason="needs GStreamer's Python binding (apt install python3-gi)")
def test_a_pipeline_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="pipeline"):
        Pipeline(SourceConfig(kind="gstreamer", place="nosuchsrc ! whatever"), Clock(), tmp_path)
