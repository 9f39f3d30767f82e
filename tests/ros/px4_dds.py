"""A PX4 behind its uXRCE-DDS agent, for tests: `px4_dds.py JSON`; commands as JSON lines in, what happened as such out.

It flies straight north at a constant speed and believes to be accelerated, so that without positions it drifts. What it
does with `aux_global_position` is what was measured and read of the real one: times are looked at, in order of arrival;
samples older than the fusion horizon by 100 ms are dropped; a gap of 5 s ends the fusion; a position that fails the
test, or a changed reset counter, resets the EKF only where there is no GPS, and ends the fusion otherwise.
"""

from __future__ import annotations

import json
import math
import os
import select
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from cyclonedds.core import Policy, Qos  # noqa: E402
from cyclonedds.domain import DomainParticipant  # noqa: E402
from cyclonedds.pub import DataWriter  # noqa: E402
from cyclonedds.sub import DataReader  # noqa: E402
from cyclonedds.topic import Topic  # noqa: E402
from rostypes import rostypes  # noqa: E402

from uavloc.frames import LocalFrame  # noqa: E402
from uavloc.sim.vehicle.estimator import Estimator  # noqa: E402

HOME = LocalFrame(47.4, 8.55)
SPEED_MPS, FEIGNED_MPS2 = 8.0, (0.0, 0.8)
HORIZON_US, WINDOW_US, GAP_US, PATIENCE_US = 200_000, 100_000, 5_000_000, 5_000_000
OUT = Qos(Policy.Reliability.BestEffort, Policy.Durability.TransientLocal, Policy.History.KeepLast(1))
IN = Qos(Policy.Reliability.BestEffort, Policy.Durability.Volatile, Policy.History.KeepLast(4))


@dataclass
class Orders:
    """What can be set, at the start and by commands."""

    version: str = "1.18"
    synced: bool = True
    began_ns: int = 0
    booted_s_ago: float = 100.0
    gps: bool = True
    control: int = 1
    sensor_id: int = 1
    heading: bool = True
    attitude: str = "right"
    outputs: bool = True


@dataclass
class Sample:
    t_us: int
    ne_m: tuple[float, float]
    eph_m: float
    resets: int


@dataclass
class Fusion:
    """The state of the fusion of aux_global_position."""

    active: bool = False
    pushed_us: int = -GAP_US
    passed_us: int = 0
    resets: int | None = None
    pending: list[Sample] = field(default_factory=list)
    fused: int = 0
    reset: int = 0
    late: int = 0


def truth_ne_m(t_ns: int, began_ns: int) -> tuple[float, float]:
    """Where the vehicle really is."""
    return SPEED_MPS * (t_ns - began_ns) * 1e-9, 0.0


class Px4:
    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.booted_ns = time.time_ns() - round(orders.booted_s_ago * 1e9)
        now_ns = time.time_ns()
        self.ekf = Estimator(truth_ne_m(now_ns, orders.began_ns), (SPEED_MPS, 0.0), known=True)
        self.fusion = Fusion()
        self.stepped_us = self.now_us()

    def now_us(self) -> int:
        """Since the start."""
        return (time.time_ns() - self.booted_ns) // 1000

    def told_us(self, boot_us: int) -> int:
        """A time as it leaves through the agent."""
        return boot_us + self.booted_ns // 1000 if self.orders.synced else boot_us

    def heard_us(self, told_us: int) -> int:
        """A time that came through the agent."""
        if told_us == 0:
            return self.now_us()
        boot_us = told_us - self.booted_ns // 1000 if self.orders.synced else told_us
        return min(boot_us if boot_us >= 0 else 2**64 + boot_us, self.now_us())

    def reboot(self) -> None:
        """A start in the air, as after a brown-out."""
        self.booted_ns = time.time_ns()
        self.ekf = Estimator(truth_ne_m(time.time_ns(), self.orders.began_ns), (SPEED_MPS, 0.0), known=True)
        self.fusion, self.stepped_us = Fusion(), self.now_us()

    def push(self, message: Any) -> None:
        """A sample came; `id` is there from 1.18 on."""
        if getattr(message, "id", self.orders.sensor_id) != self.orders.sensor_id:
            return
        ne_m = HOME.ne_from_geo(message.lat, message.lon)
        sample = Sample(self.heard_us(message.timestamp_sample), ne_m, message.eph, message.lat_lon_reset_counter)
        self.fusion.late += sample.t_us < self.now_us() - HORIZON_US - WINDOW_US
        self.fusion.pending.append(sample)
        self.fusion.pushed_us = self.now_us()

    def step(self) -> None:
        """Up to now: predict, GPS, then what has reached the horizon."""
        now_us = self.now_us()
        self.ekf.predict(now_us * 1e-6, FEIGNED_MPS2, (now_us - self.stepped_us) * 1e-6)
        self.stepped_us = now_us
        if self.orders.gps:
            true = truth_ne_m(time.time_ns(), self.orders.began_ns)
            self.ekf.fuse_position(self.ekf.position_innovation(true, now_us * 1e-6), 1.0)
        fusion, horizon_us = self.fusion, now_us - HORIZON_US
        for index in reversed(range(len(fusion.pending))):
            if 0 <= horizon_us - fusion.pending[index].t_us < WINDOW_US:
                sample = fusion.pending[index]
                del fusion.pending[: index + 1]
                self._take(sample, now_us)
                return
        if fusion.active and now_us - fusion.pushed_us > GAP_US:
            fusion.active = False

    def _take(self, sample: Sample, now_us: int) -> None:
        fusion = self.fusion
        if not self.orders.control & 1 or not self.orders.heading:
            fusion.active = False
            return
        off = self.ekf.position_innovation(sample.ne_m, sample.t_us * 1e-6)
        std_m = max(sample.eph_m, 1.0)
        passes = math.hypot(*off) < self.ekf.position_gate_m(std_m, 3.0)
        if passes:
            self.ekf.fuse_position(off, std_m)
            fusion.fused += 1
            fusion.passed_us = now_us
        waited = now_us - fusion.passed_us > PATIENCE_US or not fusion.active
        jumped = fusion.active and sample.resets != fusion.resets
        if jumped or (waited and not passes):
            if self.orders.gps:
                fusion.active = False
                return
            self.ekf.reset_position(sample.ne_m, sample.t_us * 1e-6, std_m)
            fusion.reset += 1
            fusion.passed_us = now_us
        fusion.active, fusion.resets = True, sample.resets

    @property
    def error_m(self) -> float:
        north, east = truth_ne_m(time.time_ns(), self.orders.began_ns)
        return math.hypot(self.ekf.ne_m[0] - north, self.ekf.ne_m[1] - east)


