"""A simulated aircraft as a MAVLink peer with a camera: what the onboard program is flown against.

    vehicle = SimulatedVehicle(scene, VehicleSpec(autopilot="px4"), [open_port("udpout:127.0.0.1:14551")])
    vehicle.step()                                      # 20 ms of flight; `fly` does it in real time, with a camera

It believes, follows and refuses what ArduPilot and PX4 were measured to (docs/simulated-vehicle.md).
"""

from uavloc.sim.vehicle.behaviour import BEHAVIOURS, AutopilotName
from uavloc.sim.vehicle.port import open_port
from uavloc.sim.vehicle.script import FAULTS, Fault, Script, fault_of
from uavloc.sim.vehicle.spec import VehicleSpec
from uavloc.sim.vehicle.vehicle import SimulatedVehicle

__all__ = [
    "BEHAVIOURS", "FAULTS", "AutopilotName", "Fault", "Script", "SimulatedVehicle", "VehicleSpec", "fault_of",
    "open_port",
]  # fmt: skip
