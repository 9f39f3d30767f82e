"""Which OpenCV is loaded, and what it can open."""

from __future__ import annotations

import re
from pathlib import Path

from uavloc.doctor.child import Answer
from uavloc.doctor.facts import Facts
from uavloc.doctor.finding import Finding, fail, ok, warn
from uavloc.doctor.requirement import numbers

OLDEST = (4, 8)
"""The one of JetPack 6."""


class OpenCv(Facts):
    """`gstreamer`, `ffmpeg`, `v4l`: whether it was built with them."""

    version: str
    folder: str
    gstreamer: bool
    ffmpeg: bool
    v4l: bool


def look_opencv() -> OpenCv:
    """Load it and read how it was built."""
    import cv2

    built = cv2.getBuildInformation()
    return OpenCv(
        version=cv2.__version__,
        folder=str(Path(cv2.__file__).parent),
        gstreamer=_has(built, "GStreamer"),
        ffmpeg=_has(built, "FFMPEG"),
        v4l=_has(built, "v4l/v4l2"),
    )


def opencv_findings(answer: Answer, kind: str) -> list[Finding]:
    """`kind` is that of the configured source of pictures, empty without a configuration."""
    if answer.facts is None:
        fix = "pip install 'uavloc[cpu]'; on a Jetson the board's own with 'numpy<2' (docs/install.md)"
        return [fail("opencv", f"does not load: {answer.problem}", fix)]
    facts = OpenCv.model_validate(answer.facts)
    formats = (("GStreamer", facts.gstreamer), ("FFmpeg", facts.ffmpeg), ("V4L2", facts.v4l))
    can = [name for name, is_there in formats if is_there]
    told = f"{facts.version} in {facts.folder}, opens {', '.join(can) or 'nothing'}"
    lacks = {"rtsp": ("FFmpeg", facts.ffmpeg), "video": ("FFmpeg", facts.ffmpeg), "v4l2": ("V4L2", facts.v4l)}
    if kind in lacks and not lacks[kind][1]:
        fix = 'pip install opencv-python-headless, or take source.kind = "gstreamer"'
        return [fail("opencv", f"{told}; source.kind {kind} needs {lacks[kind][0]}", fix)]
    if numbers(facts.version) < OLDEST:
        return [warn("opencv", f"{told}: older than 4.8", "pip install -U opencv-python-headless")]
    return [ok("opencv", told)]


def _has(built: str, what: str) -> bool:
    return re.search(rf"^\s*{re.escape(what)}:\s+YES", built, re.MULTILINE) is not None
