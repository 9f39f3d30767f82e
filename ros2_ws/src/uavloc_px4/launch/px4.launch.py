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

"""The node alone: `ros2 launch uavloc_px4 px4.launch.py px4_params_file:=FILE`."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue


def generate_launch_description() -> LaunchDescription:
    """One node, with the example parameters unless others are named."""
    share = Path(get_package_share_directory('uavloc_px4'))
    arguments = [
        DeclareLaunchArgument('px4_params_file', default_value=str(share / 'config' / 'px4.yaml')),
        DeclareLaunchArgument('use_sim_time', default_value='false'),
    ]
    sim_time = ParameterValue(LaunchConfiguration('use_sim_time'), value_type=bool)
    node = Node(
        package='uavloc_px4',
        executable='px4_node',
        name='uavloc_px4',
        output='screen',
        parameters=[LaunchConfiguration('px4_params_file'), {'use_sim_time': sim_time}],
    )
    return LaunchDescription([*arguments, node])
