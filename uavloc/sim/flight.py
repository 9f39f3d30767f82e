"""A simulated flight over a scene: picture by picture, or written as a frames folder."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from uavloc.camera import LOOKING_DOWN, CameraModel
from uavloc.errors import InputError, UsageError
from uavloc.frames import LocalFrame
from uavloc.sim.faults import Faults, faulty_picture, faulty_reading, mounted
from uavloc.sim.framesfolder import FramesFolder
from uavloc.sim.inertia import Felt, Inertia, airspeeds_on, felt_on
from uavloc.sim.motion import Air, Motion, Pose
from uavloc.sim.noise import drift
from uavloc.sim.optics import Optics, automatic_gain, photograph
from uavloc.sim.path import Pattern, pattern_points, round_turns, turn_radius_m
from uavloc.sim.scene import Scene
from uavloc.sim.seeds import stream
from uavloc.sim.sensors import Reading, Sensors, read_sensors
from uavloc.sim.view import camera_rays, render_view
from uavloc.types import Float, GeoPoint, Pixels

ProgressFn = Callable[[int, int], None]


def default_camera(width_px: int = 640, height_px: int = 480, hfov_deg: float = 75.0) -> CameraModel:
    """Camera that looks straight down with mild barrel distortion, mounted a little before the reference point."""
    focal = width_px / 2 / math.tan(math.radians(hfov_deg) / 2)
    return CameraModel(
        width_px, height_px, focal, focal, (width_px - 1) / 2, (height_px - 1) / 2,
        (-0.09, 0.012, 0.0004, -0.0003, 0.0), LOOKING_DOWN, (0.12, 0.0, 0.05),
    )  # fmt: skip


@dataclass(frozen=True)
class FlightSpec:
    """What is flown: way, speed, heights, camera, air, sensors, faults. Everything random follows from the seed.

    `waypoints` are flown in order; without them `pattern` fills the scene inside its margins. `agl_m` are heights
    spread evenly over the way. `max_frames` ends the flight early. Raises UsageError for values that cannot work.
    """

    seed: int = 1
    pattern: Pattern = "lawnmower"
    waypoints: tuple[GeoPoint, ...] = ()
    speed_mps: float = 14.0
    agl_m: tuple[float, ...] = (110.0,)
    rate_hz: float = 1.0
    max_frames: int | None = None
    camera: CameraModel = field(default_factory=default_camera)
    air: Air = field(default_factory=Air)
    optics: Optics = field(default_factory=Optics)
    sensors: Sensors = field(default_factory=Sensors)
    inertia: Inertia = field(default_factory=Inertia)
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UsageError(f"flight seed: must not be negative, got {self.seed}")
        if self.pattern not in ("lawnmower", "eight"):
            raise UsageError(f"flight pattern: lawnmower or eight, got {self.pattern!r}")
        heights = [("agl_m", height) for height in self.agl_m]
        for name, value in [("speed_mps", self.speed_mps), ("rate_hz", self.rate_hz), *heights]:
            if not (math.isfinite(value) and value > 0):
                raise UsageError(f"flight {name}: must be above zero, got {value}")
        if not self.agl_m:
            raise UsageError("flight agl_m: at least one height is needed")
        if len(self.waypoints) == 1:
            raise UsageError("flight waypoints: at least two are needed")
        if self.max_frames is not None and self.max_frames < 1:
            raise UsageError(f"flight max_frames: must be at least 1, got {self.max_frames}")


def plan_motion(scene: Scene, spec: FlightSpec) -> Motion:
    """The flown way over a scene; raises InputError where it leaves the scene or does not fit."""
    frame = LocalFrame(scene.georef.centre.lat_deg, scene.georef.centre.lon_deg)
    line = round_turns(corner_points(scene, frame, spec), turn_radius_m(spec.speed_mps), 1.0)
    check_inside(scene, frame, line)
    return Motion(line, spec.speed_mps, spec.agl_m, spec.air, spec.seed)


def corner_points(scene: Scene, frame: LocalFrame, spec: FlightSpec) -> Float:
    """Corner points (N x 2, metres in `frame`): the waypoints, or the pattern; raises InputError where it does not fit.

    The pattern keeps a margin in which the footprint, tilted by a few degrees, is still on the scene.
    """
    if spec.waypoints:
        return np.array([frame.ne_from_geo(p.lat_deg, p.lon_deg) for p in spec.waypoints])
    width_m, height_m = scene.georef.size_m()
    top_m = max(spec.agl_m)
    reach_m = min(top_m * (_reach(spec.camera) + 0.2), 0.32 * min(width_m, height_m))
    swath_m = top_m * spec.camera.width_px / spec.camera.fx_px
    half = (height_m / 2 - reach_m, width_m / 2 - reach_m)
    return pattern_points(spec.pattern, half, turn_radius_m(spec.speed_mps), swath_m)


def _reach(camera: CameraModel) -> float:
    """How far the level camera sees to the side, per metre of height (at most 4)."""
    w, h = camera.width_px - 1.0, camera.height_px - 1.0
    corners = np.array([[0.0, 0.0], [w, 0.0], [w, h], [0.0, h], [w / 2, 0.0], [w / 2, h], [0.0, h / 2], [w, h / 2]])
    rays = camera.rays_from_pixels(corners) @ camera.body_from_cam.T
    return float(min(4.0, max(np.hypot(rays[:, 0], rays[:, 1]) / np.maximum(rays[:, 2], 0.05))))


def check_inside(scene: Scene, frame: LocalFrame, line: Float) -> None:
    """Raises InputError where a line (N x 2, metres in `frame`) leaves the scene."""
    for north_m, east_m in line[:: max(1, len(line) // 400)]:
        lat_deg, lon_deg = frame.geo_from_ne(float(north_m), float(east_m))
        x, y = scene.georef.px_from_geo(lat_deg, lon_deg)
        if not (0 <= x <= scene.georef.width_px and 0 <= y <= scene.georef.height_px):
            raise InputError(f"the flight path leaves the scene at {lat_deg:.6f}, {lon_deg:.6f}")


@dataclass(frozen=True, slots=True)
class Shot:
    """What the vehicle brings home from one exposure, and what its IMU felt since the one before.

    `pose`, `where` and `terrain` are the truth.
    """

    index: int
    t_s: float
    picture: Pixels
    reading: Reading
    pose: Pose
    where: GeoPoint
    terrain: str
    felt: tuple[Felt, ...] = ()


class SimulatedFlight:
    """A flight over a scene, to be flown picture by picture; `count` is the number of exposures.

    Raises InputError where the way leaves the scene or does not fit.
    """

    def __init__(self, scene: Scene, spec: FlightSpec) -> None:
        self._scene, self._spec = scene, spec
        self._motion = plan_motion(scene, spec)
        self._frame = LocalFrame(scene.georef.centre.lat_deg, scene.georef.centre.lon_deg)
        count = math.floor(self._motion.duration_s * spec.rate_hz) + 1
        self.count = min(count, spec.max_frames) if spec.max_frames is not None else count

    def __len__(self) -> int:
        """How many pictures come home: lost ones do not."""
        return self.count - sum(k < self.count for k in self._spec.faults.dropped)

    @property
    def begins(self) -> GeoPoint:
        """Where the vehicle is at the first exposure."""
        return self._where(self._motion.at(0.0))

    def shots(self) -> Iterator[Shot]:
        """The exposures in order, without the lost ones."""
        scene, spec = self._scene, self._spec
        times = [k / spec.rate_hz for k in range(self.count)]
        poses = [self._motion.at(t_s) for t_s in times]
        readings = read_sensors(poses, 1.0 / spec.rate_hz, spec.sensors, spec.seed)
        speeds = airspeeds_on(poses, 1.0 / spec.rate_hz, spec.air, spec.inertia, spec.seed)
        felt = deque(felt_on(self._motion, times[-1], spec.inertia, spec.seed))
        drifts = drift(stream(spec.seed, "gain"), self.count, 1.0 / spec.rate_hz, 20.0)
        camera = mounted(spec.camera, spec.faults)
        rays = camera_rays(camera)
        before: Pixels | None = None
        for k, (t_s, pose, reading) in enumerate(zip(times, poses, readings, strict=True)):
            if k in spec.faults.dropped:
                continue
            where = self._where(pose)
            light = render_view(scene, camera, rays, where, pose.agl_m, pose.ned_from_body)
            shift = image_shift_px(camera, pose, self._motion.at(t_s + spec.optics.exposure_s))
            gain = (1.0 + spec.optics.gain_drift * float(drifts[k])) * automatic_gain(light)
            picture = photograph(light, spec.optics, shift, gain, stream(spec.seed, "photo", k))
            before = faulty_picture(picture, before, k, spec.faults)
            terrain = scene.terrain(where, footprint_m(camera, pose.agl_m))
            said = replace(faulty_reading(reading, k, spec.faults), airspeed_mps=speeds[k])
            since = [felt.popleft() for _ in range(sum(each.t_s <= t_s for each in felt))]
            yield Shot(k, t_s, before, said, pose, where, terrain, tuple(since))

    def _where(self, pose: Pose) -> GeoPoint:
        return GeoPoint(*self._frame.geo_from_ne(pose.north_m, pose.east_m))


def simulate_flight(scene: Scene, spec: FlightSpec, out_dir: str | Path, progress: ProgressFn | None = None) -> int:
    """Flies over a scene and writes a frames folder; gives the number of frames.

    Raises InputError where the way leaves the scene or the folder cannot be written.
    """
    flight = SimulatedFlight(scene, spec)
    with FramesFolder(out_dir, spec.camera, spec.optics.jpeg_quality) as folder:
        for shot in flight.shots():
            folder.add(shot.index, shot.t_s, shot.picture, shot.reading, shot.pose, shot.where, shot.terrain)
            if progress is not None:
                progress(shot.index + 1, flight.count)
    return len(flight)


def footprint_m(camera: CameraModel, agl_m: float) -> float:
    """Half the shorter side of what a camera that looks straight down sees from a height."""
    return 0.5 * agl_m * min(camera.width_px / camera.fx_px, camera.height_px / camera.fy_px)


def image_shift_px(camera: CameraModel, pose: Pose, later: Pose) -> tuple[float, float]:
    """How far the ground in the middle of the picture moves (x, y) from one pose to a later one; 0 on sky."""
    middle = camera.rays_from_pixels(np.array([[camera.cx_px, camera.cy_px]]))[0]
    ray = pose.ned_from_body @ camera.body_from_cam @ middle
    if ray[2] <= 0.02:
        return 0.0, 0.0
    ground = _eye(camera, pose) + ray * (-_eye(camera, pose)[2] / ray[2])
    cam_from_ned = (later.ned_from_body @ camera.body_from_cam).T
    pixel = camera.pixels_from_rays((cam_from_ned @ (ground - _eye(camera, later)))[None])[0]
    return float(pixel[0] - camera.cx_px), float(pixel[1] - camera.cy_px)


def _eye(camera: CameraModel, pose: Pose) -> Float:
    """Camera position: north, east, down in metres."""
    base = np.array([pose.north_m, pose.east_m, -pose.agl_m])
    eye: Float = base + pose.ned_from_body @ np.array(camera.lever_body_m)
    return eye
