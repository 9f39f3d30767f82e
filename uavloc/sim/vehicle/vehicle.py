"""The simulated aircraft: reality, what it believes of it, and its end of the MAVLink connection, step by step."""

from __future__ import annotations

from dataclasses import dataclass, replace

from uavloc.frames import LocalFrame
from uavloc.sim.flight import footprint_m
from uavloc.sim.motion import Pose
from uavloc.sim.scene import Scene
from uavloc.sim.vehicle.airframe import STEP_S, Airframe
from uavloc.sim.vehicle.ardupilot import ArduPilot
from uavloc.sim.vehicle.behaviour import BEHAVIOURS
from uavloc.sim.vehicle.bootclock import BootClock
from uavloc.sim.vehicle.channel import Channel
from uavloc.sim.vehicle.desk import ACCEPTED, FAILED, Desk
from uavloc.sim.vehicle.dialect import Codec, Message
from uavloc.sim.vehicle.estimator import Estimator
from uavloc.sim.vehicle.gps import Gps
from uavloc.sim.vehicle.instruments import Instruments
from uavloc.sim.vehicle.intruder import Intruder
from uavloc.sim.vehicle.navigator import Sensed
from uavloc.sim.vehicle.offer import EXTERNAL_POSITION, Offer, offer_in
from uavloc.sim.vehicle.parameters import Parameters
from uavloc.sim.vehicle.port import Port
from uavloc.sim.vehicle.px4 import Px4
from uavloc.sim.vehicle.spec import VehicleSpec
from uavloc.sim.vehicle.state import State
from uavloc.sim.vehicle.streams import Streams
from uavloc.sim.vehicle.timesync import TimeSync
from uavloc.sim.vehicle.way import long_motion
from uavloc.types import GeoPoint

COMPONENT = 1
VISION_HEALTHY_S = 0.3


@dataclass(frozen=True, slots=True)
class Received:
    """A position that came: what it said, what became of it, how far it is from the truth of its arrival."""

    t_s: float
    offer: Offer
    verdict: str
    error_m: float | None
    error_ne_m: tuple[float, float] | None
    boot_s: float


