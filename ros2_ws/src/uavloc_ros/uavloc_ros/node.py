# Copyright 2026 The uavloc developers
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""The node: subscribes, calls, publishes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
import sys
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseWithCovarianceStamped, QuaternionStamped, TransformStamped
from nav_msgs.msg import Odometry
import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock as RclpyClock
from rclpy.clock import ClockType
from rclpy.executors import MultiThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu, NavSatFix, Range
from std_msgs.msg import Float64
from tf2_msgs.msg import TFMessage

from uavloc.clock import Clock
from uavloc.errors import ConfigError, one_line, UavlocError
from uavloc.logs.items import Item
from uavloc.logs.rosmessages import (
    ATTITUDES,
    COMPRESSED,
    felt_of,
    height_of,
    IMAGE,
    IMU,
    Meanings,
    ODOMETRY,
    QUATERNION,
    RANGE,
)
from uavloc.onboard.board import Known
from uavloc.onboard.diagnosis import Diagnosis, Finding
from uavloc.onboard.hosted import HostedFlight
from uavloc.onboard.lookpicture import LookPicture
from uavloc.onboard.opening import Opening
from uavloc.onboard.publishing import Told
from uavloc.types import Estimate, GeoPoint
from uavloc_ros import outgoing, parameters
from uavloc_ros.once import Once
from uavloc_ros.running import ros, spin
from uavloc_ros.services import Services
from uavloc_ros.settings import Settings

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_LEVELS = {
    'good': DiagnosticStatus.OK,
    'doubtful': DiagnosticStatus.WARN,
    'bad': DiagnosticStatus.ERROR,
}
_REPORT_S, _SAVE_S = 1.0, 1.0
_USAGE, _FAILED = 2, 1


class RosClock(Clock):
    """The clock of the node: that of the machine, or of a simulation or a bag (use_sim_time)."""

    def __init__(self, node: LifecycleNode) -> None:
        super().__init__()
        self._node = node

    def now_ns(self) -> int:
        """Nanoseconds; 0 while a simulated clock has not begun."""
        return int(self._node.get_clock().now().nanoseconds)


