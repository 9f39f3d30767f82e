"""Flying in real time, or faster: steps when they are due, exposures ahead of their time."""

from __future__ import annotations

import time
from typing import Any

from uavloc.clock import Clock
from uavloc.sim.vehicle.airframe import AHEAD_S
from uavloc.sim.vehicle.eye import Exposure, Eye, Picture
from uavloc.sim.vehicle.recording import Recording
from uavloc.sim.vehicle.vehicle import SimulatedVehicle
from uavloc.types import Progress


class RealTime:
    """One flight by this machine's clock; at `speedup` 1 a second is a second."""

    def __init__(self, vehicle: SimulatedVehicle, eye: Eye | None, recording: Recording, speedup: float) -> None:
        self._vehicle, self._eye, self._recording, self._speedup = vehicle, eye, recording, speedup
        self._clock = Clock()
        self._start_ns = 0
        self._exposures = 0
        self._late_ms = 0.0

    def fly(self, progress: Progress) -> None:
        """Until the flight ends; what was recorded until then is complete at any moment."""
        if self._eye is not None:
            self._eye.wait_until_ready()
        vehicle = self._vehicle
        self._start_ns = self._clock.now_ns()
        total = round(vehicle.spec.duration_s)
        while not vehicle.ended:
            vehicle.step()
            wait_s = (self._ns(vehicle.t_s) - self._clock.now_ns()) * 1e-9
            if wait_s > 0:
                time.sleep(wait_s)
            self._late_ms = max(self._late_ms, -1e3 * wait_s)
            self._recording.add(self._ns(vehicle.t_s) * 1e-9)
            self._expose()
            if abs(vehicle.t_s - round(vehicle.t_s)) < 1e-6:
                progress(round(vehicle.t_s), total)

    def finish(self) -> dict[str, Any]:
        """End the camera and the link, write the summary."""
        camera: dict[str, Any] = {}
        if self._eye is not None:
            self._eye.close()
            took = sorted(self._eye.render_ms)
            camera = {
                "frames_sent": self._eye.sent,
                "frames_unheard": self._eye.unheard,
                "frames_dropped": self._eye.dropped,
                "render_ms_p50": round(took[len(took) // 2], 1) if took else None,
            }
        self._vehicle.close()
        return self._recording.finish({"latest_step_ms": round(self._late_ms, 1), **camera})

    def _ns(self, t_s: float) -> int:
        return self._start_ns + round(1e9 * t_s / self._speedup)

    def _expose(self) -> None:
        """Order the exposures whose pose is settled."""
        vehicle, flight = self._vehicle, self._vehicle.spec.flight
        at_s = self._exposures / flight.rate_hz
        end_s = at_s + flight.optics.exposure_s
        if self._eye is None or end_s > vehicle.t_s + AHEAD_S:
            return
        pose, wall_ns = vehicle.pose(at_s), self._ns(at_s)
        monotonic_ns = wall_ns - self._clock.from_monotonic_ns(0)
        self._eye.take(
            Exposure(
                self._exposures,
                wall_ns,
                monotonic_ns,
                pose,
                vehicle.pose(end_s),
                vehicle.place(pose),
                self._picture(at_s),
            )
        )
        self._exposures += 1

    def _picture(self, t_s: float) -> Picture:
        script = self._vehicle.spec.script
        if script.active("camera-cut", t_s):
            return "cut"
        if script.active("camera-frozen", t_s):
            return "frozen"
        return "black" if script.active("camera-black", t_s) else "good"
