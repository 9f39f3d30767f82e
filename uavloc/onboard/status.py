"""How the program does, as one JSON document and as a line."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from uavloc import __version__
from uavloc.autopilot.links import Links
from uavloc.autopilot.publisher import AutopilotPublisher
from uavloc.clock import Clock
from uavloc.onboard.capture import Capture
from uavloc.onboard.localizing import Localizing
from uavloc.onboard.publishing import Publishing, Told
from uavloc.onboard.sensors import Sensors
from uavloc.onboard.slot import Slot
from uavloc.onboard.timings import Timings
from uavloc.types import Frame

_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1024**2


class Status:
    """Reads everything, changes nothing."""

    def __init__(
        self,
        capture: Capture,
        slot: Slot[Frame],
        sensors: Sensors,
        localizing: Localizing,
        publishing: Publishing,
        publisher: AutopilotPublisher,
        links: Links,
        timings: Timings,
        clock: Clock,
    ) -> None:
        self._capture, self._slot, self._sensors, self._localizing = capture, slot, sensors, localizing
        self._publishing, self._publisher, self._links = publishing, publisher, links
        self._timings, self._clock, self._start_s = timings, clock, time.monotonic()

    def document(self) -> dict[str, Any]:
        """All of it."""
        now_ns, now_s = self._clock.now_ns(), time.monotonic()
        publishing, cache = self._publishing, self._localizing.cache
        return {
            "version": __version__,
            "up_s": round(now_s - self._start_s, 1),
            "cache": {"path": str(cache.path), "digest": cache.manifest.content_digest},
            "position": position(publishing.last),
            "publishing": {
                "paused": publishing.paused,
                "messages": dict(publishing.counts),
                "route": self._publisher.route,
                "fusion": asdict(self._publisher.fusion),
            },
            "camera": {
                "age_s": round(now_s - self._capture.last_s, 2),
                "frames": {**self._capture.counts, "replaced by a newer one": self._slot.replaced},
                "health": asdict(self._capture.health),
            },
            "outcomes": dict(self._localizing.outcomes),
            "timings": self._timings.summary(),
            "sensors": {
                f"{kind.lower()}_age_s": round((now_ns - t_ns) * 1e-9, 2)
                for kind, t_ns in dict(self._sensors.newest_ns).items()
            },
            "vehicle": asdict(self._links.vehicle),
            "links": [asdict(health) for health in self._links.health],
            "memory_mb": round(memory_mb(), 1),
            "threads": threading.active_count(),
        }

    def line(self) -> str:
        """The same in a few words."""
        told, latency = self._publishing.last, self._timings.summary().get("exposure to message", {})
        place = f"no position: {told.why}" if told.why else "position published"
        connected = sum(health.connected for health in self._links.health)
        taken, p95_ms = self._capture.counts["taken"], latency.get("p95_ms", 0.0)
        return f"{place}; frames taken {taken}; latency p95 {p95_ms:.0f} ms; links connected {connected}"


def position(told: Told) -> dict[str, Any]:
    """What was last published."""
    estimate = told.estimate
    if estimate.point is None or estimate.cov_ne_m2 is None:
        return {"published": False, "why": told.why, "outcome": str(estimate.outcome)}
    return {
        "published": True,
        "lat_deg": round(estimate.point.lat_deg, 7),
        "lon_deg": round(estimate.point.lon_deg, 7),
        "std_m": round(float(np.linalg.eigvalsh(estimate.cov_ne_m2)[-1]) ** 0.5, 2),
        "vel_ne_mps": None if estimate.vel_ne_mps is None else [round(v, 2) for v in estimate.vel_ne_mps],
        "heading_deg": None
        if estimate.heading_rad is None
        else round(float(np.degrees(estimate.heading_rad)) % 360, 1),
        "protection_m": None if estimate.protection_m is None else round(estimate.protection_m, 1),
        "outcome": str(estimate.outcome),
    }


def memory_mb() -> float:
    """Memory that the process holds now, MB (2^20 bytes)."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_MB
