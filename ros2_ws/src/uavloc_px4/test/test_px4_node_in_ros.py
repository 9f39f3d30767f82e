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

"""The node over the real rclpy and px4_msgs: what tests without ROS cannot tell. For colcon."""

from __future__ import annotations

import math
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
px4 = pytest.importorskip('px4_msgs.msg', reason='px4_msgs is not built in this workspace')

from uavloc.autopilot.auxposition import AuxPosition  # noqa: E402
from uavloc_px4.generation import generation_for  # noqa: E402
from uavloc_px4.told import aux_fields, filled, flags_of, orientation_of  # noqa: E402

COMMAND = [sys.executable, '-m', 'uavloc_px4.node', '--ros-args']


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_node_cleanly(how: signal.Signals) -> None:
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


def test_a_parameter_that_cannot_work_is_refused_in_one_line() -> None:
    ran = subprocess.run(
        [*COMMAND, '-p', 'sensor_id:=0'], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 2
    assert 'parameter sensor_id: must be at least 1, not 0' in ran.stderr


def test_messages_are_filled_and_read_as_the_generated_code_wants_them() -> None:
    generation = generation_for('auto', lambda name: hasattr(px4, name))
    message = getattr(px4, generation.type_name)()
    filled(message, aux_fields(AuxPosition(1, 47.4, 8.55, 2.0, 17), 2_000_000, 1_900_000, 3))
    assert (message.timestamp, message.timestamp_sample, message.lat, message.lon) == (
        2_000_000,
        1_900_000,
        47.4,
        8.55,
    )
    assert (message.eph, message.lat_lon_reset_counter) == (2.0, 17)
    assert math.isnan(message.alt)
    attitude = px4.VehicleAttitude()
    attitude.q = [1.0, 0.0, 0.0, 0.0]
    assert orientation_of(attitude, 5, flags_of(px4.EstimatorStatusFlags())) is not None
