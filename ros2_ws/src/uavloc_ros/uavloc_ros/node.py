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

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseWithCovarianceStamped, QuaternionStamped, TransformStamped
from nav_msgs.msg import Odometry
from nav_msgs.srv import LoadMap
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock as RclpyClock
from rclpy.clock import ClockType
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu, NavSatFix, Range
from std_msgs.msg import Float64
from std_srvs.srv import SetBool
from tf2_msgs.msg import TFMessage

from uavloc.clock import Clock
from uavloc.errors import ConfigError, UavlocError, one_line
from uavloc.logs.flight import RATE_HZ
from uavloc.logs.items import Item
from uavloc.logs.rosmessages import (
    ATTITUDES,
    COMPRESSED,
    IMAGE,
    IMU,
    ODOMETRY,
    QUATERNION,
    RANGE,
    Meanings,
    felt_of,
    height_of,
)
from uavloc.onboard.board import Known
from uavloc.onboard.diagnosis import Diagnosis, Finding
from uavloc.onboard.hosted import HostedFlight
from uavloc.onboard.lookpicture import LookPicture
from uavloc.onboard.opening import Opening
from uavloc.onboard.publishing import Told
from uavloc.types import Estimate, GeoPoint
from uavloc_ros import outgoing

try:
    from uavloc_msgs.srv import Relocalize
