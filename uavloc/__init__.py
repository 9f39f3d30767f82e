"""uavloc: positions for GPS-denied drones from camera and map."""

__version__ = "0.1.0"
