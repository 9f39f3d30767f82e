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
Both nodes in one process.

`ros2 launch uavloc_px4 composed.launch.py config_file:=uavloc.toml image:=/camera/image_raw`
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

OF_PX4 = {
    'imu': '/uavloc/attitude',
    'height': '/uavloc/height_above_takeoff',
    'height_above_ground': '/uavloc/height_above_ground',
}
"""What uavloc_px4 publishes, by what uavloc_ros hears."""
TYPES = {'config_file': str, 'autostart': bool, 'queue': int, 'use_sim_time': bool}


def generate_launch_description() -> LaunchDescription:
    """One process; it has no name of its own, since that would be the name of both nodes."""
    shares = {
        name: Path(get_package_share_directory(name)) / 'config'
        for name in ('uavloc_ros', 'uavloc_px4')
    }
    arguments = [
        DeclareLaunchArgument('config_file', description='The TOML that uavloc run takes.'),
        DeclareLaunchArgument(
            'params_file', default_value=str(shares['uavloc_ros'] / 'uavloc.yaml')
        ),
        DeclareLaunchArgument(
            'px4_params_file', default_value=str(shares['uavloc_px4'] / 'px4.yaml')
        ),
        DeclareLaunchArgument('autostart', default_value='true'),
        DeclareLaunchArgument('queue', default_value='1'),
        DeclareLaunchArgument('use_sim_time', default_value='false'),
        DeclareLaunchArgument('image', default_value='image'),
        DeclareLaunchArgument('camera_info', default_value='camera_info'),
    ]
    given = {
        name: ParameterValue(LaunchConfiguration(name), value_type=kind)
        for name, kind in TYPES.items()
    }
    heard = {
        **OF_PX4,
        'image': LaunchConfiguration('image'),
        'camera_info': LaunchConfiguration('camera_info'),
    }
    both = Node(
        package='uavloc_px4',
        executable='uavloc_and_px4',
        output='screen',
        parameters=[
            LaunchConfiguration('params_file'),
            LaunchConfiguration('px4_params_file'),
            given,
        ],
        remappings=list(heard.items()),
    )
    return LaunchDescription([*arguments, both])
