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

"""
The node alone.

`ros2 launch uavloc_ros uavloc.launch.py config_file:=uavloc.toml image:=/camera/image_raw`
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

TOPICS = (
    'image',
    'camera_info',
    'imu',
    'attitude',
    'range',
    'height',
    'height_above_ground',
    'odometry',
)
"""Each is an argument too: where the node hears it."""


def generate_launch_description() -> LaunchDescription:
    """One node, configured and activated at once unless `autostart:=false`."""
    share = Path(get_package_share_directory('uavloc_ros'))
    arguments = [
        DeclareLaunchArgument('config_file', description='The TOML that uavloc run takes.'),
        DeclareLaunchArgument('params_file', default_value=str(share / 'config' / 'uavloc.yaml')),
        DeclareLaunchArgument(
            'autostart', default_value='true', description='Configure and activate at once.'
        ),
        DeclareLaunchArgument(
            'queue', default_value='1', description='1: the newest picture only; more for a bag.'
        ),
        DeclareLaunchArgument('use_sim_time', default_value='false'),
        *(DeclareLaunchArgument(topic, default_value=topic) for topic in TOPICS),
    ]
    typed = {'autostart': bool, 'queue': int, 'use_sim_time': bool, 'config_file': str}
    values = {
        name: ParameterValue(LaunchConfiguration(name), value_type=kind)
        for name, kind in typed.items()
    }
    node = Node(
        package='uavloc_ros',
        executable='uavloc_node',
        name='uavloc',
        output='screen',
        parameters=[LaunchConfiguration('params_file'), values],
        remappings=[(topic, LaunchConfiguration(topic)) for topic in TOPICS],
    )
    return LaunchDescription([*arguments, node])