class UavlocNode(LifecycleNode):
    """Configured, it has everything open; active, it hears and publishes."""

    def __init__(self) -> None:
        super().__init__('uavloc')
        parameters.declare(self, Settings)
        self.failed = False
        self._flight: HostedFlight | None = None
        self._is_active = False
        self._entities: list[tuple[Callable[[Any], Any], Any]] = []
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self.create_timer(
            _REPORT_S, self._report, clock=RclpyClock(clock_type=ClockType.STEADY_TIME)
        )

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open what the configuration file names."""
        try:
            self._open()
        except UavlocError as error:
            return self._not_done(str(error))
        except Exception as error:
            return self._not_done(f'{type(error).__name__}: {one_line(error)}')
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin, or go on."""
        assert self._flight is not None
        try:
            self._flight.start()
        except UavlocError as error:
            self.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        self._is_active = True
        done = super().on_activate(state)
        self._origin.publish(self._origin_message)
        return done

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Pause: what is known is kept."""
        self._is_active = False
        if self._flight is not None:
            self._flight.stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of everything."""
        self.close()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of everything, for good."""
        self.close()
        return super().on_shutdown(state)

    def close(self) -> None:
        """Stop hearing, working and publishing."""
        self._is_active = False
        flight, self._flight = self._flight, None
        if flight is not None:
            flight.close()
        for destroy, entity in self._entities:
            destroy(entity)
        self._entities = []

    def _not_done(self, why: str) -> TransitionCallbackReturn:
        self.get_logger().error(f'not configured: {why}')
        self.close()
        return TransitionCallbackReturn.FAILURE

    def _open(self) -> None:
        self._settings = settings = parameters.read(self, Settings)
        opening = Opening(Path(settings.config_file))
        self._check_state(opening.config.mission.state)
        camera, config = opening.camera, opening.config
        self._camera, self._min_std_m = camera, config.publish.min_std_m
        self._meanings = Meanings(
            (camera.width_px, camera.height_px), settings.max_rate_hz, live=True
        )
        self._refused, self._attitude_of, self._camera_said = (
            self._meanings.refused,
            '',
            'none came',
        )
        self._picture = LookPicture() if settings.debug_image else None
        self._flight = HostedFlight(
            opening, RosClock(self), [_Between(self)], self._tell, settings.queue, self._picture,
            keep_state=settings.keep_state,
        )  # fmt: skip
        self._diagnosis = Diagnosis(self._flight, self._refused, config.onboard.frame_timeout_s)
        bounds = self._flight.localizing.board.newest.ground.bounds
        middle = GeoPoint(
            (bounds.south_deg + bounds.north_deg) / 2, (bounds.west_deg + bounds.east_deg) / 2
        )
        about = middle if opening.start is None else opening.start.point
        self._poses, self._between = (
            outgoing.LocalPoses(about, self._min_std_m) for _ in range(2)
        )
        self._speak(about)
        self._listen()
        self._serve()
        if settings.keep_state:
            self._keep()

    def _check_state(self, path: str) -> None:
        if not self._settings.keep_state:
            return
        if not path:
            raise ConfigError(
                'parameter keep_state: mission.state of the configuration names no file'
            )
        if self.get_parameter('use_sim_time').value:
            raise ConfigError(
                'parameter keep_state: not with use_sim_time: a state ages by the real clock'
            )

    def _speak(self, about: GeoPoint) -> None:
        settings = self._settings
        self._origin_message = outgoing.origin(
            NavSatFix(), self._now_ns(), about, settings.map_frame
        )
        self._fix = self._publisher(NavSatFix, '~/fix')
        self._pose = self._publisher(PoseWithCovarianceStamped, '~/pose')
        self._odometry = self._publisher(Odometry, '~/odometry')
        self._origin = self._publisher(NavSatFix, '~/origin', LATCHED)
        self._tf = self._publisher(TFMessage, '/tf', 100) if settings.publish_tf else None
        self._debug = (
            self._publisher(Image, '~/debug_image', _sensor_data(5)) if self._picture else None
        )

    def _publisher(self, message: Any, topic: str, qos: Any = 10) -> Any:
        publisher = self.create_lifecycle_publisher(message, topic, qos)
        self._entities.append((self.destroy_lifecycle_publisher, publisher))
        return publisher

    def _listen(self) -> None:
        settings = self._settings
        pictures, readings = max(5, settings.queue), 200
        self._hear_stamped(Image, 'image', IMAGE, pictures)
        self._hear_stamped(CompressedImage, self._compressed_topic(), COMPRESSED, pictures)
        self._hear_stamped(Imu, 'imu', IMU, readings)
        self._hear_stamped(QuaternionStamped, 'attitude', QUATERNION, readings)
        self._hear_stamped(Range, 'range', RANGE, readings)
        if settings.use_odometry:
            self._hear_stamped(Odometry, 'odometry', ODOMETRY, readings)
        self._hear(CameraInfo, 'camera_info', self._saw_camera, _sensor_data(readings))
        self._hear(
            Float64,
            'height',
            partial(self._heard_height, settings.height_above),
            _sensor_data(readings),
        )
        self._hear(
            Float64,
            'height_above_ground',
            partial(self._heard_height, 'ground'),
            _sensor_data(readings),
        )

    def _hear_stamped(self, message: Any, topic: str, kind: str, depth: int) -> None:
        once = Once(partial(self._heard, kind))
        self._hear(message, topic, once.best_effort, _sensor_data(depth))
        if self._settings.keeps_all:
            self._hear(
                message,
                topic,
                once.reliable,
                QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE),
            )

    def _hear(
        self, message: Any, topic: str, heard: Callable[[Any], None], qos: QoSProfile
    ) -> None:
        self._entities.append(
            (self.destroy_subscription, self.create_subscription(message, topic, heard, qos))
        )

    def _compressed_topic(self) -> str:
        """As image_transport has it: below that of the pictures, unless it has its own name."""
        own = 'image/compressed'
        if self._is_remapped(own) or not self._is_remapped('image'):
            return own
        return f'{self.resolve_topic_name("image")}/compressed'

    def _is_remapped(self, topic: str) -> bool:
        return bool(
            self.resolve_topic_name(topic) != self.resolve_topic_name(topic, only_expand=True)
        )

    def _serve(self) -> None:
        group = MutuallyExclusiveCallbackGroup()
        asked = Services(
            lambda: None if self._flight is None else self._flight.operator, self.get_logger()
        )
        for kind, name, answer in asked.offered():
            service = self.create_service(kind, name, answer, callback_group=group)
            self._entities.append((self.destroy_service, service))

    def _keep(self) -> None:
        """Save now and then, with no message waiting: a disk may be slow."""
        group, steady = (
            MutuallyExclusiveCallbackGroup(),
            RclpyClock(clock_type=ClockType.STEADY_TIME),
        )
        timer = self.create_timer(_SAVE_S, self._save, callback_group=group, clock=steady)
        self._entities.append((self.destroy_timer, timer))

    def _save(self) -> None:
        flight = self._flight
        if flight is not None and self._is_active:
            flight.save()

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _heard(self, kind: str, message: Any) -> None:
        if kind in ATTITUDES and self._attitude_of not in {'', kind}:
            return
        item = self._take(kind, partial(self._meanings.readers[kind], message))
        if item is not None and kind in ATTITUDES:
            self._attitude_of = kind
        if item is not None and kind == IMU:
            self._take('imu', lambda _: felt_of(message, item.t_ns))

    def _heard_height(self, above: Any, message: Any) -> None:
        self._take('height', lambda came_ns: height_of(message, came_ns, above))

    def _take(self, what: str, read: Callable[[int], Item | None]) -> Item | None:
        """Take what a message said; one that cannot be read is counted."""
        flight = self._flight
        if flight is None or not self._is_active:
            return None
        since_s = time.perf_counter()
        try:
            item = read(self._now_ns())
        except Exception as error:  # whatever a publisher puts into a message, the flight goes on
            self._refused[f'{what}: {type(error).__name__}: {one_line(error)[:80]}'] += 1
            return None
        if item is not None:
            flight.take(item)
        if what in {IMAGE, COMPRESSED}:
            flight.timings.add({'heard': 1e3 * (time.perf_counter() - since_s)})
        return item

    def _saw_camera(self, message: CameraInfo) -> None:
        self._camera_said = outgoing.camera_trouble(message, self._camera)

    def _tell(self, told: Told, known: Known) -> None:
        """Publish what is known of a frame, in the thread of the localizer."""
        estimate, settings = told.estimate, self._settings
        _say(self._fix, outgoing.fix(NavSatFix(), estimate, settings.base_frame, self._min_std_m))
        if estimate.point is not None:
            pose = outgoing.stamp(PoseWithCovarianceStamped(), estimate.t_ns, settings.map_frame)
            self._poses.pose(pose.pose, estimate, known.belief.attitude)
            _say(self._pose, pose)
        if (
            self._picture is not None
            and self._debug is not None
            and self._debug.get_subscription_count()
        ):
            assert self._flight is not None
            pixels = self._picture.taken(estimate, self._flight.localizing.cache)
            if pixels is not None:
                _say(
                    self._debug,
                    outgoing.picture(Image(), estimate.t_ns, pixels, settings.base_frame),
                )

    def tell_between(self, estimate: Estimate) -> None:
        """Publish what is known now, in the thread for that."""
        flight, settings = self._flight, self._settings
        if estimate.point is None or flight is None or not self._is_active:
            return
        odometry = outgoing.stamp(Odometry(), estimate.t_ns, settings.map_frame)
        attitude = flight.attitude_at(estimate.t_ns)
        self._between.odometry(odometry, estimate, attitude, settings.base_frame)
        _say(self._odometry, odometry)
        if self._tf is not None:
            _say(
                self._tf, TFMessage(transforms=[outgoing.transform(TransformStamped(), odometry)])
            )

    def _report(self) -> None:
        """Publish diagnostics; a flight that cannot go on ends the process: start it again."""
        flight, now_ns = self._flight, self._now_ns()
        if flight is None:
            findings = [Finding('program', 'doubtful', 'not configured')]
        else:
            findings = [*self._diagnosis.findings(now_ns), self._camera_finding()]
        told = outgoing.stamp(DiagnosticArray(), now_ns, '')
        told.status = [_status(finding) for finding in findings]
        self._diagnostics.publish(told)
        trouble = flight.trouble() if flight is not None and self._is_active else None
        if trouble is not None:
            self.get_logger().fatal(f'{trouble}: the program ends, to be started again')
            self.failed = True
            rclpy.try_shutdown()

    def _camera_finding(self) -> Finding:
        said = self._camera_said
        return Finding(
            'camera_info', 'doubtful' if said else 'good', said or 'agrees with the camera file'
        )


class _Between:
    """A `Publisher` of what is known between frames."""

    def __init__(self, node: UavlocNode) -> None:
        self._node = node

    def publish(self, estimate: Estimate) -> None:
        """Publish an estimate."""
        self._node.tell_between(estimate)

    def close(self) -> None:
        """Nothing is left to do."""


def _status(finding: Finding) -> DiagnosticStatus:
    values = [KeyValue(key=key, value=value) for key, value in finding.values.items()]
    level, name = _LEVELS[finding.level], f'uavloc: {finding.part}'
    return DiagnosticStatus(
        level=level, name=name, message=finding.said, hardware_id='uavloc', values=values
    )


def _say(publisher: Any, message: Any) -> None:
    """Publish, unless the end was asked for: rclpy raises then."""
    if rclpy.ok():
        publisher.publish(message)


def _sensor_data(depth: int) -> QoSProfile:
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)


def main(args: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; 2 for an unusable configuration, 1 for a failed flight."""
    return run(args)


