"""The one place where the stages meet: events in, one Estimate per frame out.

Flight, replay, benchmark and simulator all drive this object. It never raises on imagery and never invents a pose: what
a frame could not give is told by its Outcome.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from uavloc.belief import Belief, Prior
from uavloc.camera import CameraModel
from uavloc.coldstart import ColdStart
from uavloc.config import Config
from uavloc.errors import CacheError
from uavloc.evidence import aged
from uavloc.frames import LocalFrame, rpy_from_rotation, wrap_pi
from uavloc.heights import Heights
from uavloc.hypotheses import SPEED_STD_MPS, Hypotheses, Hypothesis, Look
from uavloc.mapage import map_age_years
from uavloc.motion.aiding import Aiding
from uavloc.motion.predict import advance, mount_std_rad
from uavloc.motion.state import Advance, AirReading, State, Step, VelocityReading, start_state
from uavloc.mount import Mount, displaced_cov_m2, feigned, looks_down, mount_of
from uavloc.odometry import Raw, View, is_frozen, measure_motion
from uavloc.query import Asker, Laid, NoFixError, Pose, Sight, Stopwatch
from uavloc.seek import Seeker, pose_of
from uavloc.staleness import StaleBlock
from uavloc.tiles import TileCache
from uavloc.types import (
    Airspeed,
    Altitude,
    Attitude,
    Encoder,
    Estimate,
    Event,
    Fix,
    Float,
    Frame,
    GeoPoint,
    Height,
    Hint,
    Imu,
    Match,
    Outcome,
    Pixels,
    Start,
    Velocity,
)

OnLook: TypeAlias = Callable[[Look, LocalFrame], None]
"""Is shown a search of the map, with the local frame that it is in."""

_COMPASS_JUMP_DEG = 15.0
"""A compass that jumps by more than this, with no view of known heading on the other side, may have jumped before."""
_ASLANT = 0.35
"""Ground seen farther aside than this share of the height: there, relief and tilt look like a change of height."""
_NEVER = -1


class Localizer:
    """Turns camera frames with attitude and height into positions on a tile cache.

    `takeoff` is where heights over take-off count from, if known and not the start. Raises CacheError when the cache
    holds nothing to match with; never on what it sees in flight. `on_look` is shown every search of the map with the
    local frame it is in, for pictures of it; what it does changes nothing.
    """

    def __init__(
        self,
        cache: TileCache,
        encoder: Encoder,
        camera: CameraModel,
        config: Config,
        start: Start | None,
        takeoff: GeoPoint | None = None,
        on_look: OnLook | None = None,
    ) -> None:
        if not cache.levels or not cache.manifest.channels:
            raise CacheError(f"{cache.path}: holds no dense descriptors to localize with: build it with another engine")
        self._config, self._camera, self._start, self._on_look = config, camera, start, on_look
        self._flown = config
        """The configuration as what is known with the first frame has it."""
        self._local = _local_frame(cache, start)
        self._dates = [source.date for source in cache.manifest.sources]
        self._asker = Asker(cache, encoder, camera, config, self._local)
        self._seeker = Seeker(self._asker, ColdStart(cache, encoder, camera, config, self._local), config)
        self._places: Hypotheses | None = None
        self._attitude: Attitude | None = None
        self._heights = Heights(cache, self._local, start, takeoff, config)
        self._view: View | None = None
        self._assumed = (0.0, 0.0)
        self._laid_rad = 0.0
        self._agl_m = 0.0
        self._trusted = True
        """Whether the heading under which the last view was laid down is borne out by motion or map."""
        self._raw: tuple[int, Raw | None] = (0, None)
        self._first_ns: int | None = None
        self._last_ns = 0
        self._yaw_rad: float | None = None
        self._outcome = Outcome.LOST
        self._middle_ne_m, self._middle_agl_m = np.zeros(2), 0.0
        self._frame_ns, self._understood_ns = 0, _NEVER
        self._aiding = Aiding(config.filter)
        self._hinted: Hint | None = None
        self._resumed: State | None = None

    def handle(self, event: Event) -> Estimate | None:
        """Take any event in time order; a Frame gives an Estimate. Readings that say nothing are not taken."""
        if isinstance(event, Frame):
            return self.locate(event)
        if isinstance(event, Hint):
            self.hint(event)
        elif isinstance(event, Attitude) and _says_something(event):
            self._attitude = event
            self._blow(self._aiding.attitude(event))
        elif isinstance(event, Imu):
            self._aiding.imu(event)
        elif isinstance(event, Airspeed):
            self._blow(self._aiding.airspeed(event))
        elif isinstance(event, Height | Altitude):
            self._heights.take(event)
        elif isinstance(event, Velocity) and self._places is not None and np.isfinite(event.vel_ne_mps).all():
            self._feel()
            self._places.velocity(VelocityReading(event.t_ns, event.vel_ne_mps, event.std_mps))
        return None

    def locate(self, frame: Frame) -> Estimate:
        """What is known of the vehicle at the exposure of this frame."""
        self._asker.watch = Stopwatch()
        self._first_ns = frame.t_ns if self._first_ns is None else self._first_ns
        fix, outcome = None, Outcome.FIX
        self._feel()
        with self._asker.watch.timed("total"):
            try:
                fix = self._fix(frame)
            except NoFixError as no_fix:
                outcome = no_fix.outcome
                if self._places is not None:
                    self._places.advance(self._still(frame.t_ns))
        self._outcome, self._frame_ns = outcome, frame.t_ns
        if fix is not None:
            self._understood_ns = frame.t_ns
            self._aiding.heading_borne_out()
        return self._estimate(frame.t_ns, frame.name, fix)

    def at(self, t_ns: int) -> Estimate:
        """What is known of the vehicle at any time after the last frame, carried on from there; has no name."""
        return self.belief().at(t_ns)

    def belief(self) -> Belief:
        """What is known after the last frame, for another thread to carry on while the next frame is worked on."""
        leader = self._places.leader if self._places else None
        return Belief(
            self._frame_ns,
            None if self._understood_ns == _NEVER else self._understood_ns,
            self._outcome,
            self._flown,
            self._local,
            None if leader is None else leader.state,
            self._places.log_odds if self._places else -math.inf,
            self._attitude,
            self._agl_m,
            self._common_cov_m2(),
        )

    def hint(self, hint: Hint) -> None:
        """Where someone says the vehicle was at a time: looked at next, or once the believed place has failed."""
        self._hinted = hint

    def resume(self, prior: Prior) -> None:
        """Begin where another localizer, or an earlier run, was: it has to be seen again before it is published."""
        self._resumed = prior.state(self._local)

    @property
    def takeoff(self) -> GeoPoint | None:
        """Where heights over take-off count from, as far as that is known."""
        return self._heights.takeoff

    def stale(self) -> list[StaleBlock]:
        """Parts of the map that the ground so far looked unlike again and again."""
        return self._asker.stale()

    def remarks(self) -> list[str]:
        """What is wrong with IMU and air speed, a line each."""
        return self._aiding.remarks()

    def mount(self) -> Mount | None:
        """What the flight so far says of the camera's mount; None where no place is believed."""
        return None if self._places is None or self._places.leader is None else mount_of(self._places.leader.state)

    def _feel(self) -> None:
        """Hand on what was felt since the last time; before there is a place, of nobody's motion."""
        pushes = self._aiding.pushes()
        if self._places is not None:
            self._places.feel(pushes)

    def _blow(self, readings: list[AirReading]) -> None:
        if self._places is not None:
            for reading in readings:
                self._feel()
                self._places.blow(reading)

    def _fix(self, frame: Frame) -> Fix:
        sight = self._sight(frame)
        places = self._followed(sight)
        self._take_hint(places, sight)
        laid = self._asker.lay(sight, self._likeliest(places, sight))
        with self._asker.watch.timed("odometry"):
            motion = self._motion(sight, laid)
        with self._asker.watch.timed("filter"):
            places.advance(motion)
        if motion.step is not None:
            self._understood_ns = sight.frame.t_ns
        leader, known = places.leader, places.ranked
        results: dict[Hypothesis, tuple[Look, Match | Outcome]] = {}
        looks = (
            self._seeker.seek(sight, places, results)
            if leader is None
            else self._seeker.follow(sight, laid, leader.state)
        )
        for look, density in looks:
            with self._asker.watch.timed("filter"):
                for hypothesis in known:
                    if hypothesis not in results and look.covers(hypothesis.state):
                        results[hypothesis] = (look, places.weigh(hypothesis, look))
                places.born(look, density)
            if self._on_look is not None:
                self._on_look(look, self._local)
        if leader is not None and leader not in results:
            leader.missed(0.0)
        places.settle()
        if places.leader is None:
            raise NoFixError(Outcome.LOST)
        fix = self._fixed(*results.get(places.leader, (None, Outcome.OUTSIDE_CACHE)))
        self._middle_ne_m, self._middle_agl_m = laid.middle_ne_m, sight.height.agl_m
        return fix

    def _fixed(self, look: Look | None, match: Match | Outcome) -> Fix:
        """The fix of the believed place; raises NoFixError with the reason where this frame gave none."""
        if look is None or isinstance(match, Outcome):
            raise NoFixError(match if isinstance(match, Outcome) else Outcome.OUTSIDE_CACHE)
        measurement = look.measurement(match)
        place = (float(measurement.values[0]), float(measurement.values[1]))
        self._trusted = True
        if self._places is not None and self._places.log_odds >= self._config.integrity.confirm_odds:
            self._asker.witness(look.query, match, place)
        return Fix(look.t_ns, self._asker.geo(place), measurement.cov[:2, :2], match)

    def _sight(self, frame: Frame) -> Sight:
        """The frame with the attitude and height that belong to it; raises NoFixError for what is missing."""
        limits = self._config.ortho
        if frame.image is None:
            raise NoFixError(Outcome.NO_IMAGE)
        if self._stuck(frame.t_ns, frame.image):
            raise NoFixError(Outcome.FROZEN)
        if self._attitude is None:
            raise NoFixError(Outcome.NO_ATTITUDE)
        if _age_s(frame.t_ns, self._attitude) > limits.max_attitude_age_s:
            raise NoFixError(Outcome.STALE_ATTITUDE)
        height = self._heights.at(frame.t_ns, self._whereabouts(frame.t_ns))
        if height is None:
            raise NoFixError(Outcome.NO_HEIGHT)
        self._agl_m = height.agl_m
        return Sight(frame, self._attitude, height)

    def _whereabouts(self, t_ns: int) -> State | None:
        """Where the vehicle is: as believed, or else as it was said to be, or else where it is likeliest."""
        places = self._places
        state = self._resumed
        if places is not None:
            state = places.leader.state if places.leader else places.prior
            if places.ranked and (state is None or state.std_m > self._config.cold_start.max_prior_std_m):
                state = places.ranked[0].state
        return None if state is None else advance(state, Advance(t_ns), self._config.filter)

    def _stuck(self, t_ns: int, picture: Pixels) -> bool:
        """Whether the camera repeats itself: frames too close together to have moved must be the very same."""
        since_ns, before = self._raw
        if before is not None and t_ns - since_ns < self._config.odometry.min_gap_s * 1e9:
            return np.array_equal(before.picture, picture)
        raw = Raw(picture)
        self._raw = (t_ns, raw)
        return before is not None and is_frozen(before, raw)

    def _followed(self, sight: Sight) -> Hypotheses:
        """The hypotheses; the operator's start holds for the first frame of the flight, usable or not."""
        if self._places is None:
            first_ns = sight.frame.t_ns if self._first_ns is None else self._first_ns
            self._flown = self._of_flight(first_ns, sight)
            self._places = Hypotheses(self._resumed or self._prior(first_ns, sight), self._flown)
        return self._places

    def _of_flight(self, t_ns: int, sight: Sight) -> Config:
        """The configuration as the age of the map and the first attitude have it."""
        config = self._config if self._tells_mount(sight) else _with_mount_as_told(self._config)
        years = map_age_years(self._dates, t_ns)
        evidence = aged(config.evidence, config.evidence.unknown_age_years if years is None else years)
        return config.model_copy(update={"evidence": evidence})

    def _tells_mount(self, sight: Sight) -> bool:
        """Whether the mount can be told from the tilt of the vehicle; `relief_share` covers that of oblique cameras."""
        return looks_down(self._camera) and not sight.attitude.assumed

    def _prior(self, t_ns: int, sight: Sight) -> State | None:
        return None if self._start is None else self._begun(t_ns, self._start.std_m, sight)

    def _begun(self, t_ns: int, std_m: float, sight: Sight) -> State:
        """The state at the origin, known to `std_m`, with what the sensors know of heading and height."""
        config = self._flown.filter
        heading_std, scale_std = sight.attitude.std_rad[2], sight.log_scale_std(config.min_scale_std)
        return start_state(t_ns, std_m, SPEED_STD_MPS, heading_std, scale_std, mount_std_rad(config))

    def _take_hint(self, places: Hypotheses, sight: Sight) -> None:
        hint, self._hinted = self._hinted, None
        if hint is not None:
            said = self._begun(min(hint.t_ns, sight.frame.t_ns), hint.start.std_m, sight)
            said.mean[:2] = self._local.ne_from_geo(hint.start.point.lat_deg, hint.start.point.lon_deg)
            places.hint(said)
            self._seeker.begin_anew()

    def _still(self, t_ns: int) -> Advance:
        """Time goes on without odometry; the measured heading may err otherwise than before, or be none at all.

        Where the measured heading jumped meanwhile nothing tells whether the vehicle turned or the compass erred.
        """
        since_ns, self._last_ns = self._last_ns, t_ns
        config, jump_rad = self._config.filter, self._compass_change_rad()
        if not self._has_compass:
            return Advance(t_ns, None, min(math.pi, math.radians(config.turn_rate_dps) * (t_ns - since_ns) * 1e-9))
        noise_rad = math.sqrt(2.0) * math.radians(config.heading_noise_deg)
        return Advance(t_ns, None, jump_rad if jump_rad > math.radians(_COMPASS_JUMP_DEG) else noise_rad)

    def _compass_change_rad(self) -> float:
        """By how much the measured heading differs from what it was at the frame before."""
        if self._attitude is None:
            return 0.0
        before, self._yaw_rad = self._yaw_rad, rpy_from_rotation(self._attitude.ned_from_body)[2]
        return 0.0 if before is None else abs(wrap_pi(self._yaw_rad - before))

    @property
    def _has_compass(self) -> bool:
        return self._attitude is None or self._attitude.std_rad[2] < math.pi

    def _likeliest(self, places: Hypotheses, sight: Sight) -> Pose:
        """The pose about which a frame is laid down: the likeliest, or where nothing is known what the sensors say."""
        if places.ranked:
            return pose_of(places.ranked[0].state)
        scale_std = sight.log_scale_std(self._config.filter.min_scale_std)
        return Pose((0.0, 0.0), 0.0, 0.0, sight.attitude.std_rad[2], scale_std)

    def _motion(self, sight: Sight, laid: Laid) -> Advance:
        """How the vehicle moved since the last view, which this one then replaces unless it is too young."""
        t_ns, previous, config = sight.frame.t_ns, self._view, self._config
        still = self._still(t_ns)
        if previous is not None and t_ns - previous.t_ns < config.odometry.min_gap_s * 1e9:
            return still
        before, self._assumed = self._assumed, (laid.pose.heading_rad, laid.pose.log_scale)
        before_rad, self._laid_rad = self._laid_rad, sight.yaw_rad + laid.pose.heading_rad
        trusted, self._trusted = self._trusted, False
        self._view = View(t_ns, laid.patch)
        if previous is None:
            return still
        motion = measure_motion(previous, self._view, config.odometry, config.filter.max_speed_mps)
        if motion is None:
            return still
        cov = motion.cov.copy()
        cov[:2, :2] += config.odometry.tilt_share**2 * sight.tilt_cov_m2
        cov[3, 3] += config.odometry.log_scale_std**2
        turn = wrap_pi(motion.turn_rad + self._assumed[0] - before[0])
        if not trusted and self._has_compass and abs(turn) > math.radians(_COMPASS_JUMP_DEG):
            return still
        self._trusted = True
        log_scale = motion.log_scale + self._assumed[1] - before[1]
        bent = feigned(motion.displacement_ne_m, before_rad, sight.height.agl_m * math.exp(laid.pose.log_scale))
        if float(np.hypot(*laid.middle_ne_m)) > _ASLANT * sight.height.agl_m:
            log_scale, cov[3, :], cov[:, 3] = 0.0, 0.0, 0.0
            cov[3, 3], bent = config.filter.scale_noise**2, np.zeros((2, 2))
        step = Step(motion.since_ns, t_ns, motion.displacement_ne_m, turn, log_scale, cov, before, bent)
        return replace(still, step=step)

    def _estimate(self, t_ns: int, name: str, fix: Fix | None) -> Estimate:
        belief, leader = self.belief(), self._places.leader if self._places else None
        told = belief.at(t_ns) if leader is None else belief.told(t_ns, leader.filter.at(t_ns))
        return replace(told, name=name, fix=None if told.point is None else fix, timings_ms=self._asker.watch.ms)

    def _common_cov_m2(self) -> Float:
        """What all fixes near each other have wrong alike: georeference, and relief where the ground is seen aslant."""
        integrity = self._config.integrity
        agl_m = self._middle_agl_m if self._flown.filter.mount_std_deg > 0.0 else None
        displaced = displaced_cov_m2(self._middle_ne_m, agl_m, integrity.relief_share)
        cov: Float = np.eye(2) * integrity.georeference_std_m**2 + displaced
        return cov


def _with_mount_as_told(config: Config) -> Config:
    """The configuration under which the camera is mounted as `camera.json` says."""
    return config.model_copy(update={"filter": config.filter.model_copy(update={"mount_std_deg": 0.0})})


def _local_frame(cache: TileCache, start: Start | None) -> LocalFrame:
    """Metres about the start, or else about the middle of the map."""
    if start is not None:
        return LocalFrame(start.point.lat_deg, start.point.lon_deg)
    west, south, east, north = cache.manifest.region_bounds_deg
    return LocalFrame((south + north) / 2.0, (west + east) / 2.0)


def _says_something(attitude: Attitude) -> bool:
    return bool(np.isfinite([*attitude.ned_from_body.ravel(), *attitude.std_rad]).all()) and min(attitude.std_rad) > 0.0


def _age_s(t_ns: int, reading: Attitude) -> float:
    return abs(t_ns - reading.t_ns) * 1e-9
