"""GStreamer, which a Jetson's camera needs: its Python binding, and the elements of NVIDIA."""

from __future__ import annotations

import shutil

from uavloc.doctor.board import Board
from uavloc.doctor.child import Answer
from uavloc.doctor.facts import Facts
from uavloc.doctor.finding import Finding, absent, fail, ok, warn

_ELEMENTS = ("appsink", "videoconvert", "nvarguscamerasrc", "nvvidconv", "v4l2src", "libcamerasrc")
_INSTALL = "apt install python3-gi gir1.2-gstreamer-1.0 gir1.2-gst-plugins-base-1.0; venv with --system-site-packages"


class GStreamer(Facts):
    """The version, and which of the elements that matter here are there."""

    version: str
    elements: list[str]


def look_gstreamer() -> GStreamer:
    """Load the binding; raises LinkError where it is missing."""
    from uavloc.cameras.gstreamer import gstreamer

    gst = gstreamer()
    there = [name for name in _ELEMENTS if gst.ElementFactory.find(name) is not None]
    return GStreamer(version=gst.version_string(), elements=there)


def gstreamer_findings(answer: Answer, board: Board | None, kind: str) -> list[Finding]:
    """Needed only where `kind`, that of the configured source, says so."""
    if answer.facts is None:
        program = "; gst-launch-1.0 is there, its binding is not" if shutil.which("gst-launch-1.0") else ""
        if kind == "gstreamer":
            return [fail("gstreamer", f"source.kind is gstreamer: no Python binding{program}", _INSTALL)]
        return [absent("gstreamer", f"no Python binding (gi){program}", _INSTALL)]
    facts = GStreamer.model_validate(answer.facts)
    if board is not None and board.kind == "jetson" and "nvarguscamerasrc" not in facts.elements:
        fix = "sudo apt install nvidia-l4t-gstreamer (in a container: --runtime nvidia)"
        return [warn("gstreamer", f"{facts.version} without nvarguscamerasrc, which a CSI camera needs", fix)]
    return [ok("gstreamer", f"{facts.version}: {', '.join(facts.elements)}")]