except ImportError:
    Relocalize = None

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
PARAMETERS: dict[str, Any] = {
    "config_file": "",
    "autostart": False,
    "queue": 1,
    "max_rate_hz": RATE_HZ,
    "height_above": "take-off",
    "use_odometry": False,
    "map_frame": "map",
    "base_frame": "base_link",
    "publish_tf": False,
    "debug_image": False,
}
_LEVELS = {"good": DiagnosticStatus.OK, "doubtful": DiagnosticStatus.WARN, "bad": DiagnosticStatus.ERROR}
_ABOVE = ("take-off", "ground", "amsl")
_REPORT_S = 1.0
_LOAD_S = 300.0
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
        super().__init__("uavloc")
        for name, default in PARAMETERS.items():
            self.declare_parameter(name, default, ParameterDescriptor(dynamic_typing=True))
        self._given = dict(PARAMETERS)
        self.failed = False
        self._flight: HostedFlight | None = None
        self._is_active = False
        self._entities: list[tuple[Callable[[Any], Any], Any]] = []
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(_REPORT_S, self._report, clock=RclpyClock(clock_type=ClockType.STEADY_TIME))

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open what the configuration file names."""
        try:
            self._open()
        except UavlocError as error:
            return self._not_done(str(error))
        except Exception as error:
            return self._not_done(f"{type(error).__name__}: {one_line(error)}")
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
        """The same, for good."""
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
        self.get_logger().error(f"not configured: {why}")
        self.close()
        return TransitionCallbackReturn.FAILURE

    def _value(self, name: str) -> Any:
        """The value of a parameter, as it was when the node was configured."""
        return self._given[name]

    def _checked(self, name: str) -> Any:
        """The value of a parameter now, of the type of its default; raises ConfigError."""
        value, default = self.get_parameter(name).value, PARAMETERS[name]
        if isinstance(default, float) and type(value) is int:
            value = float(value)
        if type(value) is not type(default):
            raise ConfigError(f"parameter {name}: {value!r} is no {type(default).__name__}")
        return value

    def _open(self) -> None:
        self._given = {name: self._checked(name) for name in PARAMETERS}
        if not self._value("config_file"):
            raise ConfigError("parameter config_file: names no file (the TOML that uavloc run takes)")
        if self._value("height_above") not in _ABOVE:
            raise ConfigError(f"parameter height_above: is none of {', '.join(_ABOVE)}")
        if not 1 <= self._value("queue") <= 10_000:
            raise ConfigError("parameter queue: is not within 1 to 10000")
        if not 0.0 < self._value("max_rate_hz") <= 1000.0:
            raise ConfigError("parameter max_rate_hz: is not within 0 to 1000")
        opening = Opening(Path(self._value("config_file")))
        camera, config = opening.camera, opening.config
        self._camera, self._min_std_m = camera, config.publish.min_std_m
        self._meanings = Meanings((camera.width_px, camera.height_px), self._value("max_rate_hz"), live=True)
        self._refused, self._attitude_of, self._camera_said = self._meanings.refused, "", "none came"
        self._picture = LookPicture() if self._value("debug_image") else None
        self._flight = HostedFlight(
            opening, RosClock(self), [_Between(self)], self._tell, self._value("queue"), self._picture
        )
        self._diagnosis = Diagnosis(self._flight, self._refused, config.onboard.frame_timeout_s)
        bounds = self._flight.localizing.board.newest.ground.bounds
        middle = GeoPoint((bounds.south_deg + bounds.north_deg) / 2, (bounds.west_deg + bounds.east_deg) / 2)
        about = middle if opening.start is None else opening.start.point
        self._poses, self._between = (outgoing.LocalPoses(about, self._min_std_m) for _ in range(2))
        self._speak(about)
        self._listen()
        self._serve()

    def _speak(self, about: GeoPoint) -> None:
        frame = self._value("map_frame")
        self._origin_message = outgoing.origin(NavSatFix(), self._now_ns(), about, frame)
        self._fix = self._publisher(NavSatFix, "~/fix")
        self._pose = self._publisher(PoseWithCovarianceStamped, "~/pose")
        self._odometry = self._publisher(Odometry, "~/odometry")
        self._origin = self._publisher(NavSatFix, "~/origin", LATCHED)
        self._tf = self._publisher(TFMessage, "/tf", 100) if self._value("publish_tf") else None
        self._debug = self._publisher(Image, "~/debug_image", _sensor_data(5)) if self._picture else None

    def _publisher(self, message: Any, topic: str, qos: Any = 10) -> Any:
        publisher = self.create_lifecycle_publisher(message, topic, qos)
        self._entities.append((self.destroy_lifecycle_publisher, publisher))
        return publisher

    def _listen(self) -> None:
        pictures, readings = _sensor_data(max(5, self._value("queue"))), _sensor_data(200)
        self._hear(Image, "image", partial(self._heard, IMAGE), pictures)
        self._hear(CompressedImage, self._compressed_topic(), partial(self._heard, COMPRESSED), pictures)
        self._hear(CameraInfo, "camera_info", self._saw_camera, readings)
        self._hear(Imu, "imu", partial(self._heard, IMU), readings)
        self._hear(QuaternionStamped, "attitude", partial(self._heard, QUATERNION), readings)
        self._hear(Range, "range", partial(self._heard, RANGE), readings)
        self._hear(Float64, "height", partial(self._heard_height, self._value("height_above")), readings)
        self._hear(Float64, "height_above_ground", partial(self._heard_height, "ground"), readings)
        if self._value("use_odometry"):
            self._hear(Odometry, "odometry", partial(self._heard, ODOMETRY), readings)

    def _hear(self, message: Any, topic: str, heard: Callable[[Any], None], qos: QoSProfile) -> None:
        self._entities.append((self.destroy_subscription, self.create_subscription(message, topic, heard, qos)))

    def _compressed_topic(self) -> str:
        """As image_transport has it: below the topic of the pictures, wherever that was remapped to."""
        pictures = self.resolve_topic_name("image")
        remapped = pictures != self.resolve_topic_name("image", only_expand=True)
        return f"{pictures}/compressed" if remapped else "image/compressed"

    def _serve(self) -> None:
        group = MutuallyExclusiveCallbackGroup()
        services = [(SetBool, "~/pause", self._asked_to_pause), (LoadMap, "~/load_cache", self._asked_to_load)]
        if Relocalize is None:
            self.get_logger().warning("uavloc_msgs is not built: there is no service relocalize")
        else:
            services.append((Relocalize, "~/relocalize", self._asked_to_relocalize))
        for kind, name, answer in services:
            service = self.create_service(kind, name, answer, callback_group=group)
            self._entities.append((self.destroy_service, service))

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _heard(self, kind: str, message: Any) -> None:
        if kind in ATTITUDES and self._attitude_of not in {"", kind}:
            return
        item = self._take(kind, partial(self._meanings.readers[kind], message))
        if item is not None and kind in ATTITUDES:
            self._attitude_of = kind
        if item is not None and kind == IMU:
            self._take("imu", lambda _: felt_of(message, item.t_ns))

    def _heard_height(self, above: Any, message: Any) -> None:
        self._take("height", lambda came_ns: height_of(message, came_ns, above))

    def _take(self, what: str, read: Callable[[int], Item | None]) -> Item | None:
        """What a message said; one that cannot be read is counted."""
        flight = self._flight
        if flight is None or not self._is_active:
            return None
        since_s = time.perf_counter()
        try:
            item = read(self._now_ns())
        except Exception as error:  # whatever a publisher puts into a message, the flight goes on
            self._refused[f"{what}: {type(error).__name__}: {one_line(error)[:80]}"] += 1
            return None
        if item is not None:
            flight.take(item)
        if what in {IMAGE, COMPRESSED}:
            flight.timings.add({"heard": 1e3 * (time.perf_counter() - since_s)})
        return item

    def _saw_camera(self, message: CameraInfo) -> None:
        self._camera_said = outgoing.camera_trouble(message, self._camera)

    def _tell(self, told: Told, known: Known) -> None:
        """Publish what is known of a frame, in the thread of the localizer."""
        estimate, base, frame = told.estimate, self._value("base_frame"), self._value("map_frame")
        self._fix.publish(outgoing.fix(NavSatFix(), estimate, base, self._min_std_m))
        if estimate.point is not None:
            pose = outgoing.stamp(PoseWithCovarianceStamped(), estimate.t_ns, frame)
            self._poses.pose(pose.pose, estimate, known.belief.attitude)
            self._pose.publish(pose)
        if self._picture is not None and self._debug is not None and self._debug.get_subscription_count():
            assert self._flight is not None
            pixels = self._picture.taken(estimate, self._flight.localizing.cache)
            if pixels is not None:
                self._debug.publish(outgoing.picture(Image(), estimate.t_ns, pixels, base))

    def tell_between(self, estimate: Estimate) -> None:
        """Publish what is known now, in the thread for that."""
        flight = self._flight
        if estimate.point is None or flight is None or not self._is_active:
            return
        odometry = outgoing.stamp(Odometry(), estimate.t_ns, self._value("map_frame"))
        attitude = flight.localizing.board.newest.belief.attitude
        self._between.odometry(odometry, estimate, attitude, self._value("base_frame"))
        self._odometry.publish(odometry)
        if self._tf is not None:
            self._tf.publish(TFMessage(transforms=[outgoing.transform(TransformStamped(), odometry)]))

    def _asked_to_pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        operator = self._operator()
        response.success = operator is not None
        response.message = "not configured"
        if operator is not None:
            response.message = operator.pause() if request.data else operator.resume()
        return response

    def _asked_to_relocalize(self, request: Any, response: Any) -> Any:
        operator = self._operator()
        try:
            if operator is None:
                raise ConfigError("not configured")
            response.message = operator.hint(GeoPoint(request.latitude, request.longitude), request.radius)
            response.success = True
        except UavlocError as error:
            response.success, response.message = False, str(error)
        return response

    def _asked_to_load(self, request: LoadMap.Request, response: LoadMap.Response) -> LoadMap.Response:
        """Answered when the cache is open, or not to be opened."""
        operator, path = self._operator(), Path(request.map_url.removeprefix("file://"))
        response.result = LoadMap.Response.RESULT_UNDEFINED_FAILURE
        if operator is None:
            return response
        if not path.is_file():
            response.result = LoadMap.Response.RESULT_MAP_DOES_NOT_EXIST
            return response
        try:
            said = operator.switch(path)
        except UavlocError as error:
            self.get_logger().error(str(error))
            return response
        until_s = time.monotonic() + _LOAD_S
        while said.startswith("opening") and time.monotonic() < until_s and rclpy.ok():
            time.sleep(0.02)
            said = str(operator.status()["switch"])
        opened = said.startswith("opened")
        (self.get_logger().info if opened else self.get_logger().error)(f"cache: {said}")
        results = LoadMap.Response
        response.result = results.RESULT_SUCCESS if opened else results.RESULT_INVALID_MAP_DATA
        return response

    def _operator(self) -> Any:
        return None if self._flight is None else self._flight.operator

    def _report(self) -> None:
        """The diagnostics; a flight that cannot go on ends the process, to be started again."""
        flight, now_ns = self._flight, self._now_ns()
        if flight is None:
            findings = [Finding("program", "doubtful", "not configured")]
        else:
            findings = [*self._diagnosis.findings(now_ns), self._camera_finding()]
        told = outgoing.stamp(DiagnosticArray(), now_ns, "")
        told.status = [_status(finding) for finding in findings]
        self._diagnostics.publish(told)
        trouble = flight.trouble() if flight is not None and self._is_active else None
        if trouble is not None:
            self.get_logger().fatal(f"{trouble}: the program ends, to be started again")
            self.failed = True
            rclpy.try_shutdown()

    def _camera_finding(self) -> Finding:
        said = self._camera_said
        return Finding("camera_info", "doubtful" if said else "good", said or "agrees with the camera file")


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
    level, name = _LEVELS[finding.level], f"uavloc: {finding.part}"
    return DiagnosticStatus(level=level, name=name, message=finding.said, hardware_id="uavloc", values=values)


def _sensor_data(depth: int) -> QoSProfile:
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)


def main(args: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; 2 for a configuration that cannot work, 1 for a flight that failed."""
    return run(args)


def run(args: list[str] | None, beside: Callable[[], list[Any]] = list) -> int:
    """The same, with the nodes that `beside` makes in this process too; it may raise UavlocError."""
    rclpy.init(args=args)
    node, code = UavlocNode(), 0
    nodes: list[Any] = [node]
    try:
        nodes += beside()
        executor = MultiThreadedExecutor(num_threads=2 + len(nodes))
        for each in nodes:
            executor.add_node(each)
        if node.get_parameter("autostart").value is True and not _started(node):
            code = _USAGE
        else:
            executor.spin()
    except UavlocError as error:
        sys.stderr.write(f"{error}\n")
        code = _USAGE
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.close()
        for each in nodes:
            each.destroy_node()
        rclpy.try_shutdown()
    return _FAILED if node.failed else code


def _started(node: UavlocNode) -> bool:
    """Configure and activate."""
    steps = (node.trigger_configure, node.trigger_activate)
    return all(step() == TransitionCallbackReturn.SUCCESS for step in steps)


if __name__ == "__main__":
    sys.exit(main())