class SimulatedVehicle:
    """An aircraft in the middle of its flight, moved on by `step`; raises InputError where the way does not fit."""

    def __init__(self, scene: Scene, spec: VehicleSpec, ports: list[Port]) -> None:
        self.spec, self.t_s = spec, 0.0
        self.behaviour = BEHAVIOURS[spec.autopilot]
        family = self.behaviour.family
        self._terrain = scene.terrain
        self.ground = LocalFrame(scene.georef.centre.lat_deg, scene.georef.centre.lon_deg)
        air = replace(spec.flight.air, nose_in_flow=self.behaviour.air_data)
        flight = replace(spec.flight, air=air)
        self.airframe = Airframe(long_motion(scene, flight, spec.duration_s), flight, self.behaviour.accel_mps2)
        self.parameters = Parameters(family, spec.software, spec.parameters == "ready", spec.overrides)
        self.clock = BootClock(spec.boot_offset_s, spec.drift_ppm)
        start = self.airframe.moment(0.0)
        estimator = Estimator(start.ne_m, start.vel_mps, known=spec.gps_loss_s > 0)
        kind = ArduPilot if family == "ardupilot" else Px4
        self.navigator: ArduPilot | Px4 = kind(
            self.behaviour, self.parameters, self.clock, self.ground, estimator, software=spec.software
        )
        if spec.gps_loss_s > 0:
            self.navigator.origin = self._rounded_place()
        self._instruments, self._gps = Instruments(spec.flight, self.behaviour), Gps(spec.flight.seed)
        self._streams = Streams(family)
        self._desk = Desk(spec.system, self.parameters, self._streams, self)
        self._codec = Codec(spec.system, COMPONENT, spec.key)
        self._channel = Channel(ports, spec.script, spec.flight.seed)
        self._timesync = TimeSync(family, self.clock)
        self._intruder = Intruder(spec.system, spec.script)
        self._switched = False
        self.received: list[Received] = []
        self.state = self._state()

    @property
    def refused(self) -> int:
        """Packets that came malformed or wrongly signed."""
        return self._codec.refused

    @property
    def origin(self) -> LocalFrame | None:
        """Origin of the autopilot's local frame."""
        return self.navigator.origin

    @origin.setter
    def origin(self, origin: LocalFrame | None) -> None:
        self.navigator.origin = origin

    @property
    def gps(self) -> bool:
        """Whether GPS is good now."""
        return self.t_s < self.spec.gps_loss_s or self.spec.script.active("gps-back", self.t_s)

    @property
    def ended(self) -> bool:
        """Whether the flight is over: its time is up, or it stands on the ground."""
        return self.t_s >= self.spec.duration_s or self.airframe.landed

    def pose(self, t_s: float) -> Pose:
        """The true pose, up to the airframe's delay after now."""
        return self.airframe.pose(t_s)

    def place(self, pose: Pose) -> GeoPoint:
        """The point below a pose."""
        return GeoPoint(*self.ground.geo_from_ne(pose.north_m, pose.east_m))

    def terrain(self, pose: Pose) -> str:
        """What the ground below a pose is, in a word; empty where the scene does not know."""
        return self._terrain(self.place(pose), footprint_m(self.spec.flight.camera, pose.agl_m))

    def believed_place(self) -> GeoPoint:
        """Where the autopilot believes to be."""
        return GeoPoint(*self.ground.geo_from_ne(*self.navigator.estimator.ne_m))

    def switch(self, source_set: int) -> bool:
        """Use another EKF source set; False where the autopilot has none."""
        return isinstance(self.navigator, ArduPilot) and self.navigator.switch(source_set)

    def step(self) -> None:
        """Move everything on by STEP_S: reality, sensors, navigation, then what comes and goes on the link."""
        before = self.t_s
        self.t_s = round(before + STEP_S, 6)
        self._play_script(before)
        self._navigate()
        self.state = self._state()
        for data in self._channel.receive(self.t_s):
            for message in self._codec.unpack(data):
                self._hear(message)
        self._talk()

    def close(self) -> None:
        """Give the link back."""
        self._channel.close()

    def _play_script(self, before_s: float) -> None:
        for fault in self.spec.script.begun("clock-jump", before_s, self.t_s):
            self.clock.jump(fault.duration_s)
        for fault in self.spec.script.begun("reboot", before_s, self.t_s):
            self.clock.reboot(fault.start_s)
            self._streams.reboot()
            self.navigator.reboot(fault.end_s)
            self.navigator.origin = self._rounded_place() if self.gps else None
        if not self._switched and self.t_s >= self.spec.gps_loss_s and self.spec.switch_set:
            self._switched = True
            self.switch(self.spec.switch_set)

    def _navigate(self) -> None:
        truth = self.airframe.moment(self.t_s)
        self.navigator.sense(
            Sensed(
                self.t_s,
                STEP_S,
                self._instruments.accel_mps2(truth, STEP_S),
                self._gps.read(truth, self.gps),
                self._instruments.air_vel_mps(truth),
            )
        )
        estimator = self.navigator.estimator
        believed = estimator.ne_m if estimator.known else None
        self.airframe.step(believed, estimator.vel_mps, bool(self.navigator.landing))

    def _hear(self, message: Message) -> None:
        name = message.get_type()
        if name == "TIMESYNC":
            answer, companion_s = self._timesync.hear(message, self.t_s)
            if answer is not None:
                self._send(answer)
            if companion_s is not None and isinstance(self.navigator, Px4):
                self.navigator.heard_time(companion_s, self.t_s)
            return
        offer = offer_in(message, self.navigator.origin, self.state.readings.ned_from_body)
        if offer is not None:
            self._judge(message, offer)
            return
        for answer in self._desk.answer(message, self.state):
            self._send(answer)

    def _judge(self, message: Message, offer: Offer) -> None:
        verdict = self.navigator.offer(offer, self.t_s)
        off = None
        if offer.place is not None:
            truth, said = self.airframe.moment(self.t_s).ne_m, self.ground.ne_from_geo(*offer.place)
            off = said[0] - truth[0], said[1] - truth[1]
        error_m = None if off is None else (off[0] ** 2 + off[1] ** 2) ** 0.5
        self.received.append(Received(self.t_s, offer, verdict, error_m, off, self.clock.s(self.t_s)))
        if message.get_type() == "COMMAND_INT" and message.command == EXTERNAL_POSITION:
            self._send(self._desk.acknowledge(message, FAILED if verdict.startswith("refused") else ACCEPTED))

    def _talk(self) -> None:
        for message in self._streams.made(self.t_s, self.state):
            self._send(message)
        for message in self._desk.listing():
            self._send(message)
        question = self._timesync.ask(self.t_s)
        if question is not None:
            self._send(question)
        for packet in self._intruder.packets(self.t_s, self.state, self._codec):
            self._channel.send(packet, self.t_s)

    def _send(self, message: Message) -> None:
        self._channel.send(self._codec.pack(message), self.t_s)

    def _rounded_place(self) -> LocalFrame:
        """Where it believes to be, as finely as a message can say it."""
        here = self.believed_place()
        return LocalFrame(round(here.lat_deg, 7), round(here.lon_deg, 7))

    def _state(self) -> State:
        navigator, t_s = self.navigator, self.t_s
        here = self.believed_place()
        origin = navigator.origin
        seen_s = navigator.vision_seen_s if isinstance(navigator, ArduPilot) else None
        return State(
            boot_ms=self.clock.ms(t_s),
            boot_us=self.clock.us(t_s),
            lat_deg=here.lat_deg,
            lon_deg=here.lon_deg,
            local_ne_m=None if origin is None else origin.ne_from_geo(here.lat_deg, here.lon_deg),
            vel_mps=navigator.estimator.vel_mps,
            std_m=navigator.estimator.std_m,
            readings=self._instruments.read(
                self.pose(t_s),
                self.pose(max(0.0, t_s - STEP_S)) if t_s > 0 else self.pose(t_s),
                STEP_S,
                self.airframe.wind_mps,
            ),
            origin=origin,
            behaviour=self.behaviour,
            software=self.spec.software,
            armed=not self.airframe.landed,
            landing=bool(navigator.landing),
            degraded=navigator.degraded(t_s),
            flags=navigator.flags(t_s),
            velocity_ratio=navigator.velocity_ratio,
            position_ratio=navigator.position_ratio,
            gps=self.gps,
            vision_healthy=navigator.fusing(t_s) if seen_s is None else t_s - seen_s <= VISION_HEALTHY_S,
        )
