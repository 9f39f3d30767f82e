"""The uavloc library as a node of ROS 2: it converts, calls and publishes."""
