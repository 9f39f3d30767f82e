"""Positions of uavloc to PX4 over uXRCE-DDS, and what PX4 measures to uavloc."""
