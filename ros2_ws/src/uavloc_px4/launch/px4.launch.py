"""The node alone: `ros2 launch uavloc_px4 px4.launch.py params_file:=FILE`."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """One node, with the example parameters unless others are named."""
    share = Path(get_package_share_directory("uavloc_px4"))
    params = DeclareLaunchArgument("params_file", default_value=str(share / "config" / "px4.yaml"))
    node = Node(
        package="uavloc_px4",
        executable="px4_node",
        name="uavloc_px4",
        output="screen",
        parameters=[LaunchConfiguration("params_file")],
    )
    return LaunchDescription([params, node])