def say(**facts: Any) -> None:
    """One line of what happened."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


class Agent:
    """Its topics."""

    def __init__(self, version: str) -> None:
        self._participant = DomainParticipant(int(os.environ["ROS_DOMAIN_ID"]))
        new = version >= "1.18"
        self.inbox = self._reader(
            "/fmu/in/aux_global_position" + ("_v1" if new else ""),
            "AuxGlobalPosition" if new else "VehicleGlobalPosition",
        )
        self.attitude = self._writer("/fmu/out/vehicle_attitude", "VehicleAttitude")
        self.local = self._writer("/fmu/out/vehicle_local_position_v1", "VehicleLocalPosition")
        self.flags = self._writer("/fmu/out/estimator_status_flags", "EstimatorStatusFlags")
        self.timesync = self._writer("/fmu/out/timesync_status", "TimesyncStatus")

    def _reader(self, topic: str, kind: str) -> Any:
        return DataReader(self._participant, Topic(self._participant, f"rt{topic}", message(kind)), IN)

    def _writer(self, topic: str, kind: str) -> Any:
        return DataWriter(self._participant, Topic(self._participant, f"rt{topic}", message(kind)), OUT)


def message(kind: str) -> Any:
    """A type of px4_msgs."""
    return rostypes().of(f"px4_msgs/msg/{kind}")


def told(px4: Px4, kind: str, **values: Any) -> Any:
    """A message of now, measured 2 ms ago."""
    made = message(kind)()
    now_us = px4.now_us()
    made.timestamp = px4.told_us(now_us)
    if hasattr(made, "timestamp_sample"):
        made.timestamp_sample = px4.told_us(max(1, now_us - 2000))
    for key, value in values.items():
        setattr(made, key, value)
    return made


def fast(px4: Px4, agent: Agent) -> None:
    """50 times a second."""
    q = {"right": [1.0, 0.0, 0.0, 0.0], "nan": [math.nan] * 4, "zero stamp": [1.0, 0.0, 0.0, 0.0]}[px4.orders.attitude]
    attitude = told(px4, "VehicleAttitude", q=q)
    if px4.orders.attitude == "zero stamp":
        attitude.timestamp = attitude.timestamp_sample = 0
    agent.attitude.write(attitude)
    heights = {"dist_bottom": 95.0, "dist_bottom_valid": True, "dist_bottom_var": 0.5, "dist_bottom_sensor_bitfield": 1}
    agent.local.write(told(px4, "VehicleLocalPosition", z=-120.0, z_valid=True, **heights))


def slow(px4: Px4, agent: Agent) -> None:
    """5 times a second."""
    flags = {
        "cs_tilt_align": True,
        "cs_yaw_align": px4.orders.heading,
        "cs_gnss_pos": px4.orders.gps,
        "cs_aux_gpos": px4.fusion.active,
    }
    agent.flags.write(told(px4, "EstimatorStatusFlags", **flags))
    if px4.orders.synced:
        agent.timesync.write(told(px4, "TimesyncStatus", source_protocol=2, round_trip_time=1800))
    fusion = px4.fusion
    say(
        used=fusion.active, error_m=round(px4.error_m, 2), fused=fusion.fused, reset=fusion.reset, late=fusion.late,
        now_us=px4.now_us(), t_ns=time.time_ns(),
    )  # fmt: skip


def main() -> None:
    """Until the end of the input."""
    px4 = Px4(Orders(**json.loads(sys.argv[1])))
    agent = Agent(px4.orders.version)
    step = 0
    while True:
        if select.select([sys.stdin], [], [], 0.02)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            for key, value in json.loads(line).items():
                px4.reboot() if key == "reboot" else setattr(px4.orders, key, value)
        for sample in agent.inbox.take(10):
            if not sample.sample_info.valid_data:
                continue
            heard = {key: getattr(sample, key) for key in ("timestamp", "timestamp_sample", "lat", "lon", "eph")}
            say(heard=heard, boot_us=px4.heard_us(sample.timestamp_sample), resets=sample.lat_lon_reset_counter)
            px4.push(sample)
        px4.step()
        if px4.orders.outputs:
            fast(px4, agent)
            if step % 10 == 0:
                slow(px4, agent)
        step += 1


if __name__ == "__main__":
    main()
