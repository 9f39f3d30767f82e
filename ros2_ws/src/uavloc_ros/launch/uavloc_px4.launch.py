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
With PX4 over uXRCE-DDS: attitude and heights of the autopilot to uavloc, positions back.

`ros2 launch uavloc_ros uavloc_px4.launch.py config_file:=uavloc.toml image:=/camera/image_raw`
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

OF_PX4 = {
    'imu': '/uavloc/attitude',
    'height': '/uavloc/height_above_takeoff',
    'height_above_ground': '/uavloc/height_above_ground',
}
"""What uavloc_px4 publishes, by what uavloc_ros hears."""
OF_BOTH = {'use_sim_time': LaunchConfiguration('use_sim_time')}
HANDED_ON = ('config_file', 'image', 'camera_info', 'use_sim_time')


def generate_launch_description() -> LaunchDescription:
    """Both nodes."""
    arguments = [
        DeclareLaunchArgument('config_file', description='The TOML that uavloc run takes.'),
        DeclareLaunchArgument('image', default_value='image'),
        DeclareLaunchArgument('camera_info', default_value='camera_info'),
        DeclareLaunchArgument('use_sim_time', default_value='false'),
    ]
    told = {**OF_PX4, **{name: LaunchConfiguration(name) for name in HANDED_ON}}
    return LaunchDescription(
        [
            *arguments,
            _included('uavloc_ros', 'uavloc.launch.py', told),
            _included('uavloc_px4', 'px4.launch.py', OF_BOTH),
        ]
    )


def _included(package: str, name: str, arguments: dict) -> IncludeLaunchDescription:
    path = Path(get_package_share_directory(package)) / 'launch' / name
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(path)), launch_arguments=list(arguments.items())
    )  # fmt: skip
