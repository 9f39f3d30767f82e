"""Invented worlds and simulated flights, for the demo, for tests with faults, and for training.

    spec = WorldSpec(seed=7)
    simulate_world(spec, "world")                       # map_summer.jpg/.json, map_autumn.jpg/.json, world.json
    scene = scene_from_world(spec, AUTUMN)              # or scene_from_image(rgb, top_left, bottom_right)
    simulate_flight(scene, FlightSpec(seed=3), "log")   # frames/, sensors.csv, camera.json, truth.csv

Everything random follows from the seeds. World metres are x east, y south from the north-west corner; rasters are
north up and exactly linear in latitude and longitude between their outer corners.
"""

from uavloc.sim.faults import Faults
from uavloc.sim.flight import FlightSpec, SimulatedFlight, default_camera, simulate_flight
from uavloc.sim.inertia import Inertia
from uavloc.sim.motion import Air
from uavloc.sim.optics import Optics
from uavloc.sim.scene import Scene, map_picture, scene_from_image, scene_from_world
from uavloc.sim.sensors import Sensors
from uavloc.sim.specs import AUTUMN, DATES, SNOW, SPRING, SUMMER, Date, WorldSpec, date_named
from uavloc.sim.terrain import TERRAINS, TerrainName
from uavloc.sim.worldfiles import load_world, simulate_world

__all__ = [
    "AUTUMN", "DATES", "SNOW", "SPRING", "SUMMER", "TERRAINS", "Air", "Date", "Faults", "FlightSpec", "Inertia",
    "Optics", "Scene", "Sensors", "SimulatedFlight", "TerrainName", "WorldSpec", "date_named", "default_camera",
    "load_world", "map_picture", "scene_from_image", "scene_from_world", "simulate_flight", "simulate_world",
]  # fmt: skip
