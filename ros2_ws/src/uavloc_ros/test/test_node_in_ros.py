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

"""The node over the real rclpy: what the tests without ROS cannot tell. Run by `colcon test`."""

from __future__ import annotations

import json
from pathlib import Path
import signal
import subprocess
import sys
import threading

import pytest

pytest.importorskip(
    'rclpy', reason='rclpy is not installed: source /opt/ros/DISTRIBUTION/setup.bash'
)
pytest.importorskip(
    'uavloc', reason='uavloc is not installed in the Python of ROS: pip install uavloc'
)

COMMAND = [sys.executable, '-m', 'uavloc_ros.node', '--ros-args']


def test_a_node_that_has_no_configuration_says_so_and_ends(tmp_path: Path) -> None:
    ran = subprocess.run(
        [*COMMAND, '-p', 'autostart:=true'],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2
    assert 'config_file' in ran.stdout + ran.stderr


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_node_cleanly(how: signal.Signals) -> None:
    with subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        killing = threading.Timer(60, process.kill)
        killing.start()
        first = process.stdout.readline()  # it is there
        process.send_signal(how)
        said = first + process.communicate(timeout=20)[0]
        killing.cancel()
    assert process.returncode == 0, said
    assert 'Traceback' not in said


def test_messages_are_filled_as_the_generated_code_wants_them() -> None:
    from nav_msgs.msg import Odometry
    import numpy as np
    from sensor_msgs.msg import Image, NavSatFix

    from uavloc.types import Attitude, Estimate, GeoPoint, Outcome
    from uavloc_ros import outgoing

    point = GeoPoint(48.0, 11.0)
    estimate = Estimate(10**18 + 1, '', Outcome.FIX, point, np.eye(2), (1.0, 2.0), 0.5, 0.3)
    attitude = Attitude(10**18, np.eye(3), (0.1, 0.1, 0.1))
    fix = outgoing.fix(NavSatFix(), estimate, 'base_link', 0.5)
    assert (fix.header.stamp.sec, fix.header.stamp.nanosec) == (10**9, 1)
    odometry = outgoing.LocalPoses(point, 0.5).odometry(
        Odometry(), estimate, attitude, 'base_link'
    )
    assert json.dumps(list(odometry.pose.covariance))
    assert outgoing.picture(Image(), 1, np.zeros((2, 2, 3), np.uint8), 'base_link').step == 6
