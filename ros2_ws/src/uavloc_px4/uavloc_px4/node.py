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
import sys
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from nav_msgs.msg import Odometry
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    qos_profile_sensor_data,
    QoSProfile,
    ReliabilityPolicy,
)
from rclpy.time import Time
from sensor_msgs.msg import Imu, NavSatFix
from std_msgs.msg import Float64

from uavloc.errors import ConfigError, one_line, UavlocError
from uavloc_px4.generation import generation_for, POSITION_TOPIC, topic_of
from uavloc_px4.relay import Heights, Relay
from uavloc_px4.report import report
from uavloc_px4.settings import Settings
from uavloc_px4.told import filled, lacking, Orientation
from uavloc_ros import parameters
from uavloc_ros.running import ros, spin

PX4_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.BEST_EFFORT,
    durability=DurabilityPolicy.VOLATILE,
)
"""What PX4 reads with, and fits what it writes with (transient local): only the newest counts."""
LATCHED_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
_REPORT_S = 1.0
_NOT_TOLD = -1.0
"""First element of a covariance of sensor_msgs/Imu whose quantity is not there."""
_USAGE = 2


class Px4Node(Node):
    """Between uavloc and PX4; raises ConfigError for what the installed px4_msgs cannot serve."""

    def __init__(self) -> None:
        super().__init__('uavloc_px4')
        self._px4 = _px4_messages()
        parameters.declare(self, Settings)
        self._settings = parameters.read(self, Settings)
        generation = generation_for(
            self._settings.px4_version, lambda name: hasattr(self._px4, name)
        )
        self._relay = Relay(self._settings, generation, self._now_ns())
        self._message = getattr(self._px4, generation.type_name)
        if missing := lacking(self._message()):
            raise ConfigError(
                f'px4_msgs/{generation.type_name} has no field {missing[0]}: '
                'not one this node knows'
            )
        self._topic = self._settings.topic(topic_of(POSITION_TOPIC, self._message))
        self._position = self.create_publisher(self._message, self._topic, PX4_QOS)
        self._attitude = self.create_publisher(Imu, 'uavloc/attitude', qos_profile_sensor_data)
        self._above_ground = self.create_publisher(
            Float64, 'uavloc/height_above_ground', qos_profile_sensor_data
        )
        self._above_takeoff = self.create_publisher(
            Float64, 'uavloc/height_above_takeoff', qos_profile_sensor_data
        )
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self.create_subscription(
            NavSatFix, 'uavloc/fix', self._heard(self._relay.fix, self._send), 10
        )
        self.create_subscription(
            Odometry, 'uavloc/odometry', self._heard(self._relay.odometry, self._send), 10
        )
        self.create_subscription(
            NavSatFix, 'uavloc/origin', self._heard(self._relay.origin), LATCHED_QOS
        )
        self._listen('VehicleAttitude', 'vehicle_attitude', self._relay.attitude, self._turn)
        self._listen(
            'VehicleLocalPosition', 'vehicle_local_position', self._relay.heights, self._rise
        )
        self._listen('EstimatorStatusFlags', 'estimator_status_flags', self._relay.flags)
        self._listen('TimesyncStatus', 'timesync_status', self._relay.timesync)
        self.create_timer(_REPORT_S, self._tell, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(f'positions go out as {generation.type_name} on {self._topic}')

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _listen(
        self, type_name: str, topic: str, take: Callable[[Any, int], Any], then: Any = None
    ) -> None:
        message = getattr(self._px4, type_name)
        name = self._settings.topic(topic_of(f'/fmu/out/{topic}', message))
        self.create_subscription(message, name, self._heard(take, then), PX4_QOS)

    def _heard(
        self, take: Callable[[Any, int], Any], then: Callable[[Any], None] | None = None
    ) -> Callable[[Any], None]:
        def heard(message: Any) -> None:
            try:
                result = take(message, self._now_ns())
            except (
                Exception
            ) as error:  # whatever a publisher puts into a message, the flight goes on
                self._relay.counts[
                    f'unreadable: {type(error).__name__}: {one_line(error)[:80]}'
                ] += 1
                return
            if result is not None and then is not None:
                then(result)

        return heard

    def _send(self, fields: dict[str, Any]) -> None:
        self._position.publish(filled(self._message(), fields))

    def _turn(self, orientation: Orientation) -> None:
        """As REP 103 and REP 145 have it; what is not told is marked so."""
        told = Imu()
        told.header.stamp = Time(nanoseconds=orientation.t_ns).to_msg()
        told.header.frame_id = self._settings.body_frame
        turned = told.orientation
        turned.x, turned.y, turned.z, turned.w = orientation.enu_from_flu
        roll, pitch, yaw = (std_rad**2 for std_rad in orientation.std_rad)
        told.orientation_covariance = [roll, 0.0, 0.0, 0.0, pitch, 0.0, 0.0, 0.0, yaw]
        told.angular_velocity_covariance = [_NOT_TOLD, *[0.0] * 8]
        told.linear_acceleration_covariance = [_NOT_TOLD, *[0.0] * 8]
        self._attitude.publish(told)

    def _rise(self, heights: Heights) -> None:
        if heights.above_ground_m is not None:
            self._above_ground.publish(Float64(data=heights.above_ground_m))
        if heights.above_takeoff_m is not None:
            self._above_takeoff.publish(Float64(data=heights.above_takeoff_m))

    def _tell(self) -> None:
        """Publish the diagnostics."""
        listeners = self._position.get_subscription_count()
        told = DiagnosticArray()
        told.header.stamp = self.get_clock().now().to_msg()
        for part in report(
            self._relay, self._now_ns(), listeners, self._topic, self._message.__name__
        ):
            status = DiagnosticStatus(name=part.name, message=part.message, hardware_id='px4')
            status.level = bytes([part.level])
            status.values = [KeyValue(key=key, value=value) for key, value in part.values.items()]
            told.status.append(status)
        self._diagnostics.publish(told)


def _px4_messages() -> Any:
    """Import px4_msgs, of whichever branch is installed; raises ConfigError where none is."""
    try:
        from px4_msgs import msg
    except ImportError as error:
        raise ConfigError(
            'px4_msgs is not installed: build the branch of it that belongs to the firmware'
        ) from error
    return msg


def main(args: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; 2 for parameters that cannot work."""
    with ros(args):
        try:
            node = Px4Node()
            try:
                spin(SingleThreadedExecutor(), [node])
            finally:
                node.destroy_node()
        except UavlocError as error:
            sys.stderr.write(f'{error}\n')
            return _USAGE
    return 0


if __name__ == '__main__':
    sys.exit(main())