def run(args: list[str] | None, beside: Callable[[], list[Any]] = list) -> int:
    """Run with the nodes of `beside` in this process too; it may raise UavlocError."""
    code, nodes = 0, list[Any]()
    with ros(args):
        try:
            node = UavlocNode()
            nodes += [node, *beside()]
            if node.get_parameter('autostart').value is not True:
                node.get_logger().info(
                    f'not configured yet: ros2 lifecycle set {node.get_name()} configure'
                )
            elif not _started(node):
                code = _USAGE
            if not code:
                spin(MultiThreadedExecutor(num_threads=2 + len(nodes)), nodes)
        except UavlocError as error:
            sys.stderr.write(f'{error}\n')
            code = _USAGE
        finally:
            code = _ended(nodes) or code
    return code


def _ended(nodes: list[Any]) -> int:
    """Let go of all nodes; the exit code of a flight that failed, else 0."""
    for node in nodes[:1]:
        node.close()
    for node in nodes:
        node.destroy_node()
    return _FAILED if any(node.failed for node in nodes[:1]) else 0


def _started(node: UavlocNode) -> bool:
    """Configure and activate."""
    steps = (node.trigger_configure, node.trigger_activate)
    return all(step() == TransitionCallbackReturn.SUCCESS for step in steps)


if __name__ == '__main__':
    sys.exit(main())
